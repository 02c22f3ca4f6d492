/** What holds for every implementation of `log.ts`: which appends, checkpoints and queries are in order. Pure. */
import { ENTRY_BYTES_MAX } from '../base/crypto/canonical-json.ts'
import { AppError } from '../base/errors.ts'
import type { AcceptedCheckpoint, EntryKeys, LogHit, LogQuery, TreeHead } from './log.ts'
import { sameHash } from './tree/hash.ts'

/** Entries of one `append`: they become durable together, so they are held in memory together. */
export const APPEND_ENTRIES_MAX = 16_384
/** Bytes of the entries of one `append`. */
export const APPEND_BYTES_MAX: number = 64 * 1_048_576
/** Hits of a query that does not say how many it wants. */
const HITS_DEFAULT = 100
/** The most hits that a query may want. */
export const HITS_MAX = 1000

/** The bytes of entries that may be appended in one go. @throws usage.log */
export function bytesOfAppend(entries: readonly Uint8Array[]): number {
  if (entries.length > APPEND_ENTRIES_MAX) {
    throw new AppError('usage.log', `appending: wanted at most ${APPEND_ENTRIES_MAX} entries, found ${entries.length}`)
  }
  let bytes = 0
  for (const { byteLength } of entries) {
    if (byteLength > ENTRY_BYTES_MAX) {
      throw new AppError(
        'usage.log',
        `appending: wanted entries of at most ${ENTRY_BYTES_MAX} bytes, found ${byteLength}`,
      )
    }
    bytes += byteLength
  }
  if (bytes <= APPEND_BYTES_MAX) return bytes
  throw new AppError('usage.log', `appending: wanted at most ${APPEND_BYTES_MAX} bytes at once, found ${bytes}`)
}

/** Passes if the log has the size that a caller of `append` demands. @throws conflict.changed */
export function checkAt(at: number | undefined, size: number): void {
  if (at === undefined || at === size) return
  throw new AppError('conflict.changed', `appending: wanted a log of ${at} entries, found ${size}`)
}

/**
 * Passes if `next` may be published after `newest` in a log that has `root` at that size (undefined: it has not so many
 * entries). @throws conflict.changed, untrusted.proof
 */
export function checkPublish(
  newest: TreeHead | undefined,
  next: AcceptedCheckpoint,
  origin: string,
  root: Uint8Array | undefined,
): void {
  const doing = `publishing the checkpoint of ${next.origin} at ${next.size}`
  if (next.origin !== origin) throw new AppError('conflict.changed', `${doing}: this log is ${origin}`)
  if (newest !== undefined && next.size < newest.size) {
    throw new AppError('conflict.changed', `${doing}: one of size ${newest.size} is published already`)
  }
  if (root === undefined) throw new AppError('conflict.changed', `${doing}: this log has fewer entries`)
  if (!sameHash(root, next.root)) throw new AppError('untrusted.proof', `${doing}: this log has another root there`)
}

/** How many hits a query wants. @throws usage.request if it asks for nothing in particular */
export function limitOf({ purl, digest, kind, package: named, limit = HITS_DEFAULT }: LogQuery): number {
  if (purl === undefined && digest === undefined && kind === undefined && named === undefined) {
    throw new AppError('usage.request', 'searching the log: wanted a purl, a digest, a kind or a package')
  }
  return Math.max(0, Math.min(HITS_MAX, limit))
}

/** True if an entry with these keys is what a query wants. */
export function answers({ purl, digest, kind, package: named }: LogQuery, keys: EntryKeys): boolean {
  return (
    (named === undefined || keys.packages?.includes(named) === true) &&
    (purl === undefined || keys.purls.includes(purl)) &&
    (digest === undefined || keys.digests.includes(digest)) &&
    (kind === undefined || keys.kind === kind)
  )
}

/** All hits of a kind, newest first, page by page. */
export async function allOfKind(kind: string, find: (query: LogQuery) => Promise<LogHit[]>): Promise<LogHit[]> {
  const found: LogHit[] = []
  for (;;) {
    const before = found.at(-1)?.index
    const page = await find({ kind, limit: HITS_MAX, ...(before === undefined ? {} : { before }) })
    found.push(...page)
    if (page.length < HITS_MAX) return found
  }
}

/** @returns the error for what is beyond the newest checkpoint */
export function beyond(what: string, newest: TreeHead | undefined): AppError {
  return new AppError(
    'absent.entry',
    `reading the log: wanted ${what}, found a checkpoint over ${newest?.size ?? 0} entries`,
  )
}
