/** Predicates of what was not built: only seen at the registry (`witnessed`), or found to be unbuildable or malformed. Pure. */
import { z } from 'zod'
import type { Json } from '../crypto/canonical-json.ts'
import type { NotBuilt, Witnessed } from '../entries/result.ts'
import {
  type AttestedBuilder,
  type AttestedRequest,
  type AttestedTimes,
  type BuilderPredicate,
  builderOf,
  builderPredicate,
  purlShape,
  remarkShape,
  requestShape,
  timeShape,
  timeText,
} from './predicate.ts'
import { readShape } from './statement.ts'

/** Type of the predicate of what was only seen: these files are what the registry gives for the package. */
export const WITNESSED_TYPE = 'https://pyrsia.io/witnessed/v1'
/** Type of the predicate of what was not built. Its subject is the log's entry of the request, since there is no file. */
export const NOT_BUILT_TYPE = 'https://pyrsia.io/not-built/v1'

/** Either, read. */
export interface Report {
  readonly of: AttestedRequest
  readonly builder: BuilderPredicate
  readonly startedOn: string
  readonly finishedOn: string
  readonly outcome: 'witnessed' | NotBuilt['outcome']
  /** Of what was witnessed: whether the package was named by a tag, which may move. */
  readonly tag?: boolean
}

const head = {
  purl: purlShape,
  ...requestShape,
  builder: builderPredicate,
  startedOn: timeShape,
  finishedOn: timeShape,
}
const witnessed = z.strictObject({ ...head, tag: z.boolean() })
const notBuilt = z.strictObject({ ...head, outcome: z.enum(['unbuildable', 'malformed']), reason: remarkShape })

type Facts<R> = AttestedRequest & AttestedBuilder & AttestedTimes & { readonly result: R }

/** The predicate of a witnessed package. */
export function witnessedOf(facts: Facts<Witnessed>): Json {
  return { ...headOf(facts), tag: facts.result.tag }
}

/** The predicate of a package that could not be built. */
export function notBuiltOf(facts: Facts<NotBuilt>): Json {
  const { outcome, reason } = facts.result
  return { ...headOf(facts), outcome, reason }
}

/** @throws untrusted.attestation for anything that is not to the letter */
export function readWitnessed(predicate: Json): Report {
  const { tag, builder, startedOn, finishedOn, ...of } = readShape('report of what was witnessed', witnessed, predicate)
  return { of, builder, startedOn, finishedOn, outcome: 'witnessed', tag }
}

/** @throws untrusted.attestation for anything that is not to the letter */
export function readNotBuilt(predicate: Json): Report {
  const found = readShape('report of what was not built', notBuilt, predicate)
  const { outcome, reason: _, builder, startedOn, finishedOn, ...of } = found
  return { of, builder, startedOn, finishedOn, outcome }
}

function headOf(facts: Facts<unknown>): { [member: string]: Json } {
  const { network, purl, request, attempt, startedSeconds, finishedSeconds } = facts
  const builder = builderOf(facts) as unknown as Json
  const startedOn = timeText(startedSeconds)
  return { network, purl, request, attempt, builder, startedOn, finishedOn: timeText(finishedSeconds) }
}
