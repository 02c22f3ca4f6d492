/** A client's request as the HTTP edge hands it over, and the reply that it sends. Types only. */
import type { StoredDocument } from '../base/document.ts'
import type { NativeReply } from '../base/located.ts'
import type { ByteStream } from '../base/streams.ts'
import type { Ecosystem, RequestView } from '../ecosystems/ecosystem.ts'
import type { BlobInfo } from '../store/store.ts'

/** What an answer rests on: a file, a blob that was read on the way, or a kept document. */
export type Used =
  | { readonly kind: 'blob'; readonly blob: BlobInfo }
  | { readonly kind: 'document'; readonly document: StoredDocument }

/** Asks for an answer from this node's own store alone. */
export interface StoreOnly {
  /** Told everything that the answer rests on, also if it ends as a refusal; may be told the same twice. */
  readonly onUsed: (used: Used) => void
}

/** A client's request to one ecosystem's mount; `path` is below the mount. */
export interface ServeRequest extends RequestView {
  readonly ecosystem: Ecosystem
  /** Body of a POST. */
  readonly body: ByteStream | undefined
  readonly signal: AbortSignal
  /** Present: neither upstream nor peers are asked, whatever is missing. */
  readonly storeOnly?: StoreOnly
}

/** What the HTTP edge sends. HEAD replies have the headers of GET; the edge leaves the body out and ends the stream unread. */
export interface ServeReply {
  readonly status: number
  readonly statusText: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /** An error of the stream must reset the connection: a body is never completed unverified. */
  readonly body: ByteStream | NativeReply['body'] | undefined
  /** The body's bytes lie here and each chunk of them is checked before it comes: the headers may leave with the first one. */
  readonly atHand?: true
}
