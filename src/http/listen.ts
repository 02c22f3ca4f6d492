/**
 * Puts a handler behind a socket, with every limit of a connection in one table. The only file of `http/` that opens one.
 * There is no 'upgrade' listener on purpose: with one, clients that send `Upgrade: h2c` would lose their connection.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppError } from '../base/errors.ts'
import type { HttpHandler } from './registry.ts'

/** Limits of one listening port. */
export interface ServerLimits {
  readonly connectionsMax: number
  readonly headerBytesMax: number
  /** For the request's header. */
  readonly headersTimeoutMs: number
  /** For the whole request, its body included. */
  readonly requestTimeoutMs: number
  /** How long an idle connection is kept for the next request. */
  readonly keepAliveTimeoutMs: number
  /** A connection on which nothing moves for so long is destroyed. */
  readonly stallTimeoutMs: number
}

/** Limits that suit package clients on a local machine or network. */
export const DEFAULT_LIMITS: ServerLimits = {
  connectionsMax: 1024,
  headerBytesMax: 32_768,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  stallTimeoutMs: 300_000,
}

const SWEEP_MS = 50

/** A server that listens. */
export interface ListeningServer {
  readonly host: string
  readonly port: number
  /** `http://host:port`, with a host that can be dialled. */
  readonly url: string
  /** Sets what answers requests; until then they wait in the connection. */
  serve(handler: HttpHandler): void
  /** Refuses new connections, lets replies end for at most `graceMs`, then destroys what is left. */
  close(graceMs: number): Promise<void>
}

/** Where to listen. */
export interface ListenOptions {
  readonly host: string
  readonly port: number
  /** For error messages: the setting that a user would change, e.g. `--port`. */
  readonly setting: string
  /** A socket that listens already, which whoever started this process handed to it; host and port say nothing then. */
  readonly fd?: number | undefined
  readonly limits?: ServerLimits
}

/**
 * Listens; requests that come before `serve` was called are answered 503, on a socket that was handed in they wait for it.
 * @throws conflict.port if the port is taken; usage.config if the address is not one of this machine
 */
export async function listen(options: ListenOptions): Promise<ListeningServer> {
  const limits = options.limits ?? DEFAULT_LIMITS
  const waiting: Parameters<HttpHandler>[] = []
  let handler: HttpHandler = (request, response) => {
    // Whoever asks a service that is started on demand waits for it; at most as many as there may be connections.
    if (options.fd !== undefined && waiting.length < limits.connectionsMax) {
      waiting.push([request, response])
      return
    }
    response.statusCode = 503
    response.end()
  }
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      noDelay: true,
      // A missing Host is answered by the guard, with a reason.
      requireHostHeader: false,
    },
    (request, response) => handler(request, response),
  )
  server.maxConnections = limits.connectionsMax
  server.timeout = limits.stallTimeoutMs
  await bind(server, options)
  const { port } = server.address() as AddressInfo
  return {
    host: options.host,
    port,
    url: `http://${dialable(options.host)}:${port}`,
    serve(next) {
      handler = next
      for (const [request, response] of waiting.splice(0)) next(request, response)
    },
    close: (graceMs) => closeServer(server, graceMs),
  }
}

function bind(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const where = `${options.host}:${options.port}`
      reject(
        cause.code === 'EADDRINUSE'
          ? new AppError(
              'conflict.port',
              `cannot listen on ${where}: another program does; choose another port with ${options.setting} (0 picks a free one) or stop that program`,
              { cause },
            )
          : new AppError(
              'usage.config',
              `cannot listen on ${where} (${cause.code === 'EACCES' ? options.setting : '--host'})`,
              { cause },
            ),
      )
    })
    const at = options.fd === undefined ? { host: options.host, port: options.port } : { fd: options.fd }
    server.listen(at, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs)
    // A connection whose reply ends from now on would be kept alive for the next request.
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
    server.close(() => {
      clearTimeout(timer)
      clearInterval(sweep)
      resolve()
    })
    server.closeIdleConnections()
  })
}

function dialable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
