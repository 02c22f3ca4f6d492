/**
 * Talks to one peer's data plane: small requests through undici (one Agent with the pinned TLS), bulk through kept-alive lean
 * connections. Connections are opened on demand, bounded in all, and closed when idle.
 */
import type { SecureContext, TLSSocket } from 'node:tls'
import { Agent } from 'undici'
import type { Clock } from '../../../base/clock.ts'
import { AppError, throwIfAborted, wrapError } from '../../../base/errors.ts'
import type { PeerId } from '../../peers.ts'
import { MEMBER_HEADER } from '../wire/messages.ts'
import { ALPN_FORWARD, type DialTarget, dialPeer } from './dial.ts'
import { LeanConnection, type LeanRequest } from './lean-connection.ts'
import { Turns } from './turns.ts'

const SMALL_CONNECTIONS = 8
const IDLE_MS = 20_000
/** Connections kept open for bulk to one peer while nothing is asked. */
const IDLE_CONNECTIONS_MAX = 4
/** Connections that carry small requests to a peer that has to dial back for each. */
const SMALL_BACK_CONNECTIONS = 2
/** For how long a peer that could not be dialled is asked to dial back at once. */
const UNREACHABLE_MS = 60_000
/** A small answer must come at least so fast, once its time for the first byte is over. */
const BYTES_PER_MS_MIN = 64

/** A small answer, wholly in memory. */
export interface SmallReply {
  readonly status: number
  readonly body: Buffer
}

/** Settings of a client; see `DataPlaneOptions` for the meanings. */
export interface PeerClientOptions {
  /** Where the peer is now; undefined: nowhere that can be dialled. */
  readonly target: () => DialTarget | undefined
  readonly context: SecureContext
  /** Proof of membership for this peer, if there is a private network. */
  readonly memberProof: string | undefined
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** True if one more bulk connection may be opened; counts it until `closed` is called. */
  readonly admit: () => (() => void) | undefined
  /** Asks the peer to dial back and waits for the connection; for peers that cannot be dialled. */
  readonly dialledBack: (signal: AbortSignal) => Promise<TLSSocket>
}

/** The client of one peer. */
export class PeerClient {
  readonly peerId: PeerId
  readonly #options: PeerClientOptions
  readonly #clock: Clock
  readonly #agent: Agent
  readonly #idle: LeanConnection[] = []
  readonly #all = new Set<LeanConnection>()
  readonly #smallTurns = new Turns(SMALL_BACK_CONNECTIONS)
  #cancelIdle: (() => void) | undefined
  /** Where it could not be dialled, and until when that is believed. */
  #unreachable: { readonly where: string; readonly untilMs: number } | undefined
  #closed = false

