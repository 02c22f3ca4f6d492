/** Runs a reader synchronously: each deflate stream is unpacked at once, in memory. For workers, whose files are in memory anyway. */
import { inflateRawSync } from 'node:zlib'
import { tooLarge } from '../malformed.ts'
import type { Inflated, InflateNeed, Reading } from './inflate-need.ts'

/** Bytes that one stream may unpack to here; for more there is `inflate-stream.ts`. */
export const AT_ONCE_BYTES_MAX: number = 2 * 1024 ** 3

/** The reader's result. @throws untrusted.archive, exhausted.size */
export function readNow<T>(reading: Reading<T>): T {
  let step = reading.next()
  while (step.done !== true) {
    const need = step.value
    step = answer(reading, () => inflateNow(need))
  }
  return step.value
}

function answer<T>(reading: Reading<T>, unpack: () => Inflated): IteratorResult<InflateNeed, T> {
  let inflated: Inflated
  try {
    inflated = unpack()
  } catch (error) {
    // Into the reader, which may turn it into a value.
    return reading.throw(error)
  }
  return reading.next(inflated)
}

/** Unpacks one stream. @throws exhausted.size above `AT_ONCE_BYTES_MAX`, and what the sink throws */
export function inflateNow(need: InflateNeed): Inflated {
  const sizeBytesMax = Math.min(need.sizeBytesMax, AT_ONCE_BYTES_MAX)
  const packed = need.source.read(need.offsetBytes, need.packedBytesMax)
  let unpacked: { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } }
  try {
    // One buffer with a little room, since the end of a stream shows only while there is room for more.
    const chunkSize = Math.max(64, Math.min(sizeBytesMax, need.expectedBytes, packed.byteLength * 1032) + 64)
    const options = { chunkSize, maxOutputLength: Math.max(1, sizeBytesMax), info: true }
    unpacked = inflateRawSync(packed, options) as unknown as typeof unpacked
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string }
    if (code !== 'ERR_BUFFER_TOO_LARGE') return { kind: 'broken', reason: message }
    if (sizeBytesMax === need.sizeBytesMax) return { kind: 'long' }
    throw tooLarge(`a stream of at most ${AT_ONCE_BYTES_MAX} bytes to unpack in memory`, 'more')
  }
  const { buffer, engine } = unpacked
  if (buffer.byteLength > sizeBytesMax) return { kind: 'long' }
  if (buffer.byteLength > 0) need.sink(buffer)
  return { kind: 'end', packedBytes: engine.bytesWritten }
}
