/**
 * What the log says of many packages at once: of those that a lockfile names, or of all that this node has served (`pyrsia audit`). Says
 * what was withdrawn after it was installed (H4), and what was built with something that was withdrawn (E5). Built by `wire.ts`.
 */
import { basename } from 'node:path'
import type { Digest } from '../../base/digest.ts'
import { parseEntry } from '../../base/entries/entry.ts'
import { AppError } from '../../base/errors.ts'
import { type Purl, parsePurl, purlParts } from '../../base/purl.ts'
import type { Ecosystem } from '../../ecosystems/ecosystem.ts'
import type { AuditDoor } from '../../http/api/parts.ts'
import type { AuditView } from '../../http/http.ts'
import type { TrustedLog } from '../../serve/rules/verdicts.ts'
import type { FileVerdict, Serve } from '../../serve/serve.ts'
import type { Store } from '../../store/store.ts'
import type { Statements } from '../roles/statements.ts'
import { findDependants } from './dependants.ts'
import { type AuditedRow, rowOf } from './row.ts'

/** What an audit stands on. */
export interface AuditDependencies {
  readonly ecosystems: readonly Ecosystem[]
  readonly log: TrustedLog
  readonly serve: Pick<Serve, 'verdictOn'>
  readonly store: Pick<Store, 'served'>
  readonly statements: Pick<Statements, 'findList'>
}

/** One release and the files of it that are asked about. */
interface Subject {
  readonly purl: Purl
  readonly files: Array<{ readonly digests: readonly Digest[]; readonly name: string | undefined }>
}

/** Releases of one audit. */
const SUBJECTS_MAX = 20_000
/** Files of one release that are looked at: a lockfile may name a wheel for each platform. */
const FILES_MAX = 64
const CONCURRENCY_MAX = 8

/** The door to audits. */
export function createAudit(deps: AuditDependencies): AuditDoor {
  return {
    async audit({ path, text }, signal) {
      const subjects = path === undefined || text === undefined ? ofServed(deps) : ofLockfile(deps, path, text)
      return await audit(subjects, path, deps, signal)
    },
  }
}

async function audit(
  subjects: readonly Subject[],
  path: string | undefined,
  deps: AuditDependencies,
  signal: AbortSignal,
): Promise<AuditView> {
  const { reader, network, timeOf } = deps.log
  const newest = reader.newest()
  const rows = await inTurns(subjects, (subject) => auditOne(subject, deps, signal))
  const dependants = await findDependants(rows, { reader, statements: deps.statements }, signal)
  const found = rows.map(({ row }) => {
    const withdrawn = dependants.get(row.purl) ?? []
    return withdrawn.length === 0 ? row : { ...row, withdrawnDependencies: withdrawn }
  })
  return {
    origin: network.origin,
    size: newest?.size ?? 0,
    asOfSeconds: newest && timeOf(newest),
    stale: rows.find(({ stale }) => stale !== undefined)?.stale,
    lockfile: path,
    rows: found,
  }
}

async function auditOne({ purl, files }: Subject, deps: AuditDependencies, signal: AbortSignal): Promise<AuditedRow> {
  const found: FileVerdict[] = []
  for (const file of files.slice(0, FILES_MAX)) found.push(await deps.serve.verdictOn({ purl, ...file }, signal))
  const served = deps.store.served(purl)
  const firstAtMs = served.length === 0 ? undefined : Math.min(...served.map((fact) => fact.firstAtMs))
  const row = rowOf(purl, found, firstAtMs)
  const entry = row.index === undefined ? undefined : parseEntry(await deps.log.reader.entry(row.index))
  return { row, stale: found[0]?.stale, verdict: entry?.kind === 'verdict' ? entry : undefined }
}

/** @throws usage.request */
function ofLockfile({ ecosystems }: AuditDependencies, path: string, text: string): Subject[] {
  const name = basename(path)
  for (const { lockfiles } of ecosystems) {
    const reader = lockfiles.find(({ fileName }) => fileName.test(name))
    if (reader === undefined) continue
    return grouped(
      reader
        .read(Buffer.from(text))
        .map(({ purl, digests, requestPath }) => ({ purl, digests, name: requestPath.split('?', 1)[0] })),
    )
  }
  const ids = ecosystems.filter(({ lockfiles }) => lockfiles.length > 0).map(({ id }) => id)
  throw new AppError(
    'usage.request',
    `no ecosystem reads a lockfile that is called ${JSON.stringify(name.slice(0, 100))}; there are readers for ${ids.join(', ')}`,
  )
}

function ofServed({ store }: AuditDependencies): Subject[] {
  return grouped(
    store.served().map(({ purl, id, label, evidence }) => ({
      purl,
      digests: [...new Set([id, ...evidence.map(({ digest }) => digest)])],
      name: label,
    })),
  )
}

/** By release; what is of no release (an index) is nobody's verdict. */
function grouped(
  files: Iterable<{ readonly purl: string; readonly digests: readonly Digest[]; readonly name: string | undefined }>,
): Subject[] {
  const subjects = new Map<string, Subject>()
  for (const { purl: text, digests, name } of files) {
    if (purlParts(text).version === undefined) continue
    const purl = parsePurl(text)
    const subject = subjects.get(purl) ?? { purl, files: [] }
    if (!subjects.has(purl) && subjects.size >= SUBJECTS_MAX) {
      throw new AppError('exhausted.size', `wanted at most ${SUBJECTS_MAX} releases to audit, found more`)
    }
    subjects.set(purl, subject)
    subject.files.push({ digests, name })
  }
  return [...subjects.values()]
}

/** A few at a time, the results in order. */
async function inTurns<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < all.length; at = next++) results[at] = await work(all[at] as T)
  }
  await Promise.all(Array.from({ length: CONCURRENCY_MAX }, worker))
  return results
}
