/**
 * The lean receiver: one kept-alive HTTP/1.1 connection over which bulk is read with few events and no allocation per chunk
 * (`4-network.md`, "Data plane"). One request at a time. Bodies are pushed to a `Receiver`, which may ask for a pause; chunks may
 * still come after that, because TLS had them decrypted already.
 */
import type { TLSSocket } from 'node:tls'
import { AppError, wrapError } from '../../../base/errors.ts'
import type { ChunkListener } from './dial.ts'
import { HEAD_BYTES_MAX, parseResponseHead, type ResponseHead } from './response-head.ts'

/** Takes one response. An error thrown by `head`, `body` or `end` destroys the connection and comes back as `fail`. */
export interface Receiver {
  head(head: ResponseHead): void
  /** `chunk` is only valid during the call. False: please pause (until `resume`). */
  body(chunk: Uint8Array): boolean
  /** The body is complete; the connection is free for the next request. */
  end(): void
  /** The response will not be completed. Called at most once, and not after `end`. */
  fail(error: AppError): void
}

/** A request; the path and header values are ours, so they are not escaped. */
export interface LeanRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** A connection to one peer. */
export class LeanConnection {
  /** Responses completed: a failure of a fresh connection's first request is not worth an immediate retry. */
  completed = 0
  #socket: TLSSocket | undefined
  #receiver: Receiver | undefined
  #head: Buffer = Buffer.alloc(0)
  #remainingBytes = 0
  #inBody = false
  #keepAlive = true
  #onClosed: (() => void) | undefined

  /**
   * Opens a connection by `dial`, which passes every chunk to the listener it is given.
   * @throws what `dial` throws
   */
  static async open(
    dial: (onChunk: ChunkListener) => Promise<TLSSocket>,
    onClosed: () => void,
  ): Promise<LeanConnection> {
    const connection = new LeanConnection()
    connection.#attach(await dial((chunk) => connection.#feed(chunk)), onClosed)
    return connection
  }

  /** A connection over an established socket that emits `data` (a peer dialled back). */
  static over(socket: TLSSocket, onClosed: () => void): LeanConnection {
    const connection = new LeanConnection()
    socket.on('data', (chunk: Buffer) => {
      if (!connection.#feed(chunk)) socket.pause()
    })
    connection.#attach(socket, onClosed)
    return connection
  }

  /** True if the connection can take a request. */
  get free(): boolean {
    return this.#socket !== undefined && this.#receiver === undefined && this.#keepAlive
  }

  /** True until the socket closed. */
  get open(): boolean {
    return this.#socket !== undefined
  }

  /** Sends a request; its response goes to `receiver`. @throws unavailable.peer if the connection is gone */
  send(request: LeanRequest, receiver: Receiver): void {
    const socket = this.#socket
    if (socket === undefined) throw new AppError('unavailable.peer', 'sending a request over a connection that closed')
    this.#receiver = receiver
    this.#head = Buffer.alloc(0)
    this.#inBody = false
    let text = `${request.method} ${request.path} HTTP/1.1\r\nhost: peer\r\n`
    for (const [name, value] of Object.entries(request.headers)) text += `${name}: ${value}\r\n`
    if (request.body) text += `content-length: ${request.body.byteLength}\r\n`
    socket.write(`${text}\r\n`, 'latin1')
    if (request.body) socket.write(request.body)
  }

  /** Reads on after a pause. */
  resume(): void {
    this.#socket?.resume()
  }

  /** Closes at once; a response under way fails with `error`. */
  destroy(error: AppError): void {
    const receiver = this.#receiver
    this.#receiver = undefined
    this.#socket?.destroy()
    this.#close()
    receiver?.fail(error)
  }

  #attach(socket: TLSSocket, onClosed: () => void): void {
    this.#socket = socket
    this.#onClosed = onClosed
    socket.on('error', (error) => this.destroy(wrapError(error, 'unavailable.peer', 'reading from a peer')))
    socket.on('end', () => this.destroy(new AppError('unavailable.peer', 'the peer closed the connection')))
    socket.on('close', () => this.destroy(new AppError('unavailable.peer', 'the connection to the peer broke')))
    if (socket.destroyed) this.#close()
  }

  #close(): void {
    if (this.#socket === undefined) return
    this.#socket = undefined
    this.#onClosed?.()
  }

  #feed(chunk: Buffer): boolean {
    try {
      return this.#inBody ? this.#feedBody(chunk) : this.#feedHead(chunk)
    } catch (error) {
      this.destroy(wrapError(error, 'unavailable.peer', "taking a peer's response"))
      return false
    }
  }

  #feedHead(chunk: Buffer): boolean {
    const receiver = this.#receiver
    if (receiver === undefined) {
      throw new AppError('untrusted.reply', `wanted nothing from a peer, found ${chunk.byteLength} bytes`)
    }
    this.#head = Buffer.concat([this.#head, chunk])
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0 ? this.#head.byteLength > HEAD_BYTES_MAX : end > HEAD_BYTES_MAX) {
      throw new AppError('untrusted.reply', `wanted a response head of at most ${HEAD_BYTES_MAX} bytes, found more`)
    }
    if (end < 0) return true
    const head = parseResponseHead(this.#head.toString('latin1', 0, end))
    const rest = this.#head.subarray(end + 4)
    this.#inBody = true
    this.#remainingBytes = head.contentLengthBytes
    this.#keepAlive = head.keepAlive
    receiver.head(head)
    if (this.#receiver !== receiver) return false
    return this.#feedBody(rest)
  }

  #feedBody(chunk: Buffer): boolean {
    const receiver = this.#receiver
    if (receiver === undefined || chunk.byteLength > this.#remainingBytes) {
      throw new AppError(
        'untrusted.reply',
        `wanted ${this.#remainingBytes} bytes from a peer, found ${chunk.byteLength}`,
      )
    }
    this.#remainingBytes -= chunk.byteLength
    const more = chunk.byteLength === 0 || receiver.body(chunk)
    if (this.#remainingBytes > 0 || this.#receiver !== receiver) return more
    this.#receiver = undefined
    this.#inBody = false
    this.completed += 1
    if (!this.#keepAlive) this.destroy(new AppError('unavailable.peer', 'the peer ended the connection'))
    receiver.end()
    return true
  }
}
