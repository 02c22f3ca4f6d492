/**
 * One range of a blob from one peer over a lean connection: checks the head, fills the buffers its sink offers, pauses the peer
 * when there are none, and gives a silent peer up.
 */
import type { Clock } from '../../../base/clock.ts'
import { type BlobId, hexOf } from '../../../base/digest.ts'
import { AppError, wrapError } from '../../../base/errors.ts'
import type { ByteRange } from '../../../base/streams.ts'
import type { LeanConnection, Receiver } from '../client/lean-connection.ts'
import type { ResponseHead } from '../client/response-head.ts'
import { PATHS } from '../wire/messages.ts'

/** What TLS may still hand over after a pause is far below this. */
const OVERFLOW_BYTES_MAX = 4_194_304

/** Where the bytes go. */
export interface SpanSink {
  /** Room for the next bytes; undefined: none now, pause until `resume`. */
  room(): Uint8Array | undefined
  /** `count` bytes were put into the room. An error ends the span. */
  filled(count: number): void
  paused(paused: boolean): void
}

/** A range on its way. */
export interface Span {
  /** Resolves when all bytes are in the sink; the connection is free then. Rejects with the reason else. */
  readonly done: Promise<void>
  /** There may be room again. */
  resume(): void
  abort(error: AppError): void
}

/**
 * Asks for `range` of the blob and receives it. `done` rejects with absent.blob, denied.share, exhausted.queue (the peer is
 * busy), unavailable.peer, unavailable.timeout (it stalled), untrusted.reply, or what the sink throws.
 */
export function startSpan(
  connection: LeanConnection,
  request: {
    readonly id: BlobId
    readonly sizeBytes: number
    readonly range: ByteRange
    readonly headers: Readonly<Record<string, string>>
    readonly stallTimeoutMs: number
  },
  sink: SpanSink,
  dependencies: { readonly clock: Clock },
): Span {
  const receiver = new SpanReceiver(connection, request, sink, dependencies.clock)
  const last = request.range.offset + request.range.lengthBytes - 1
  const path = `${PATHS.blobs}${hexOf(request.id)}`
  const headers = { ...request.headers, range: `bytes=${request.range.offset}-${last}` }
  try {
    connection.send({ method: 'GET', path, headers }, receiver)
  } catch (error) {
    receiver.fail(wrapError(error, 'unavailable.peer', 'asking a peer for a range'))
  }
  return receiver
}

class SpanReceiver implements Receiver, Span {
  readonly done: Promise<void>
  readonly #connection: LeanConnection
  readonly #request: Parameters<typeof startSpan>[1]
  readonly #sink: SpanSink
  readonly #clock: Clock
  readonly #overflow: Buffer[] = []
  #overflowBytes = 0
  #paused = false
  #ended = false
  #settled = false
  #heardAtMs: number
  #cancelWatch: () => void
  #resolve: () => void
  #reject: (error: AppError) => void

  constructor(connection: LeanConnection, request: Parameters<typeof startSpan>[1], sink: SpanSink, clock: Clock) {
    this.#connection = connection
    this.#request = request
    this.#sink = sink
    this.#clock = clock
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.done = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#heardAtMs = clock.monotonicMs()
    this.#cancelWatch = clock.after(request.stallTimeoutMs, () => this.#watch())
  }

  head(head: ResponseHead): void {
    this.#heardAtMs = this.#clock.monotonicMs()
    const { offset, lengthBytes } = this.#request.range
    if (head.status === 404) throw new AppError('absent.blob', 'the peer does not have the blob (any more)')
    if (head.status === 403) throw new AppError('denied.share', 'the peer does not share the blob with this node')
    if (head.status === 429 || head.status === 503) throw new AppError('exhausted.queue', 'the peer is busy')
    if (head.status !== 206) throw new AppError('unavailable.peer', `wanted a range, found status ${head.status}`)
    const wanted = `bytes ${offset}-${offset + lengthBytes - 1}/${this.#request.sizeBytes}`
    const found = head.headers.get('content-range')
    if (found !== wanted || head.contentLengthBytes !== lengthBytes) {
      throw new AppError('untrusted.reply', `wanted ${wanted}, found ${found} of ${head.contentLengthBytes} bytes`)
    }
  }

  body(chunk: Uint8Array): boolean {
    this.#heardAtMs = this.#clock.monotonicMs()
    const taken = this.#overflow.length > 0 ? 0 : this.#fill(chunk)
    if (taken === chunk.byteLength) return true
    const rest = Buffer.from(chunk.subarray(taken))
    this.#overflow.push(rest)
    this.#overflowBytes += rest.byteLength
    if (this.#overflowBytes > OVERFLOW_BYTES_MAX) throw new AppError('unavailable.peer', 'a peer cannot be paused')
    this.#pause(true)
    return false
  }

  end(): void {
    this.#ended = true
    if (this.#overflow.length === 0) this.#finish()
  }

  fail(error: AppError): void {
    if (this.#settled) return
    this.#settled = true
    this.#cancelWatch()
    this.#reject(error)
  }

  resume(): void {
    if (this.#settled || !this.#paused) return
    try {
      for (let chunk = this.#overflow[0]; chunk !== undefined; chunk = this.#overflow[0]) {
        const taken = this.#fill(chunk)
        this.#overflowBytes -= taken
        if (taken < chunk.byteLength) {
          this.#overflow[0] = chunk.subarray(taken)
          return
        }
        this.#overflow.shift()
      }
    } catch (error) {
      this.abort(wrapError(error, 'unavailable.peer', 'taking bytes of a peer'))
      return
    }
    this.#heardAtMs = this.#clock.monotonicMs()
    this.#pause(false)
    if (this.#ended) this.#finish()
    else this.#connection.resume()
  }

  abort(error: AppError): void {
    if (this.#settled) return
    this.fail(error)
    if (!this.#ended) this.#connection.destroy(error)
  }

  #fill(chunk: Uint8Array): number {
    let taken = 0
    while (taken < chunk.byteLength) {
      const room = this.#sink.room()
      if (room === undefined) break
      const count = Math.min(room.byteLength, chunk.byteLength - taken)
      room.set(taken === 0 && count === chunk.byteLength ? chunk : chunk.subarray(taken, taken + count))
      taken += count
      this.#sink.filled(count)
    }
    return taken
  }

  #pause(paused: boolean): void {
    if (this.#paused === paused) return
    this.#paused = paused
    this.#sink.paused(paused)
  }

  #finish(): void {
    if (this.#settled) return
    this.#settled = true
    this.#cancelWatch()
    this.#resolve()
  }

  #watch(): void {
    if (this.#settled) return
    const silentMs = this.#paused ? 0 : this.#clock.monotonicMs() - this.#heardAtMs
    const leftMs = this.#request.stallTimeoutMs - silentMs
    if (leftMs > 0) this.#cancelWatch = this.#clock.after(leftMs, () => this.#watch())
    else this.abort(new AppError('unavailable.timeout', `a peer sent nothing for ${this.#request.stallTimeoutMs} ms`))
  }
}
