/**
 * One request and one reply over a libp2p stream: each side sends its message and closes its direction. Bounded in bytes and
 * time on both sides; whatever goes wrong resets the stream.
 */
import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface'
import { AppError, wrapError } from '../../../base/errors.ts'

/** Bounds of an exchange of messages. */
export interface AskLimits {
  readonly replyBytesMax: number
  readonly signal: AbortSignal
}

/**
 * Sends `request` to the peer of `connection` and returns its reply.
 * @throws unavailable.peer if it does not answer; exhausted.size if it sends too much
 */
export async function ask(
  connection: Connection,
  protocol: string,
  request: Uint8Array,
  limits: AskLimits,
): Promise<Uint8Array> {
  let stream: Stream | undefined
  try {
    stream = await connection.newStream(protocol, { signal: limits.signal })
    sendAll(stream, request)
    const reply = receiveAll(stream, limits.replyBytesMax, limits.signal)
    const [bytes] = await Promise.all([reply, stream.close({ signal: limits.signal })])
    return bytes
  } catch (error) {
    stream?.abort(error instanceof Error ? error : new Error(String(error)))
    throw wrapError(error, 'unavailable.peer', `asking ${connection.remotePeer} by ${protocol}`)
  }
}

/** Answers one request with what `answer` makes of it. Never throws: a peer that misbehaves gets its stream reset. */
export async function answer(
  stream: Stream,
  requestBytesMax: number,
  signal: AbortSignal,
  answer: (request: Uint8Array) => Uint8Array,
): Promise<void> {
  try {
    sendAll(stream, answer(await receiveAll(stream, requestBytesMax, signal)))
    await stream.close({ signal })
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)))
  }
}

function sendAll(stream: Stream, message: Uint8Array): void {
  stream.maxWriteBufferLength = message.byteLength + 1024
  if (message.byteLength > 0) stream.send(message)
}

/** All that the peer sends until it closes its direction. The stream's own iterator misses an end that came before it. */
async function receiveAll(stream: Stream, bytesMax: number, signal: AbortSignal): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  const onMessage = (event: StreamMessageEvent) => {
    sizeBytes += event.data.byteLength
    if (sizeBytes > bytesMax) {
      reject(new AppError('exhausted.size', `wanted a message of at most ${bytesMax} bytes, found more`))
    } else {
      chunks.push(event.data.slice())
    }
  }
  const onEnd = () => (broken(stream) ? reject(new Error(`the stream was ${stream.status}`)) : resolve())
  const onAbort = () => reject(new AppError('unavailable.timeout', 'the peer took too long', { cause: signal.reason }))
  stream.maxReadBufferLength = bytesMax + 65_536
  stream.addEventListener('message', onMessage)
  stream.addEventListener('end', onEnd)
  stream.addEventListener('close', onEnd)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (signal.aborted) onAbort()
    else if (stream.readableEnded || broken(stream)) onEnd()
    await promise
    return Uint8Array.from(Buffer.concat(chunks, sizeBytes))
  } finally {
    stream.removeEventListener('message', onMessage)
    stream.removeEventListener('end', onEnd)
    stream.removeEventListener('close', onEnd)
    signal.removeEventListener('abort', onAbort)
  }
}

function broken(stream: Stream): boolean {
  return stream.status === 'aborted' || stream.status === 'reset'
}
