/** The shape of a row of the API's table of operations. */
import type { z } from 'zod'
import type { ByteStream } from '../../base/streams.ts'
import type { ApiParts } from './parts.ts'

/** One call, parsed. */
export interface ApiCall {
  readonly parts: ApiParts
  /** As the row's `query` parsed it. */
  readonly query: Readonly<Record<string, unknown>>
  /** As the row's `body` parsed it. */
  readonly body: Readonly<Record<string, unknown>>
  /** The body of a row with `takesBytes`; there for no other. */
  readonly bytes?: ByteStream
  readonly signal: AbortSignal
}

/** One operation. */
export interface ApiRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly summary: string
  /** Needs the bearer token of `<data>/api-token`. */
  readonly changes: boolean
  readonly query?: z.ZodObject
  readonly body?: z.ZodObject
  /** Largest body; default 64 KiB. */
  readonly bodyBytesMax?: number
  /** The body is no JSON but bytes, which `handle` finds in `bytes`. */
  readonly takesBytes?: true
  /** What the reply holds. */
  readonly replies: string
  /** The reply, as JSON, or an `ApiBytes`. */
  handle(call: ApiCall): unknown
}

/** A reply that is no JSON; an error of the stream resets the connection. */
export class ApiBytes {
  readonly mediaType: string
  readonly stream: ByteStream

  constructor(mediaType: string, stream: ByteStream) {
    this.mediaType = mediaType
    this.stream = stream
  }
}
