/**
 * The registries as HTTP handlers: which ecosystem a request is for, what it may see of the request, and its reply on the wire.
 * Everything between is `serve/`. One handler per listening port; `listen.ts` puts it behind a socket.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../base/clock.ts'
import { AppError, errorChain, isKind, wrapError } from '../base/errors.ts'
import type { ByteStream } from '../base/streams.ts'
import type { Ecosystem, RequestView } from '../ecosystems/ecosystem.ts'
import type { ServeReply, ServeRequest } from '../serve/serve.ts'
import type { HostGuard } from './host-guard.ts'
import { sendError, sendReply } from './reply.ts'
import { parseTarget } from './request-target.ts'

/** What serves: `Serve` of `serve/serve.ts`, as far as this edge needs it. */
export interface RegistryBackend {
  handle(request: ServeRequest): Promise<ServeReply>
}

/** Told once per request, when its reply has ended. */
export type RequestObserver = (facts: {
  readonly ecosystem: string
  readonly method: string
  readonly status: number
  readonly sentBytes: number
  readonly tookMs: number
}) => void

/** A node:http request listener. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void

/** One ecosystem on this port; the empty prefix takes the whole port. */
export interface RegistryMount {
  readonly ecosystem: Ecosystem
  readonly prefix: string
}

/** What a handler needs. */
export interface RegistryDependencies {
  readonly backend: RegistryBackend
  readonly guard: HostGuard
  readonly logger: Logger
  readonly monotonicMs: () => number
  readonly observe: RequestObserver
}

/** The handler for the mounts of one port; never throws. */
export function createRegistryHandler(mounts: readonly RegistryMount[], deps: RegistryDependencies): HttpHandler {
  const byLength = [...mounts].sort((a, b) => b.prefix.length - a.prefix.length)
  return (request, response) => {
    const head = request.method === 'HEAD'
    const refusal = deps.guard.refusal(request.headers)
    if (refusal !== undefined) {
      sendError(response, new AppError('denied.origin', refusal), head)
      return
    }
    const target = request.url ?? ''
    const mount = byLength.find(({ prefix }) => isBelow(target, prefix))
    if (mount === undefined) {
      sendError(
        response,
        new AppError('absent.document', `no registry is served at ${JSON.stringify(target.slice(0, 200))}`),
        head,
      )
      return
    }
    void answer(mount, request, response, deps)
  }
}

async function answer(
  mount: RegistryMount,
  request: IncomingMessage,
  response: ServerResponse,
  deps: RegistryDependencies,
): Promise<void> {
  const startedMs = deps.monotonicMs()
  const method = request.method ?? 'GET'
  const { ecosystem } = mount
  let sentBytes = 0
  try {
    const reply = await replyTo(mount, request, response, deps)
    sentBytes = await sendReply(response, reply, method === 'HEAD')
  } catch (error) {
    report(error, request, deps.logger)
    if (response.headersSent || response.destroyed) response.destroy()
    else sendError(response, error, method === 'HEAD')
  }
  deps.observe({
    ecosystem: ecosystem.id,
    method,
    status: response.statusCode,
    sentBytes,
    tookMs: deps.monotonicMs() - startedMs,
  })
}

async function replyTo(
  mount: RegistryMount,
  request: IncomingMessage,
  response: ServerResponse,
  deps: RegistryDependencies,
): Promise<ServeReply> {
  const view = viewOf(mount, request)
  if (view instanceof AppError) {
    const shown: RequestView = { ...rawView(request), path: '/', query: {} }
    const reply = mount.ecosystem.refuse({ code: 'malformed', message: view.message }, shown)
    return { status: reply.status, statusText: reply.statusText, headers: reply.headers, body: reply.body }
  }
  const left = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) left.abort(new AppError('aborted.caller', 'the client closed its connection'))
  })
  return deps.backend.handle({
    ...view,
    ecosystem: mount.ecosystem,
    body:
      request.method === 'POST' || request.method === 'PUT' || request.method === 'PATCH' ? bodyOf(request) : undefined,
    signal: left.signal,
  })
}

/** What the ecosystem sees, or why the request cannot be understood. */
function viewOf(mount: RegistryMount, request: IncomingMessage): RequestView | AppError {
  try {
    const target = parseTarget(request.url ?? '')
    const path = target.path.slice(mount.prefix.length)
    return { ...rawView(request), path: path === '' ? '/' : path, query: target.query }
  } catch (error) {
    return wrapError(error, 'usage.request', 'cannot read the request')
  }
}

function rawView(request: IncomingMessage): Omit<RequestView, 'path' | 'query'> {
  return {
    method: request.method ?? 'GET',
    headers: request.headers as Readonly<Record<string, string>>,
    base: `http://${request.headers.host?.toLowerCase()}`,
  }
}

async function* bodyOf(request: IncomingMessage): ByteStream {
  try {
    for await (const chunk of request) yield chunk as Uint8Array
  } catch (cause) {
    throw new AppError('aborted.caller', 'the client closed its connection before its request had ended', { cause })
  }
}

function isBelow(target: string, prefix: string): boolean {
  if (!target.startsWith(prefix)) return false
  const next = target[prefix.length]
  return prefix === '' || next === undefined || next === '/' || next === '?'
}

function report(error: unknown, request: IncomingMessage, logger: Logger): void {
  const facts = { method: request.method, target: request.url?.slice(0, 500), error: errorChain(error) }
  if (isKind(error, 'aborted')) logger.debug(facts, 'a client left before its reply had ended')
  else if (error instanceof AppError && error.kind !== 'bug') logger.warn(facts, 'a reply was reset')
  else logger.error(facts, 'a request failed')
}
