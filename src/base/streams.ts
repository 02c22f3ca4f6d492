/** Streams of bytes as async iterables, and the few things that are done with them. No effects, no node streams. */
import { AppError } from './errors.ts'

/**
 * Bytes in order. A chunk belongs to the consumer until it asks for the next one; who keeps a chunk longer copies it
 * (senders recycle their buffers). Leaving the loop early releases what is behind the stream.
 */
export type ByteStream = AsyncIterable<Uint8Array>

/** A part of a body: `offset` bytes are skipped, then `lengthBytes` follow. */
export interface ByteRange {
  readonly offset: number
  readonly lengthBytes: number
}

/** All bytes of a stream. @throws exhausted.size as soon as there are more than `bytesMax` */
export async function collect(stream: ByteStream, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of stream) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > bytesMax) {
      throw new AppError('exhausted.size', `wanted at most ${bytesMax} bytes, found more`, { data: { bytesMax } })
    }
    chunks.push(Buffer.from(chunk))
  }
  return Buffer.concat(chunks, sizeBytes)
}

/** A stream of the given chunks. */
export async function* streamOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}
