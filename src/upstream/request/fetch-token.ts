/** Asks the token service that a challenge names (`rules/challenge.ts`); kept tokens are `state/tokens.ts`. Made by `exchange.ts`. */
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { Headers } from '../../base/located.ts'
import { collect } from '../../base/streams.ts'
import type { UpstreamLimits } from '../limits.ts'
import type { Line } from '../line.ts'
import { type IssuedToken, readToken } from '../rules/challenge.ts'
import { tokenHop } from '../rules/target.ts'
import { type Transport, wireError } from '../wire/transport.ts'
import { judged } from './verdict.ts'

/** What every request of this client calls itself where the caller does not say. */
export const USER_AGENT = 'pyrsia'

/** Asks the service at `url` in the name of an upstream; undefined: it refused. @throws unavailable.upstream, untrusted.reply, exhausted.quota, aborted.shutdown */
export type TokenService = (upstream: string, url: URL) => Promise<IssuedToken | undefined>

/** The services of all `lines`. */
export function createTokenService(
  limits: UpstreamLimits,
  dependencies: {
    readonly clock: Clock
    readonly transport: Transport
    readonly lines: ReadonlyMap<string, Line>
    readonly closing: AbortSignal
  },
): TokenService {
  const { clock, transport, lines, closing } = dependencies
  return async (upstream, url) => {
    const line = lines.get(upstream)
    if (line === undefined) throw new AppError('absent.upstream', `no upstream is called ${upstream}`)
    const { url: at, reach } = tokenHop(line.rules, url)
    const limit = new AbortController()
    const { signal } = limit
    const stop = () => limit.abort(new AppError('aborted.shutdown', 'the upstream client is closed'))
    closing.addEventListener('abort', stop, { once: true })
    const cancel = clock.after(limits.headersTimeoutMs, () => {
      limit.abort(wireError('headers-timeout', `the token service of ${upstream} does not answer`))
    })
    try {
      const basic = line.config.credentials?.kind === 'basic' ? basicHeader(line.config.credentials) : {}
      const headers = { ...basic, accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': USER_AGENT }
      const sent = await transport.send({ url: at, reach, method: 'GET', headers, body: undefined, signal })
      const reply = judged(line.config, sent, clock)
      if (reply.status === 200) return readToken(await collect(reply.body, limits.tokenBytesMax))
      reply.discard()
      return undefined
    } catch (cause) {
      throw signal.aborted ? signal.reason : cause
    } finally {
      cancel()
      closing.removeEventListener('abort', stop)
    }
  }
}

/** Basic credentials as a header (RFC 7617). */
export function basicHeader(credentials: { readonly user: string; readonly password: string }): Headers {
  const pair = Buffer.from(`${credentials.user}:${credentials.password}`, 'utf8').toString('base64')
  return { authorization: `Basic ${pair}` }
}
