/** What both stores agree on about records: keys, bounds on values, and what a shelf needs of its blobs. Pure. */
import type { BlobId } from '../base/digest.ts'
import type { StoredDocument } from '../base/document.ts'
import { AppError } from '../base/errors.ts'
import { formatPurl, type Purl, purlParts } from '../base/purl.ts'
import type { ServedFact } from './store.ts'

/** What the shelf must know of blobs. */
export interface ShelfBlobs {
  /** True if the blob is in service. */
  has(id: BlobId): boolean
  /** Nothing needs these any more: they may be evicted before all others. */
  release(ids: readonly BlobId[]): void
}

/** A notebook value as JSON. @throws exhausted.size */
export function notebookText(namespace: string, key: string, value: unknown, bytesMax: number): string {
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) {
    throw new AppError('bug.assertion', `keeping ${namespace}/${key}: wanted a JSON value, found ${typeof value}`)
  }
  if (Buffer.byteLength(text) > bytesMax) {
    throw new AppError('exhausted.size', `keeping ${namespace}/${key}: wanted at most ${bytesMax} bytes, found more`, {
      data: { namespace, bytesMax },
    })
  }
  return text
}

/** The purl without version and qualifiers: what all versions of a package have in common. */
export function packageOf(purl: Purl): Purl {
  const { type, namespace, name } = purlParts(purl)
  return formatPurl({ type, namespace, name })
}

/** What identifies a served fact: served again with the same, it only gets a newer `lastAtMs`. */
export function servedKey(fact: Omit<ServedFact, 'firstAtMs' | 'lastAtMs'>): string {
  return JSON.stringify([fact.purl, fact.label, fact.id, fact.upstream])
}

/** The first `limit` documents of these keys that `get` knows. */
export function pageOf(
  keys: Iterable<string>,
  limit: number,
  get: (key: string) => StoredDocument | undefined,
): StoredDocument[] {
  const page: StoredDocument[] = []
  for (const key of keys) {
    if (page.length >= limit) break
    const document = get(key)
    if (document !== undefined) page.push(document)
  }
  return page
}
