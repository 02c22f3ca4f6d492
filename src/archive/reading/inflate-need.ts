/**
 * How readers have deflated bytes unpacked: they are generators that ask and are answered, so that the same reader runs synchronously
 * in a worker (`inflate-now.ts`) and with bounded memory over files of any size (`inflate-stream.ts`).
 */
import type { ByteSource } from '../archive.ts'

/** Asks for one raw deflate stream (RFC 1951). */
export interface InflateNeed {
  readonly source: ByteSource
  readonly offsetBytes: number
  /** The stream ends within so many bytes. */
  readonly packedBytesMax: number
  /** As soon as more come out, it is ended. */
  readonly sizeBytesMax: number
  /** How many will come out if the archive does not lie. */
  readonly expectedBytes: number
  /** Is called with what comes out, in order; a chunk is the sink's until it returns. What it throws ends the reading. */
  sink(chunk: Uint8Array): void
}

/** What came of it. */
export type Inflated =
  | { readonly kind: 'end' /** How many bytes the stream had. */; readonly packedBytes: number }
  | { readonly kind: 'long' }
  | { readonly kind: 'broken'; readonly reason: string }

/** A reader: asks for streams, ends with what it read. */
export type Reading<T> = Generator<InflateNeed, T, Inflated>
