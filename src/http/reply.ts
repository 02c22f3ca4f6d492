/**
 * Sends a reply. One chunk is in flight at a time and it is asked for only when the former one has left, so a slow reader
 * costs one chunk of memory; a body that fails or comes out short destroys the connection, because a completed body is a
 * verified body.
 */
import type { ServerResponse } from 'node:http'
import { AppError, ERROR_KINDS, errorChain, isKind, wrapError } from '../base/errors.ts'
import type { ByteStream } from '../base/streams.ts'
import type { ServeReply } from '../serve/serve.ts'

/**
 * Sends `reply`; resolves with the number of body bytes sent once the reply has ended or its connection is gone.
 * @throws what the body's stream threw, after the connection was destroyed; aborted.caller if the client left
 */
export async function sendReply(response: ServerResponse, reply: ServeReply, head: boolean): Promise<number> {
  const { body } = reply
  response.statusCode = reply.status
  if (reply.statusText !== undefined) response.statusMessage = reply.statusText
  for (const name in reply.headers) response.setHeader(name, reply.headers[name] ?? '')
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    return sendWhole(response, body ?? '', head)
  }
  if (head) {
    await body[Symbol.asyncIterator]().return?.()
    response.end()
    return 0
  }
  return sendStream(response, body, reply.atHand === true)
}

/** Sends an error that no ecosystem can put into its client's own format, as JSON. */
export function sendError(response: ServerResponse, error: unknown, head: boolean): void {
  const known = wrapError(error, 'bug.assertion', 'handling the request failed')
  const text = JSON.stringify({ error: { code: known.code, message: errorChain(known).join(': ') } })
  response.statusCode = statusOf(known)
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.setHeader('x-content-type-options', 'nosniff')
  sendWhole(response, `${text}\n`, head)
}

/** The HTTP status of an error. */
export function statusOf(error: AppError): number {
  if (error.code === 'exhausted.disk') return 507
  if (error.code === 'unavailable.timeout') return 504
  return ERROR_KINDS[error.kind].httpStatus
}

function sendWhole(response: ServerResponse, body: string | Uint8Array, head: boolean): number {
  const sizeBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  const bodiless = response.statusCode === 204 || response.statusCode === 304
  if (!bodiless && !response.hasHeader('content-length')) response.setHeader('content-length', sizeBytes)
  if (head || bodiless) {
    response.end()
    return 0
  }
  response.end(body)
  return sizeBytes
}

async function sendStream(response: ServerResponse, body: ByteStream, atHand: boolean): Promise<number> {
  const stated = response.getHeader('content-length')
  const gone = new Gone(response)
  let sentBytes = 0
  try {
    if (!atHand) response.flushHeaders()
    for await (const chunk of body) {
      if (chunk.byteLength === 0) continue
      sentBytes += chunk.byteLength
      // The end leaves with the last chunk, and with a small body so do the headers: one write for all of it.
      const isLast = atHand && Number(stated) === sentBytes
      await (isLast ? gone.ended(chunk) : gone.written(chunk))
    }
    if (stated !== undefined && Number(stated) !== sentBytes) {
      throw new AppError('untrusted.size', `sending a body: wanted ${stated} bytes, found ${sentBytes}`)
    }
    if (!response.writableEnded) await gone.ended()
    return sentBytes
  } catch (error) {
    // A reset, not an end: the client must not take what it has for the whole.
    if (!isKind(error, 'aborted')) response.destroy()
    throw error
  } finally {
    gone.release()
  }
}

/** Waits for writes, or for the connection to go, whichever comes first. */
class Gone {
  readonly #response: ServerResponse
  #reject: ((error: AppError) => void) | undefined
  #isGone: boolean

  constructor(response: ServerResponse) {
    this.#response = response
    this.#isGone = response.destroyed
    response.on('close', this.#onClose)
  }

  /** Resolves when the chunk has left and may be reused. */
  written(chunk: Uint8Array): Promise<void> {
    return this.#wait((done) => this.#response.write(chunk, done))
  }

  /** Resolves when everything has left, `last` as well. */
  ended(last?: Uint8Array): Promise<void> {
    return this.#wait((done) => (last === undefined ? this.#response.end(done) : this.#response.end(last, done)))
  }

  release(): void {
    this.#response.off('close', this.#onClose)
  }

  #wait(start: (done: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isGone) {
        reject(left())
        return
      }
      this.#reject = reject
      start((error) => {
        this.#reject = undefined
        if (error) reject(left(error))
        else resolve()
      })
    })
  }

  readonly #onClose = (): void => {
    this.#isGone = true
    if (!this.#response.writableFinished) this.#reject?.(left())
    this.#reject = undefined
  }
}

function left(cause?: unknown): AppError {
  return new AppError('aborted.caller', 'the client closed its connection', cause === undefined ? {} : { cause })
}
