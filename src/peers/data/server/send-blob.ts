/**
 * The pooled sender: writes a stream into a response through four recycled 512 KiB buffers, so that up to four writes are under
 * way while the store reads on into its own buffers (`4-network.md`, "Pooled sender").
 */
import type { ServerResponse } from 'node:http'
import type { Clock } from '../../../base/clock.ts'
import { AppError } from '../../../base/errors.ts'
import type { ByteStream } from '../../../base/streams.ts'
import type { TokenBucket } from '../token-bucket.ts'

const BUFFER_BYTES = 524_288
const BUFFER_BYTES_MIN = 16_384
const BUFFERS = 4
/** A receiver that takes nothing of what was written for this long loses its upload slot. */
const UNREAD_MS = 60_000

/**
 * Bytes of one write under a rate limit: a receiver must hear something well before it thinks that this node stalled, however
 * low the limit is.
 */
export function writeBytes(bytesPerSecond: number): number {
  return Math.min(BUFFER_BYTES, Math.max(BUFFER_BYTES_MIN, Math.floor(bytesPerSecond / 16)))
}

/**
 * Writes `lengthBytes` bytes of `stream` and ends the response. `onSent` is told of bytes handed to the socket.
 * @throws untrusted.size if the stream has another length; unavailable.peer if the receiver left; what the stream throws
 */
export async function sendStream(
  response: ServerResponse,
  stream: ByteStream,
  lengthBytes: number,
  options: {
    readonly buckets: readonly TokenBucket[]
    /** Bytes of each write, at most 512 KiB. */
    readonly bufferBytes: number
    readonly onSent: (bytes: number) => void
    readonly signal: AbortSignal
  },
  dependencies: { readonly clock: Clock },
): Promise<void> {
  const pool = bufferPool(response, dependencies.clock)
  let buffer: Buffer | undefined
  let filledBytes = 0
  let sentBytes = 0
  const flush = async (): Promise<void> => {
    if (buffer === undefined || filledBytes === 0) return
    const waitMs = Math.max(...options.buckets.map((bucket) => bucket.debit(filledBytes)))
    if (waitMs > 0) await dependencies.clock.sleep(waitMs, options.signal)
    pool.write(buffer, filledBytes)
    options.onSent(filledBytes)
    buffer = undefined
    filledBytes = 0
  }
  for await (const chunk of stream) {
    sentBytes += chunk.byteLength
    if (sentBytes > lengthBytes) throw wrongLength(lengthBytes, sentBytes)
    for (let offset = 0; offset < chunk.byteLength; ) {
      buffer ??= await pool.take(Math.min(options.bufferBytes, lengthBytes))
      const count = Math.min(buffer.byteLength - filledBytes, chunk.byteLength - offset)
      buffer.set(chunk.subarray(offset, offset + count), filledBytes)
      filledBytes += count
      offset += count
      if (filledBytes === buffer.byteLength) await flush()
    }
  }
  await flush()
  if (sentBytes !== lengthBytes) throw wrongLength(lengthBytes, sentBytes)
  response.end()
}

interface BufferPool {
  take(sizeBytes: number): Promise<Buffer>
  write(buffer: Buffer, count: number): void
}

function bufferPool(response: ServerResponse, clock: Clock): BufferPool {
  const spare: Buffer[] = []
  let made = 0
  let closed = response.destroyed
  let waiting: (() => void) | undefined
  const wake = (): void => {
    waiting?.()
    waiting = undefined
  }
  response.once('close', () => {
    closed = true
    wake()
  })
  return {
    async take(sizeBytes) {
      while (!closed && spare.length === 0 && made === BUFFERS) {
        const cancel = clock.after(UNREAD_MS, () => response.destroy())
        await new Promise<void>((resolve) => {
          waiting = resolve
        })
        cancel()
      }
      if (closed) throw new AppError('unavailable.peer', 'sending a blob: the receiver closed the connection')
      const kept = spare.pop()
      if (kept !== undefined) return kept
      made += 1
      return Buffer.allocUnsafeSlow(sizeBytes)
    },
    write(buffer, count) {
      response.write(buffer.subarray(0, count), () => {
        spare.push(buffer)
        wake()
      })
    },
  }
}

function wrongLength(wanted: number, found: number): AppError {
  return new AppError('untrusted.size', `sending a blob: wanted ${wanted} bytes, found ${found}`)
}
