/**
 * The twin: the same client over scripted origins in this process. For tests and the simulation; held to the same suite as
 * `undici.ts`. Scripts say what an origin answers; ranges, conditions and HEAD are answered from a script's body by itself.
 */
import { type Clock, type Random, silentLogger } from '../base/clock.ts'
import { throwIfAborted, wrapError } from '../base/errors.ts'
import type { Headers } from '../base/located.ts'
import type { ByteStream } from '../base/streams.ts'
import { createClient } from './client.ts'
import type { UpstreamDependencies, UpstreamOptions } from './line.ts'
import type { Upstream } from './upstream.ts'
import { type Exchange, type Transport, type WireReply, wireError } from './wire/transport.ts'

/** A request as an origin sees it. */
export interface ScriptedRequest {
  readonly method: string
  readonly url: URL
  /** Path with query. */
  readonly path: string
  readonly headers: Headers
  readonly body: Uint8Array
}

/** What an origin answers. */
export interface ScriptedReply {
  /** 200 if absent. */
  readonly status?: number
  /** Lower-case names. With `etag`, a matching If-None-Match is answered 304. */
  readonly headers?: Headers
  readonly body?: Uint8Array | string
  /** Bytes per chunk; 65536 if absent. */
  readonly chunkBytes?: number
  /** The connection breaks after so many bytes of the body. */
  readonly breakAfterBytes?: number
  /** Awaited before the chunk at this offset of the sent body is sent: holds a transfer where a test wants it. */
  readonly gate?: (offset: number) => Promise<void> | undefined
  /** Instead of a reply: the connection is refused, breaks at once, or nothing ever comes. */
  readonly fault?: 'refused' | 'reset' | 'silent'
  /** False: Range is ignored and everything is sent. */
  readonly ranges?: boolean
}

/** Answers one request. Undefined: 404. */
export type ScriptedOrigin = (
  request: ScriptedRequest,
) => ScriptedReply | undefined | Promise<ScriptedReply | undefined>

/** The twin with its scripts. */
export interface MemoryUpstream extends Upstream {
  /** What the origin of `url` answers from now on; without a script an origin refuses connections. */
  serve(url: string, origin: ScriptedOrigin): void
  /** Answers GET and HEAD of one path below the upstream's base, beside `serve`; undefined takes it back. */
  route(upstream: string, path: string, reply: ScriptedReply | ScriptedOrigin | undefined): void
  /** While set, every request of the upstream's origin meets it. */
  fault(upstream: string, fault: ScriptedReply['fault']): void
  /** What reached any origin, oldest first. Emptied by `requests.length = 0`. */
  readonly requests: ScriptedRequest[]
}

const REQUEST_LOG_MAX = 100_000

/** The twin. Without a clock of its own, time stands still but for the pauses between attempts. */
export function createMemoryUpstream(
  options: UpstreamOptions,
  dependencies: Partial<UpstreamDependencies> = {},
): MemoryUpstream {
  const origins = new Map<string, ScriptedOrigin>()
  const routes = new Map<string, ScriptedReply | ScriptedOrigin>()
  const faults = new Map<string, ScriptedReply['fault']>()
  const requests: ScriptedRequest[] = []

  async function answer(request: ScriptedRequest): Promise<ScriptedReply | undefined> {
    const fault = faults.get(request.url.origin)
    if (fault !== undefined) return { fault }
    const routed = routes.get(request.url.href)
    if (routed !== undefined) return typeof routed === 'function' ? await routed(request) : routed
    const origin = origins.get(request.url.origin)
    if (origin !== undefined) return await origin(request)
    return [...routes.keys()].some((href) => new URL(href).origin === request.url.origin)
      ? undefined
      : { fault: 'refused' }
  }

  const transport: Transport = {
    async send(exchange) {
      throwIfAborted(exchange.signal)
      const { url, method, headers, body = new Uint8Array() } = exchange
      const request = { method, url, path: url.pathname + url.search, headers, body }
      requests.push(request)
      if (requests.length > REQUEST_LOG_MAX) requests.shift()
      const reply = scripted(request, (await abortable(answer(request), exchange.signal)) ?? { status: 404 })
      return await played(exchange, reply)
    },
    async close() {},
  }

  const clock = dependencies.clock ?? stillClock()
  const random = dependencies.random ?? HALF
  const client = createClient(options, { clock, random, logger: dependencies.logger ?? silentLogger, transport })

  function base(name: string): string {
    const config = client.config(name)
    return config === undefined ? '' : config.url.replace(/\/+$/, '')
  }

  return {
    ...client,
    requests,
    serve(url, origin) {
      origins.set(new URL(url).origin, origin)
    },
    route(upstream, path, reply) {
      const { href } = new URL(base(upstream) + path)
      if (reply === undefined) routes.delete(href)
      else routes.set(href, reply)
    },
    fault(upstream, fault) {
      faults.set(new URL(base(upstream)).origin, fault)
    },
  }
}

