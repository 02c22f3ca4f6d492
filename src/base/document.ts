/** Documents of upstreams (indexes, pointers) as they are kept and passed between trusted nodes. Values only. */
import type { BlobId } from './digest.ts'
import type { DocumentRequest, Headers, Origin } from './located.ts'
import type { ShareLevel } from './share.ts'

/** Names a document: upstream, method, path and the identity headers of its request. */
export type DocumentKey = string

/** The key of a request: two requests with the same key get the same document. */
export function documentKey(request: Pick<DocumentRequest, 'upstream' | 'method' | 'path' | 'headers'>): DocumentKey {
  const headers = Object.entries(request.headers).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([request.upstream, request.method, request.path, headers])
}

/** What is known of a document. Its body is a blob of the store. */
export interface StoredDocument {
  readonly key: DocumentKey
  readonly upstream: string
  /** `absent`: upstream said 404 or 410 at `checkedAtMs` (negative cache). */
  readonly status: 'found' | 'absent'
  /** The body's blob; undefined for pointers (HEAD) and for `absent`. */
  readonly body: BlobId | undefined
  readonly sizeBytes: number
  readonly mediaType: string
  /** Kept reply headers, validators (etag, last-modified) included. */
  readonly headers: Headers
  /** When the bytes were first seen. */
  readonly changedAtMs: number
  /** When upstream last confirmed it. */
  readonly checkedAtMs: number
  readonly origin: Origin
  readonly share: ShareLevel
}
