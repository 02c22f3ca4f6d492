/** What a reply's status says: a reply for the caller, a redirect, or a failure of the upstream. Called by `exchange.ts` and `token-service.ts`. */
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { retryAfterMs } from '../rules/quota.ts'
import type { UpstreamConfig } from '../upstream.ts'
import { type WireReply, wireError } from '../wire/transport.ts'

/** Statuses that lead elsewhere by their Location (RFC 9110 section 15.4). */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** The reply itself unless its status says that the upstream failed or wants fewer requests. @throws exhausted.quota, unavailable.upstream, untrusted.reply */
export function judged(config: UpstreamConfig, reply: WireReply, clock: Clock): WireReply {
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
