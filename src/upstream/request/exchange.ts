/**
 * One attempt at a request: headers and credentials put on, challenges answered, redirects followed, and the reply judged.
 * Made by `client.ts`, which decides about further attempts.
 */
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { Headers } from '../../base/located.ts'
import type { UpstreamLimits } from '../limits.ts'
import type { Line } from '../line.ts'
import { bearerChallenge } from '../rules/challenge.ts'
import { requestHeaders } from '../rules/headers.ts'
import { rangeHeader } from '../rules/ranges.ts'
import { type Hop, nextHop } from '../rules/target.ts'
import { createTokens } from '../state/tokens.ts'
import type { UpstreamConfig, UpstreamRequest } from '../upstream.ts'
import type { Exchange, Transport, WireReply } from '../wire/transport.ts'
import { basicHeader, createTokenService, USER_AGENT } from './fetch-token.ts'
import { judged, REDIRECTS } from './verdict.ts'

/** Sends `asked` once, beginning at `first`. @throws unavailable.upstream, untrusted.reply, exhausted.quota */
export type Exchanger = (line: Line, asked: UpstreamRequest, first: Hop, signal: AbortSignal) => Promise<WireReply>

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
  const { clock, transport } = dependencies
  const fetchToken = createTokenService(limits, dependencies)
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

  return exchange
}

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
