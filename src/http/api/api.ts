/**
 * The node's API as an HTTP handler: health, metrics, description, and the operations of `routes.ts`. Loopback only; what
 * changes the node needs the token that lies in the data directory, so only its owner can.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { z } from 'zod'
import type { Logger } from '../../base/clock.ts'
import { AppError, errorChain, isKind } from '../../base/errors.ts'
import { type ByteStream, collect } from '../../base/streams.ts'
import type { HostGuard } from '../host-guard.ts'
import { LOG_PREFIX, type ServedLog, serveLogFile } from '../log/log-files.ts'
import type { Metrics } from '../metrics.ts'
import type { HttpHandler } from '../registry.ts'
import { sendError, sendReply } from '../reply.ts'
import { parseTarget } from '../request-target.ts'
import { openApi } from './openapi.ts'
import { apiPage, type FIXED_PAGES, PAGE_SECURITY_POLICY } from './page.ts'
import type { ApiParts } from './parts.ts'
import { ApiBytes } from './route.ts'
import { API_ROUTES } from './routes.ts'

/** What the handler needs beside the parts. */
export interface ApiDependencies {
  readonly guard: HostGuard
  readonly token: string
  readonly metrics: Metrics
  readonly logger: Logger
  /** The log, whose files are below `/log/`. */
  readonly log: ServedLog
  /** True while the registries answer; false when starting and draining. */
  readonly ready: () => boolean
}

const BODY_BYTES_MAX = 65_536
const JSON_TYPE = 'application/json; charset=utf-8'

interface Sent {
  readonly status?: number
  readonly type: string
  readonly body: string | ByteStream
  readonly policy?: string
}

/** The handler; never throws. */
export function createApiHandler(parts: ApiParts, deps: ApiDependencies): HttpHandler {
  const description = openApi(API_ROUTES, parts.version)
  const pages = fixedPages(description, parts, deps)
  const tokenHash = sha256(deps.token)
  return (request, response) => {
    void answer(request, response).catch((error) => {
      if (!isKind(error, 'aborted')) deps.logger.error({ error: errorChain(error) }, 'an API reply failed')
    })
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const head = request.method === 'HEAD'
    try {
      const refusal = deps.guard.refusal(request.headers)
      if (refusal !== undefined) throw new AppError('denied.origin', refusal)
      if (request.url?.startsWith(LOG_PREFIX)) return await serveLogFile(deps.log, request, response)
      const sent = await reply(request, response)
      await sendReply(response, asReply(sent), head)
    } catch (error) {
      if (response.headersSent || response.destroyed) throw error
      if (!(error instanceof AppError) || error.kind === 'bug') {
        deps.logger.error({ target: request.url?.slice(0, 500), error: errorChain(error) }, 'an API call failed')
      }
      response.setHeader('cache-control', 'no-store')
      sendError(response, error, head)
    }
  }

  async function reply(request: IncomingMessage, response: ServerResponse): Promise<Sent> {
    const target = parseTarget(request.url ?? '')
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const page = method === 'GET' ? pages[target.path] : undefined
    if (page !== undefined) return page()
    const sameName = API_ROUTES.filter((route) => route.path === target.path)
    const route = sameName.find((candidate) => candidate.method === method)
    if (route === undefined) {
      const known = sameName.map((candidate) => candidate.method).join(', ')
      throw known === ''
        ? new AppError('absent.document', `the API has no ${target.path}: see /openapi.json`)
        : new AppError('usage.request', `${target.path} takes ${known}, found ${request.method}`)
    }
    if (route.changes && !carriesToken(request, tokenHash)) {
      throw new AppError(
        'denied.token',
        `${route.method} ${route.path} changes the node: wanted "authorization: Bearer" with the token of ${parts.data}/api-token`,
      )
    }
    const left = new AbortController()
    response.once('close', () => {
      if (!response.writableFinished) left.abort(new AppError('aborted.caller', 'the caller of the API left'))
    })
    const found = await route.handle({
      parts,
      query: check(route.query, target.query, `the query of ${route.path}`),
      body:
        route.body === undefined
          ? {}
          : check(
              route.body,
              await readJson(request, route.bodyBytesMax ?? BODY_BYTES_MAX),
              `the body of ${route.path}`,
            ),
      ...(route.takesBytes === true ? { bytes: bodyOf(request) } : {}),
      signal: left.signal,
    })
    if (found instanceof ApiBytes) return { type: found.mediaType, body: found.stream }
    return { type: JSON_TYPE, body: `${JSON.stringify(found)}\n` }
  }
}

type Page = () => Sent | Promise<Sent>

function fixedPages(description: object, parts: ApiParts, deps: ApiDependencies): Readonly<Record<string, Page>> {
  const json = `${JSON.stringify(description, undefined, 2)}\n`
  const page = apiPage(API_ROUTES, parts.version)
  const pages: Readonly<Record<keyof typeof FIXED_PAGES, Page>> = {
    '/healthz': () => ({ type: 'text/plain; charset=utf-8', body: 'ok\n' }),
    '/readyz': () =>
      deps.ready()
        ? { type: 'text/plain; charset=utf-8', body: 'ready\n' }
        : { status: 503, type: 'text/plain; charset=utf-8', body: 'not ready\n' },
    '/metrics': async () => ({ type: deps.metrics.contentType, body: await deps.metrics.text() }),
    '/openapi.json': () => ({ type: JSON_TYPE, body: json }),
    '/': () => ({ type: 'text/html; charset=utf-8', body: page, policy: PAGE_SECURITY_POLICY }),
  }
  return Object.assign(Object.create(null), pages)
}

function asReply(sent: Sent) {
  return {
    status: sent.status ?? 200,
    statusText: undefined,
    headers: {
      'content-type': sent.type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': sent.policy ?? "default-src 'none'; frame-ancestors 'none'",
    },
    body: sent.body,
  }
}

function check(schema: z.ZodObject | undefined, found: unknown, what: string): Readonly<Record<string, unknown>> {
  if (schema === undefined) return {}
  const checked = schema.safeParse(found)
  if (checked.success) return checked.data
  const reasons = checked.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`).slice(0, 5)
  throw new AppError('usage.request', `cannot use ${what}: ${reasons.join('; ')}`)
}

async function readJson(request: IncomingMessage, bytesMax: number): Promise<unknown> {
  const bytes = await collect(request, bytesMax)
  if (bytes.length === 0) return {}
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new AppError('usage.request', 'the body is not JSON', { cause })
  }
}

async function* bodyOf(request: IncomingMessage): ByteStream {
  try {
    for await (const chunk of request) yield chunk as Uint8Array
  } catch (cause) {
    throw new AppError('aborted.caller', 'the caller of the API left before its request had ended', { cause })
  }
}

function carriesToken(request: IncomingMessage, tokenHash: Buffer): boolean {
  const match = /^Bearer ([\x21-\x7e]{1,200})$/i.exec(request.headers.authorization ?? '')
  // Hashes have one length, which is what the constant-time comparison wants.
  return match?.[1] !== undefined && timingSafeEqual(sha256(match[1]), tokenHash)
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
