/**
 * A response body over a lean connection as a `ByteStream`: chunks are copied into a bounded queue, the peer is paused beyond it
 * and given up when it falls silent while it is waited for.
 */
import type { Clock } from '../../../base/clock.ts'
import { AppError } from '../../../base/errors.ts'
import type { ByteStream } from '../../../base/streams.ts'
import type { LeanConnection, LeanRequest, Receiver } from './lean-connection.ts'
import type { ResponseHead } from './response-head.ts'

const QUEUE_BYTES_MAX = 2_097_152

/** A response whose first bytes arrived. */
export interface StreamedResponse {
  readonly head: ResponseHead
  readonly stream: ByteStream
}

/** How a body is taken. */
export interface StreamOptions {
  /** A peer that sends nothing for this long while its bytes are waited for is given up. */
  readonly stallTimeoutMs: number
  /** Called when the connection is free again. */
  readonly onDone: () => void
}

/**
 * Sends a request and resolves when the first byte of its body is there (at once if the body is empty). Leaving the stream
 * early, or before its first chunk, destroys the connection. The stream throws unavailable.timeout if the peer falls silent.
 * @throws unavailable.peer, untrusted.reply
 */
export async function requestStream(
  connection: LeanConnection,
  request: LeanRequest,
  options: StreamOptions,
  dependencies: { readonly clock: Clock },
): Promise<StreamedResponse> {
  const body = new Body(connection, options, dependencies.clock)
  connection.send(request, body)
  const head = await body.begun.promise
  return { head, stream: body }
}

class Body implements Receiver, AsyncIterableIterator<Uint8Array> {
  readonly begun: PromiseWithResolvers<ResponseHead> = Promise.withResolvers<ResponseHead>()
  readonly #connection: LeanConnection
  readonly #options: StreamOptions
  readonly #clock: Clock
  readonly #queue: Buffer[] = []
  #queuedBytes = 0
  #head: ResponseHead | undefined
  #ended = false
  #failure: AppError | undefined
  #wake: (() => void) | undefined

  constructor(connection: LeanConnection, options: StreamOptions, clock: Clock) {
    this.#connection = connection
    this.#options = options
    this.#clock = clock
  }

  head(head: ResponseHead): void {
    this.#head = head
  }

  body(chunk: Uint8Array): boolean {
    this.#queue.push(Buffer.from(chunk))
    this.#queuedBytes += chunk.byteLength
    this.#changed()
    return this.#queuedBytes < QUEUE_BYTES_MAX
  }

  end(): void {
    this.#ended = true
    this.#options.onDone()
    this.#changed()
  }

  fail(error: AppError): void {
    this.#failure = error
    this.begun.reject(error)
    this.#changed()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const chunk = this.#queue.shift()
      if (chunk !== undefined) {
        const wasFull = this.#queuedBytes >= QUEUE_BYTES_MAX
        this.#queuedBytes -= chunk.byteLength
        if (wasFull && this.#queuedBytes < QUEUE_BYTES_MAX && !this.#ended) this.#connection.resume()
        return { done: false, value: chunk }
      }
      if (this.#failure !== undefined) throw this.#failure
      if (this.#ended) return { done: true, value: undefined }
      await this.#news()
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#ended) this.#connection.destroy(new AppError('aborted.caller', 'the reader left'))
    return { done: true, value: undefined }
  }

  #changed(): void {
    if (this.#head !== undefined && (this.#queue.length > 0 || this.#ended)) this.begun.resolve(this.#head)
    this.#wake?.()
    this.#wake = undefined
  }

  async #news(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    const { stallTimeoutMs } = this.#options
    const cancel = this.#clock.after(stallTimeoutMs, () => {
      const silent = new AppError('unavailable.timeout', `a peer sent nothing for ${stallTimeoutMs} ms`)
      this.#connection.destroy(silent)
    })
    await promise
    cancel()
  }
}
