/** The statement that a builder signs about its result: by what came of it, a provenance, or a report. Pure. */
import type { Json } from '../crypto/canonical-json.ts'
import type { BuildResult } from '../entries/result.ts'
import { AppError } from '../errors.ts'
import { dependencyList } from './dependencies.ts'
import type { AttestedBuilder, AttestedRequest } from './predicate.ts'
import { PROVENANCE_TYPE, provenanceOf } from './provenance.ts'
import type { BuildRecord } from './record.ts'
import { NOT_BUILT_TYPE, notBuiltOf, WITNESSED_TYPE, witnessedOf } from './reports.ts'
import { formatStatement, type StatementSubject } from './statement.ts'

/** Bytes of a statement whose envelope, in base64 and with one signature, is surely small enough (`ENVELOPE_BYTES_MAX`). */
export const STATEMENT_BYTES_MAX = 12_060

/** What a statement is made of. */
export interface StatementFacts extends AttestedRequest, Omit<AttestedBuilder, 'environment'> {
  readonly result: BuildResult
  readonly record: BuildRecord
}

/** A statement to sign. */
export interface MadeStatement {
  readonly payload: Uint8Array
  /** The list of dependencies that must be kept beside it, since the statement only names it. */
  readonly list: Uint8Array | undefined
}

/**
 * The statement about a result.
 * @throws bug.assertion if the result names another list of dependencies than the record has; exhausted.size if it has too many files
 */
export function statementOf(facts: StatementFacts): MadeStatement {
  const list = dependencyList(facts.record.dependencies)
  const { result } = facts
  if (result.outcome === 'built' && result.dependencies.list !== list.digest) {
    throw new AppError(
      'bug.assertion',
      `a result names the dependencies ${result.dependencies.list}, not ${list.digest}`,
    )
  }
  const inline = payloadOf(facts, true)
  if (inline.byteLength <= STATEMENT_BYTES_MAX) return { payload: inline, list: undefined }
  const payload = payloadOf(facts, false)
  if (payload.byteLength <= STATEMENT_BYTES_MAX) return { payload, list: list.bytes }
  throw new AppError(
    'exhausted.size',
    `a statement of ${payload.byteLength} bytes is too large: wanted fewer files, or shorter names`,
  )
}

function payloadOf(facts: StatementFacts, inline: boolean): Uint8Array {
  return formatStatement({ subject: subjectsOf(facts), ...predicateOf(facts, inline) })
}

function predicateOf(
  { result, record, ...facts }: StatementFacts,
  inline: boolean,
): { readonly predicateType: string; readonly predicate: Json } {
  const { environment } = result
  const times = { startedSeconds: record.startedSeconds, finishedSeconds: record.finishedSeconds }
  if (result.outcome === 'built') {
    const dependencies = dependencyList(record.dependencies)
    const predicate = provenanceOf({ ...facts, environment, result, record, dependencies, inline })
    return { predicateType: PROVENANCE_TYPE, predicate }
  }
  if (result.outcome === 'witnessed') {
    return { predicateType: WITNESSED_TYPE, predicate: witnessedOf({ ...facts, ...times, environment, result }) }
  }
  return { predicateType: NOT_BUILT_TYPE, predicate: notBuiltOf({ ...facts, ...times, environment, result }) }
}

/** Each file as built or seen; where there is none, the entry by which it was asked for (its leaf hash is a SHA-256). */
function subjectsOf({ result, purl, request }: StatementFacts): StatementSubject[] {
  if (!('files' in result)) return [{ name: purl, digest: { sha256: request } }]
  return result.files.map(({ name, sha256 }) => ({ name, digest: { sha256 } }))
}
