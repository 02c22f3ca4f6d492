/**
 * Step 4: signs what came out, and binds this node to it before anybody hears of it. After a crash the same binding is found again:
 * there is one per attempt, so a builder can be slow but never says two things. 2-trust.md, "Attestation", "Agreement".
 */
import { hash } from 'node:crypto'
import type { Brand } from '../../base/brand.ts'
import type { Random } from '../../base/clock.ts'
import { canonicalJson, type Json } from '../../base/crypto/canonical-json.ts'
import { type Envelope, envelopeJson, signEnvelope } from '../../base/crypto/dsse.ts'
import type { Signer } from '../../base/crypto/ed25519.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import { type BuildResult, commitmentOf } from '../../base/entries/result.ts'
import type { BuildOutcome } from '../builder.ts'
import type { Bound, JobBook } from '../jobs.ts'
import type { Assignment } from './select.ts'

/** A result that this node is bound to. Only `attest` and `boundTo` make one. */
export type Attestation = Brand<Bound & { readonly envelopeName: Hex32 }, 'Attestation'>

/** What attesting needs. */
export interface AttestDependencies {
  readonly network: string
  readonly node: Hex32
  /** Of the attestation key. */
  readonly signer: Signer
  readonly random: Random
  readonly jobs: JobBook
  /** Keeps the signed statement for whoever wants to prove the verdict; durable when it resolves. */
  keepStatement(bytes: Uint8Array): Promise<void>
}

const PAYLOAD_TYPE = 'application/vnd.in-toto+json'
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
const SALT_BYTES = 32

/** What this node bound itself to before; undefined if nothing. @throws damaged.database */
export function boundTo(job: Assignment, jobs: JobBook): Attestation | undefined {
  const bound = jobs.find(job)
  return bound === undefined ? undefined : named(bound)
}

/** Binds this node to an outcome. @throws unavailable.storage, exhausted.disk */
export async function attest(job: Assignment, outcome: BuildOutcome, deps: AttestDependencies): Promise<Attestation> {
  const { network, node, signer, random, jobs } = deps
  const { request, attempt } = job
  const { result } = outcome
  const envelope = signEnvelope(PAYLOAD_TYPE, statementOf(outcome), [{ keyid: node, signer }])
  const salt = Buffer.from(random.bytes(SALT_BYTES)).toString('hex')
  const commitment = commitmentOf({ network, request, attempt, builder: node, result, salt })
  await deps.keepStatement(bytesOf(envelope))
  const bound = { result, salt, commitment, envelope }
  jobs.keep(job, bound)
  return named(bound)
}

function named(bound: Bound): Attestation {
  return { ...bound, envelopeName: hash('sha256', bytesOf(bound.envelope), 'hex') } as Attestation
}

function bytesOf(envelope: Envelope): Uint8Array {
  return canonicalJson(envelopeJson(envelope))
}

/** An in-toto Statement v1 about each file as built. */
function statementOf({ result, predicateType, predicate }: BuildOutcome): Uint8Array {
  const statement = { _type: STATEMENT_TYPE, subject: subjectsOf(result), predicateType, predicate }
  return canonicalJson(statement as unknown as Json)
}

function subjectsOf(result: BuildResult): Json[] {
  if (!('files' in result)) return []
  return result.files.map(({ name, sha256 }) => ({ name, digest: { sha256 } }))
}
