/** Bodies on their way to the caller: decoded, cut to the part that was asked for, and freeing what they hold at their end. */
import { pipeline, Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { AppError } from '../../base/errors.ts'
import type { ByteStream } from '../../base/streams.ts'

/** A body without bytes. */
export const EMPTY_BODY: ByteStream = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
}

/** The body in identity encoding. @throws untrusted.reply for an encoding that was not asked for and is not known */
export function decoded(body: ByteStream, encoding: string | undefined): ByteStream {
  const name = (encoding ?? '').trim().toLowerCase()
  if (name === '' || name === 'identity') return body
  const decoder =
    name === 'gzip' || name === 'x-gzip' ? createGunzip() : name === 'br' ? createBrotliDecompress() : undefined
  if (decoder === undefined) {
    throw new AppError('untrusted.reply', `asked for an identity or gzip body, was given ${JSON.stringify(name)}`)
  }
  // The error reaches whoever reads the decoder; the callback only keeps it from being unhandled.
  pipeline(Readable.from(body, { objectMode: false }), decoder, () => {})
  return decoder
}

/** `skipBytes` are thrown away, then `takeBytes` (undefined: all) handed out. @throws untrusted.size if there are fewer */
export async function* portion(
  body: ByteStream,
  skipBytes: number,
  takeBytes: number | undefined,
): AsyncGenerator<Uint8Array> {
  let skip = skipBytes
  let left = takeBytes ?? Number.POSITIVE_INFINITY
  for await (const chunk of body) {
    const from = Math.min(skip, chunk.byteLength)
    skip -= from
    const part = chunk.subarray(from, Math.min(chunk.byteLength, from + left))
    left -= part.byteLength
    if (part.byteLength > 0) yield part
    if (left === 0) return
  }
  if (skip > 0 || (takeBytes !== undefined && left > 0)) {
    throw new AppError('untrusted.size', `a body is ${skip + (takeBytes === undefined ? 0 : left)} bytes short`)
  }
}

/**
 * The body as its caller sees it: can be read once; `end` is called exactly once, when it was read to its end, failed, or was
 * given up, also before its first byte was asked for (an async generator would not notice that).
 */
export function ownedBody(
  body: ByteStream,
  owner: { end(outcome: 'complete' | 'failed' | 'left'): void; error(cause: unknown): unknown },
): ByteStream {
  let source: AsyncIterator<Uint8Array> | undefined
  let ended = false
  const end = (outcome: 'complete' | 'failed' | 'left') => {
    if (!ended) owner.end(outcome)
    ended = true
  }
  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      if (ended) return { done: true, value: undefined }
      try {
        source ??= body[Symbol.asyncIterator]()
        const step = await source.next()
        if (step.done === true) end('complete')
        return step
      } catch (cause) {
        const error = owner.error(cause)
        end('failed')
        throw error
      }
    },
    async return() {
      end('left')
      // The source may be waiting for a byte that never comes: it has been told, and is not waited for.
      Promise.resolve(source?.return?.()).catch(() => {})
      return { done: true, value: undefined }
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}
