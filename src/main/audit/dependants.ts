/** Which of the audited releases were built with something that has been withdrawn since (E5): by the lists that their verdicts name. */
import { parseDigest } from '../../base/digest.ts'
import { type Entry, parseEntry } from '../../base/entries/entry.ts'
import { parsePurl } from '../../base/purl.ts'
import type { AuditRow } from '../../http/http.ts'
import type { LogReader } from '../../log/log.ts'
import type { Statements } from '../roles/statements.ts'
import type { AuditedRow } from './row.ts'

/** What it is found by. */
export interface Dependants {
  readonly reader: Pick<LogReader, 'revocations'>
  readonly statements: Pick<Statements, 'findList'>
}

type Withdrawn = AuditRow['withdrawnDependencies'][number]
type Revocation = Extract<Entry, { kind: 'revocation'; step: 'effective' }>

/** By purl of the audited release, what of its build was withdrawn. Nothing is fetched while nothing at all was. @throws aborted.caller */
export async function findDependants(
  rows: readonly AuditedRow[],
  { reader, statements }: Dependants,
  signal: AbortSignal,
): Promise<Map<string, Withdrawn[]>> {
  const revoked = await revocationsOf(reader, signal)
  const found = new Map<string, Withdrawn[]>()
  if (revoked.length === 0) return found
  for (const { row, verdict } of rows) {
    const agreed = verdict?.agreed
    if (verdict === undefined || agreed === undefined || agreed === null || agreed.outcome !== 'built') continue
    const named = verdict.panel.flatMap(({ agreed: alike, envelope }) => (alike && envelope !== null ? [envelope] : []))
    const used = await statements.findList(agreed.dependencies.list, named, signal)
    const withdrawn = (used?.dependencies ?? []).flatMap(({ uri, name, sha256 }) => {
      const entry = revoked.find((one) => concerns(one, uri, sha256))
      return entry === undefined ? [] : [{ purl: entry.purl, name, reason: entry.reason }]
    })
    if (withdrawn.length > 0) found.set(row.purl, withdrawn)
  }
  return found
}

async function revocationsOf(reader: Dependants['reader'], signal: AbortSignal): Promise<Revocation[]> {
  return (await reader.revocations(signal)).flatMap(({ entry }) => {
    const read = entryOf(entry)
    return read?.kind === 'revocation' && read.step === 'effective' ? [read] : []
  })
}

function entryOf(bytes: Uint8Array): Entry | undefined {
  try {
    return parseEntry(bytes)
  } catch {
    return undefined
  }
}

function concerns({ purl, digests }: Revocation, uri: string, sha256: string): boolean {
  const named = digests.map(parseDigest)
  if (named.includes(parseDigest(`sha256:${sha256}`))) return true
  return isPurl(uri, purl) && named.every((digest) => !digest.startsWith('sha256:'))
}

function isPurl(uri: string, purl: string): boolean {
  if (uri === purl) return true
  try {
    return uri.startsWith('pkg:') && parsePurl(uri) === purl
  } catch {
    return false
  }
}