  constructor(peerId: PeerId, options: PeerClientOptions, dependencies: { readonly clock: Clock }) {
    this.peerId = peerId
    this.#options = options
    this.#clock = dependencies.clock
    this.#agent = new Agent({
      connections: SMALL_CONNECTIONS,
      pipelining: 1,
      keepAliveTimeout: IDLE_MS,
      maxHeaderSize: 8_192,
      headersTimeout: options.requestTimeoutMs,
      bodyTimeout: options.requestTimeoutMs,
      connect: (_, callback) => {
        this.#dial(undefined, undefined).then(
          (socket) => callback(null, socket),
          (error: unknown) => callback(error as Error, null),
        )
      },
    })
  }

  /** Headers that every request carries. */
  get headers(): Readonly<Record<string, string>> {
    const { memberProof } = this.#options
    return memberProof === undefined ? {} : { [MEMBER_HEADER]: memberProof }
  }

  /**
   * Sends a small request and reads its answer.
   * @throws unavailable.peer, untrusted.signature, exhausted.size if the answer has more than `bytesMax` bytes; aborted.caller
   */
  async ask(
    request: LeanRequest,
    options: { readonly bytesMax: number; readonly signal: AbortSignal },
  ): Promise<SmallReply> {
    throwIfAborted(options.signal)
    if (this.#closed) throw new AppError('unavailable.peer', `the client of ${this.peerId} is closed`)
    if (this.#dialsBack()) return await this.#askLean(request, options)
    try {
      return await this.#askPooled(request, options)
    } catch (error) {
      throwIfAborted(options.signal)
      if (this.#dialsBack()) return await this.#askLean(request, options)
      throw wrapError(error, 'unavailable.peer', `asking ${this.peerId} for ${request.path}`)
    }
  }

  async #askPooled(request: LeanRequest, options: Parameters<PeerClient['ask']>[1]): Promise<SmallReply> {
    const slow = new AbortController()
    const cancel = this.#clock.after(this.#answerTimeoutMs(options.bytesMax), () => slow.abort(this.#late()))
    try {
      const reply = await this.#agent.request({
        origin: 'https://peer',
        path: request.path,
        method: request.method,
        headers: { ...request.headers, ...this.headers },
        body: request.body ?? null,
        signal: AbortSignal.any([options.signal, slow.signal]),
      })
      const chunks: Buffer[] = []
      let sizeBytes = 0
      for await (const chunk of reply.body) {
        sizeBytes += chunk.byteLength
        if (sizeBytes > options.bytesMax) {
          throw new AppError('exhausted.size', `asking ${this.peerId}: wanted at most ${options.bytesMax} bytes`)
        }
        chunks.push(chunk)
      }
      return { status: reply.statusCode, body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks) }
    } finally {
      cancel()
    }
  }

  /** A free bulk connection, kept alive or new. Give it back. @throws unavailable.peer, untrusted.signature, exhausted.queue, aborted.caller */
  async take(signal: AbortSignal): Promise<LeanConnection> {
    throwIfAborted(signal)
    for (let kept = this.#idle.pop(); kept !== undefined; kept = this.#idle.pop()) if (kept.free) return kept
    if (this.#closed) throw new AppError('unavailable.peer', `the client of ${this.peerId} is closed`)
    const release = this.#options.admit()
    if (release === undefined) {
      throw new AppError('exhausted.queue', `dialling ${this.peerId}: too many outbound connections`)
    }
    try {
      const connection = await this.#connect(signal, (gone) => {
        release()
        if (gone !== undefined) this.#all.delete(gone)
      })
      this.#all.add(connection)
      return connection
    } catch (error) {
      release()
      throw error
    }
  }

  /** Keeps a connection for the next `take`, or closes it. */
  give(connection: LeanConnection): void {
    if (!connection.free || this.#closed || this.#idle.length >= IDLE_CONNECTIONS_MAX) {
      connection.destroy(new AppError('unavailable.peer', 'the connection is not needed any more'))
      return
    }
    this.#idle.push(connection)
    this.#cancelIdle?.()
    this.#cancelIdle = this.#clock.after(IDLE_MS, () => {
      for (const kept of this.#idle.splice(0)) kept.destroy(new AppError('unavailable.peer', 'the connection was idle'))
    })
  }

  /** Closes every connection; transfers under way fail. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelIdle?.()
    this.#idle.length = 0
    for (const connection of this.#all) {
      connection.destroy(new AppError('unavailable.peer', `the client of ${this.peerId} was closed`))
    }
    await this.#agent.destroy()
  }

  async #connect(signal: AbortSignal, onClosed: (gone: LeanConnection | undefined) => void): Promise<LeanConnection> {
    let made: LeanConnection | undefined
    if (this.#dialsBack()) {
      try {
        made = LeanConnection.over(await this.#options.dialledBack(signal), () => onClosed(made))
        return made
      } catch (error) {
        throwIfAborted(signal)
        this.#unreachable = undefined
        if (this.#options.target() === undefined) throw error
      }
    }
    try {
      made = await LeanConnection.open(
        (onChunk) => this.#dial(onChunk, signal),
        () => onClosed(made),
      )
    } catch (error) {
      throwIfAborted(signal)
      if (error instanceof AppError && error.code !== 'unavailable.peer') throw error
      made = LeanConnection.over(await this.#dialledBackOr(error, signal), () => onClosed(made))
    }
    return made
  }

  async #dialledBackOr(failure: unknown, signal: AbortSignal): Promise<TLSSocket> {
    try {
      return await this.#options.dialledBack(signal)
    } catch {
      throwIfAborted(signal)
      throw failure
    }
  }

  #dial(onChunk: ((chunk: Buffer) => boolean) | undefined, signal: AbortSignal | undefined): Promise<TLSSocket> {
    const target = this.#options.target()
    if (target === undefined) {
      return Promise.reject(new AppError('unavailable.peer', `${this.peerId} accepts no data connections`))
    }
    const dialling = dialPeer(target, {
      context: this.#options.context,
      alpn: ALPN_FORWARD,
      timeoutMs: this.#options.connectTimeoutMs,
      ...(onChunk && { onChunk }),
      signal,
    })
    dialling.then(
      () => {
        this.#unreachable = undefined
      },
      (error: unknown) => {
        if (!(error instanceof AppError) || error.code !== 'unavailable.peer') return
        this.#unreachable = { where: placeOf(target), untilMs: this.#clock.monotonicMs() + UNREACHABLE_MS }
      },
    )
    return dialling
  }

  /** True if the peer cannot be dialled where it is now. */
  #dialsBack(): boolean {
    const target = this.#options.target()
    if (target === undefined) return true
    if (this.#unreachable?.where !== placeOf(target)) return false
    return this.#clock.monotonicMs() < this.#unreachable.untilMs
  }

  #answerTimeoutMs(bytesMax: number): number {
    return this.#options.requestTimeoutMs + bytesMax / BYTES_PER_MS_MIN
  }

  #late(): AppError {
    return new AppError('unavailable.peer', `${this.peerId} did not answer in time`)
  }

  async #askLean(
    request: LeanRequest,
    options: { readonly bytesMax: number; readonly signal: AbortSignal },
  ): Promise<SmallReply> {
    const endTurn = await this.#smallTurns.take(options.signal)
    try {
      return await this.#askOver(await this.take(options.signal), request, options)
    } finally {
      endTurn()
    }
  }

  async #askOver(
    connection: LeanConnection,
    request: LeanRequest,
    options: { readonly bytesMax: number; readonly signal: AbortSignal },
  ): Promise<SmallReply> {
    const { promise, resolve, reject } = Promise.withResolvers<SmallReply>()
    const chunks: Buffer[] = []
    let status = 0
    const abort = (): void => connection.destroy(new AppError('aborted.caller', `asking ${this.peerId}`))
    options.signal.addEventListener('abort', abort, { once: true })
    const timeoutMs = this.#answerTimeoutMs(options.bytesMax)
    const cancel = this.#clock.after(timeoutMs, () => connection.destroy(this.#late()))
    try {
      connection.send(
        { ...request, headers: { ...request.headers, ...this.headers } },
        {
          head(head) {
            status = head.status
            if (head.contentLengthBytes > options.bytesMax) {
              throw new AppError('exhausted.size', `wanted at most ${options.bytesMax} bytes from a peer`)
            }
          },
          body: (chunk) => chunks.push(Buffer.from(chunk)) > 0,
          end: () => resolve({ status, body: Buffer.concat(chunks) }),
          fail: reject,
        },
      )
      const reply = await promise
      this.give(connection)
      return reply
    } finally {
      cancel()
      options.signal.removeEventListener('abort', abort)
    }
  }
}

function placeOf({ hosts, port }: DialTarget): string {
  return `${hosts.join()} ${port}`
}
