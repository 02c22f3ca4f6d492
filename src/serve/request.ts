/** A client's request as the HTTP edge hands it over, and the reply that it sends. Types only. */
import type { NativeReply } from '../base/located.ts'
import type { ByteStream } from '../base/streams.ts'
import type { Ecosystem, RequestView } from '../ecosystems/ecosystem.ts'

/** A client's request to one ecosystem's mount; `path` is below the mount. */
export interface ServeRequest extends RequestView {
  readonly ecosystem: Ecosystem
  /** Body of a POST. */
  readonly body: ByteStream | undefined
  readonly signal: AbortSignal
}

/** What the HTTP edge sends. HEAD replies have the headers of GET; the edge leaves the body out and ends the stream unread. */
export interface ServeReply {
  readonly status: number
  readonly statusText: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /** An error of the stream must reset the connection: a body is never completed unverified. */
  readonly body: ByteStream | NativeReply['body'] | undefined
}
