/**
 * One attempt at a request: headers and credentials put on, challenges answered, redirects followed, and the reply judged.
 * Made by `client.ts`, which decides about further attempts.
 */
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Headers } from '../base/located.ts'
import { collect } from '../base/streams.ts'
import { bearerChallenge, type IssuedToken, readToken } from './challenge.ts'
import { requestHeaders } from './headers.ts'
import type { UpstreamLimits } from './limits.ts'
import type { Line } from './line.ts'
import { retryAfterMs } from './quota.ts'
import { rangeHeader } from './ranges.ts'
import { type Hop, nextHop, tokenHop } from './target.ts'
import { createTokens } from './tokens.ts'
import { type Exchange, type Transport, type WireReply, wireError } from './transport.ts'
import type { UpstreamConfig, UpstreamRequest } from './upstream.ts'

/** Sends `asked` once, beginning at `first`. @throws unavailable.upstream, untrusted.reply, exhausted.quota */
export type Exchanger = (line: Line, asked: UpstreamRequest, first: Hop, signal: AbortSignal) => Promise<WireReply>

const USER_AGENT = 'pyrsia'

/** An exchanger over `transport`; keeps the tokens of all `lines`. */
export function createExchanger(
  limits: UpstreamLimits,
  dependencies: {
    readonly clock: Clock
    readonly transport: Transport
    readonly lines: ReadonlyMap<string, Line>
    readonly closing: AbortSignal
  },
): Exchanger {
  const { clock, transport, lines, closing } = dependencies
  const tokens = createTokens(limits, { clock, fetchToken })

  async function exchange(line: Line, asked: UpstreamRequest, first: Hop, signal: AbortSignal): Promise<WireReply> {
    let hop = first
    let redirects = 0
    for (;;) {
      const reply = await authorized(line, asked, hop, signal)
      if (hop.home) line.health.replied(reply.headers)
      const location = REDIRECTS.has(reply.status) ? reply.headers.location : undefined
      if (location === undefined) return judged(line.config, reply, clock)
      reply.discard()
      redirects += 1
      if (redirects > limits.redirects || asked.method === 'POST') {
        const found = asked.method === 'POST' ? 'a POST' : `a request more than ${limits.redirects} times`
        throw new AppError('untrusted.reply', `${line.config.name} redirects ${found}`)
      }
      hop = nextHop(line.rules, hop.url, location)
    }
  }

  /** Sends one hop; answers a challenge of the upstream's own origin with a token, once. */
  async function authorized(line: Line, asked: UpstreamRequest, hop: Hop, signal: AbortSignal): Promise<WireReply> {
    const { config } = line
    const path = hop.url.pathname
    const known = hop.home && config.credentials?.kind !== 'bearer' ? tokens.find(config.name, path) : undefined
    const reply = await transport.send(wired(asked, hop, signal, authorization(config, hop, known)))
    if (reply.status !== 401 || !hop.home || config.credentials?.kind === 'bearer') return reply
    const challenge = bearerChallenge(reply.headers['www-authenticate'])
    if (challenge === undefined) return reply
    const token = await tokens
      .obtain({ upstream: config.name, path, challenge, rejected: known, signal })
      .catch((error: unknown) => {
        reply.discard()
        throw error
      })
    if (token === undefined) return reply
    reply.discard()
    return await transport.send(wired(asked, hop, signal, authorization(config, hop, token)))
  }

  async function fetchToken(upstream: string, url: URL): Promise<IssuedToken | undefined> {
    const line = lines.get(upstream)
    if (line === undefined) throw new AppError('absent.upstream', `no upstream is called ${upstream}`)
    const hop = tokenHop(line.rules, url)
    const limit = new AbortController()
    const stop = () => limit.abort(new AppError('aborted.shutdown', 'the upstream client is closed'))
    closing.addEventListener('abort', stop, { once: true })
    const cancel = clock.after(limits.headersTimeoutMs, () => {
      limit.abort(wireError('headers-timeout', `the token service of ${upstream} does not answer`))
    })
    try {
      const basic = line.config.credentials?.kind === 'basic' ? basicHeader(line.config.credentials) : {}
      const headers = { ...basic, accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': USER_AGENT }
      const { url: at, reach } = hop
      const reply = judged(
        line.config,
        await transport.send({ url: at, reach, method: 'GET', headers, body: undefined, signal: limit.signal }),
        clock,
      )
      if (reply.status !== 200) {
        reply.discard()
        return undefined
      }
      return readToken(await collect(reply.body, limits.tokenBytesMax))
    } catch (cause) {
      throw limit.signal.aborted ? limit.signal.reason : cause
    } finally {
      cancel()
      closing.removeEventListener('abort', stop)
    }
  }

  return exchange
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

function wired(asked: UpstreamRequest, hop: Hop, signal: AbortSignal, credentials: Headers): Exchange {
  const ranged = asked.range !== undefined && asked.method === 'GET'
  const headers = requestHeaders(asked.headers, { method: asked.method, ranged, userAgent: USER_AGENT })
  if (asked.range !== undefined && ranged && !(asked.range.offset === 0 && asked.range.lengthBytes === undefined)) {
    headers.range = rangeHeader(asked.range)
  }
  const { url, reach } = hop
  return { url, reach, method: asked.method, headers: { ...headers, ...credentials }, body: asked.body, signal }
}

/** Credentials go to the upstream's own origin and nowhere else; a token that it asked for comes before them. */
function authorization(config: UpstreamConfig, hop: Hop, token: string | undefined): Headers {
  if (!hop.home) return {}
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  const { credentials } = config
  if (credentials === undefined) return {}
  return credentials.kind === 'bearer' ? { authorization: `Bearer ${credentials.token}` } : basicHeader(credentials)
}

function basicHeader(credentials: { readonly user: string; readonly password: string }): Headers {
  const pair = Buffer.from(`${credentials.user}:${credentials.password}`, 'utf8').toString('base64')
  return { authorization: `Basic ${pair}` }
}

/** The reply itself unless its status says that the upstream failed or wants fewer requests. */
function judged(config: UpstreamConfig, reply: WireReply, clock: Clock): WireReply {
  const { status } = reply
  if (status >= 200 && status < 500 && status !== 408 && status !== 429 && (status < 300 || !REDIRECTS.has(status))) {
    return reply
  }
  reply.discard()
  const data = { upstream: config.name, status, retryAfterMs: retryAfterMs(reply.headers, clock.nowMs()) }
  if (status === 429) throw new AppError('exhausted.quota', `${config.name} wants fewer requests`, { data })
  if (status >= 500 || status === 408) throw wireError('status', `${config.name} answered ${status}`, { data })
  throw new AppError('untrusted.reply', `${config.name} answered ${status} without saying where to go`, { data })
}
