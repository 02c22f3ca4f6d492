/**
 * Streams that hold something (a reader, a place among a transfer's clients) and give it back however they end: read to the
 * end, failed, given up in the middle, or never begun.
 */
import type { ByteStream } from '../../base/streams.ts'

/** A function that calls `leave` once: when called, or when the client's signal aborts. */
export function onceLeft(signal: AbortSignal, leave: () => void): () => void {
  let left = false
  const once = () => {
    if (left) return
    left = true
    signal.removeEventListener('abort', once)
    leave()
  }
  if (signal.aborted) once()
  else signal.addEventListener('abort', once, { once: true })
  return once
}

/** The stream, left when it ends, fails, or is given up, even before its first chunk. */
export function leaving(stream: ByteStream, leave: () => void): ByteStream {
  return {
    [Symbol.asyncIterator]() {
      const chunks = stream[Symbol.asyncIterator]()
      return {
        async next() {
          try {
            const next = await chunks.next()
            if (next.done) leave()
            return next
          } catch (error) {
            leave()
            throw error
          }
        },
        async return() {
          await chunks.return?.()
          leave()
          return { done: true, value: undefined }
        },
      }
    },
  }
}