/** A script's answer to this request: conditions, ranges and HEAD applied. Also what the suite's real servers send. */
export function scripted(
  request: ScriptedRequest,
  reply: ScriptedReply,
): ScriptedReply & { readonly sent: Uint8Array } {
  const whole = typeof reply.body === 'string' ? new TextEncoder().encode(reply.body) : (reply.body ?? new Uint8Array())
  const status = reply.status ?? 200
  const headers: Record<string, string> = { ...reply.headers }
  const none = new Uint8Array()
  if (status === 200 && headers.etag !== undefined && request.headers['if-none-match'] === headers.etag) {
    return { ...reply, status: 304, headers, sent: none }
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  if (status !== 200 || range === null || reply.ranges === false || request.method !== 'GET') {
    headers['content-length'] ??= String(whole.byteLength)
    return { ...reply, status, headers, sent: request.method === 'HEAD' ? none : whole }
  }
  const first = Number(range[1])
  const last = Math.min(range[2] === '' ? Number.POSITIVE_INFINITY : Number(range[2]), whole.byteLength - 1)
  if (first > last) {
    return { ...reply, status: 416, headers: { 'content-range': `bytes */${whole.byteLength}` }, sent: none }
  }
  headers['content-range'] = `bytes ${first}-${last}/${whole.byteLength}`
  headers['content-length'] = String(last - first + 1)
  return { ...reply, status: 206, headers, sent: whole.subarray(first, last + 1) }
}

async function played(exchange: Exchange, reply: ScriptedReply & { readonly sent: Uint8Array }): Promise<WireReply> {
  const { origin } = exchange.url
  if (reply.fault === 'refused') throw wireError('connect', `no reply from ${origin} (connect)`)
  if (reply.fault === 'reset') throw wireError('broken', `no reply from ${origin} (broken)`)
  if (reply.fault === 'silent') await abortable(new Promise<never>(() => {}), exchange.signal)
  const given = new AbortController()
  return {
    status: reply.status ?? 200,
    headers: reply.headers ?? {},
    body: chunks(reply, AbortSignal.any([exchange.signal, given.signal])),
    discard: () => given.abort(),
  }
}

async function* chunks(reply: ScriptedReply & { readonly sent: Uint8Array }, signal: AbortSignal): ByteStream {
  const { sent, chunkBytes = 65_536, breakAfterBytes = Number.POSITIVE_INFINITY } = reply
  for (let offset = 0; offset < sent.byteLength; ) {
    const wait = reply.gate?.(offset)
    if (wait !== undefined) await abortable(wait, signal)
    throwIfAborted(signal)
    if (offset >= breakAfterBytes) throw wireError('broken', 'the connection broke within the body')
    const end = Math.min(sent.byteLength, offset + chunkBytes, breakAfterBytes)
    // A copy, as from a wire: whoever changes it does not change the script.
    yield sent.slice(offset, end)
    offset = end
  }
}

function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(wrapError(signal.reason, 'aborted.caller', 'the caller left'))
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}

/** The middle of every jitter. */
const HALF: Random = { bytes: (count) => new Uint8Array(count).fill(128), fraction: () => 0.5 }

/** A clock that only moves while somebody sleeps on it, and then at once. */
function stillClock(): Clock {
  let nowMs = 1_700_000_000_000
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    async sleep(ms, signal) {
      throwIfAborted(signal)
      nowMs += ms
    },
    after: () => () => {},
  }
}
