/**
 * The data plane's listener: HTTPS with client certificates. It decides who may speak at all (a key that is a peer id, not
 * dropped or denied, a member where there is a private network) and within which bounds; `routes.ts` answers. Adapter: node:https.
 * A connection that was dialled back runs in the other direction: whom we dialled sends requests, who dialled us is asked.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Logger } from '../../../base/clock.ts'
import { AppError } from '../../../base/errors.ts'
import { peerIdOf } from '../../identity.ts'
import type { PeerId } from '../../peers.ts'
import { ALPN_BACK, ALPN_FORWARD, CIPHERS } from '../client/dial.ts'
import type { DataPlaneSettings } from '../options.ts'
import { type CertificatePair, publicKeyOfCertificate } from '../wire/certificate.ts'

const HEADER_BYTES_MAX = 8_192
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const IDLE_TIMEOUT_MS = 60_000
const REQUESTS_PER_CONNECTION_MAX = 100_000

/** What the listener needs of the rest. */
export interface ServerHooks {
  /** True if this peer may speak to this node. */
  admits(peerId: PeerId): boolean
  /** Answers a request of a peer whose key was proved. Never throws. */
  answer(peerId: PeerId, request: IncomingMessage, response: ServerResponse): void
  /** A peer dialled back: `socket` takes our requests. */
  dialledBack(peerId: PeerId, socket: TLSSocket): void
}

/** The listener. */
export interface DataServer {
  /** Resolves with the port. @throws conflict.port if the port is taken; usage.config if it cannot listen there */
  listen(): Promise<number>
  /** Serves the other side of a connection that this node dialled for it. */
  serveBack(peerId: PeerId, socket: TLSSocket): void
  /** Closes every connection of a peer. */
  drop(peerId: PeerId): void
  close(): Promise<void>
}

/** Makes the listener; it does not listen yet. */
export function createDataServer(
  settings: DataPlaneSettings,
  pair: CertificatePair,
  hooks: ServerHooks,
  dependencies: { readonly logger: Logger },
): DataServer {
  return new TlsServer(settings, pair, hooks, dependencies.logger)
}

class TlsServer implements DataServer {
  readonly #settings: DataPlaneSettings
  readonly #hooks: ServerHooks
  readonly #server: Server
  readonly #serveHttp: readonly Listener[]
  readonly #peers = new Map<PeerId, Set<TLSSocket>>()
  readonly #peerOf = new WeakMap<object, PeerId>()
  /** Raw sockets: a handshake that is under way belongs to no peer yet, and must not hold up `close`. */
  readonly #sockets = new Set<Socket>()
  /** Connections by the address they come from. */
  readonly #hosts = new Map<string, number>()

  constructor(settings: DataPlaneSettings, pair: CertificatePair, hooks: ServerHooks, logger: Logger) {
    this.#settings = settings
    this.#hooks = hooks
    const server = createServer(serverOptions(settings, pair), (request, response) => {
      const peerId = this.#peerOf.get(request.socket)
      if (peerId === undefined) request.socket.destroy()
      else hooks.answer(peerId, request, response)
    })
    this.#server = server
    server.maxConnections = settings.connectionsMax
    server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX
    server.timeout = IDLE_TIMEOUT_MS
    server.on('connection', (socket) => this.#connected(socket as Socket))
    server.on('tlsClientError', (error) => logger.debug({ error: error.message }, 'a handshake failed'))
    // Node would parse HTTP on every connection; whether this one carries requests to us is decided first.
    this.#serveHttp = server.listeners('secureConnection') as Listener[]
    server.removeAllListeners('secureConnection')
    server.on('secureConnection', (socket) => this.#secured(socket))
  }

  listen(): Promise<number> {
    return listenOn(this.#server, this.#settings)
  }

  serveBack(peerId: PeerId, socket: TLSSocket): void {
    if (this.#admit(socket, peerId)) this.#speakHttp(socket)
    else socket.destroy()
  }

  drop(peerId: PeerId): void {
    for (const socket of this.#peers.get(peerId) ?? []) socket.destroy()
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const open of this.#peers.values()) for (const socket of open) socket.destroy()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** Ids cost nothing and a handshake may never come, so what one host may hold is bounded before either. */
  #connected(socket: Socket): void {
    const host = socket.remoteAddress ?? ''
    const count = (this.#hosts.get(host) ?? 0) + 1
    if (count > Math.max(1, this.#settings.connectionsMax / 2)) {
      socket.destroy()
      return
    }
    this.#hosts.set(host, count)
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      const left = (this.#hosts.get(host) ?? 1) - 1
      if (left === 0) this.#hosts.delete(host)
      else this.#hosts.set(host, left)
    })
  }

  #secured(socket: TLSSocket): void {
    socket.on('error', () => {})
    const publicKey = publicKeyOfCertificate(socket.getPeerX509Certificate())
    const peerId = publicKey === undefined ? undefined : peerIdOf(publicKey)
    if (peerId === undefined || !this.#admit(socket, peerId)) socket.destroy()
    else if (socket.alpnProtocol === ALPN_BACK) this.#hooks.dialledBack(peerId, socket)
    else this.#speakHttp(socket)
  }

  #admit(socket: TLSSocket, peerId: PeerId): boolean {
    const open = this.#peers.get(peerId) ?? new Set()
    if (!this.#hooks.admits(peerId) || open.size >= this.#settings.connectionsPerPeerMax) return false
    this.#peers.set(peerId, open.add(socket))
    this.#peerOf.set(socket, peerId)
    socket.once('close', () => {
      open.delete(socket)
      if (open.size === 0) this.#peers.delete(peerId)
    })
    return true
  }

  #speakHttp(socket: TLSSocket): void {
    for (const listener of this.#serveHttp) listener.call(this.#server, socket)
  }
}

type Listener = (this: Server, socket: TLSSocket) => void

function serverOptions(settings: DataPlaneSettings, pair: CertificatePair): ServerOptions {
  return {
    cert: pair.certificate,
    key: pair.privateKey,
    minVersion: 'TLSv1.3',
    ciphers: CIPHERS,
    requestCert: true,
    // Certificates are self-signed: the handshake proves the key, and `#secured` reads the peer id from it.
    rejectUnauthorized: false,
    ALPNProtocols: [ALPN_FORWARD, ALPN_BACK],
    handshakeTimeout: settings.connectTimeoutMs * 2,
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    noDelay: true,
  }
}

function listenOn(server: Server, settings: DataPlaneSettings): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const where = `${settings.host}:${settings.port}`
      const code = cause.code === 'EADDRINUSE' ? 'conflict.port' : 'usage.config'
      reject(new AppError(code, `listening for peers on ${where}: ${cause.message}`, { cause }))
    })
    server.listen(settings.port, settings.host, () => {
      server.on('error', () => {})
      resolve((server.address() as AddressInfo).port)
    })
  })
}
