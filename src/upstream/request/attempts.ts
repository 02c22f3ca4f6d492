/** Trying again: when it may help, after which pause, and what each outcome says of the upstream's health. Called by `client.ts`. */
import { type AppError, errorChain, wrapError } from '../../base/errors.ts'
import type { UpstreamLimits } from '../limits.ts'
import type { Line, UpstreamDependencies } from '../line.ts'
import type { Health } from '../state/health.ts'
import type { UpstreamRequest } from '../upstream.ts'
import type { WirePhase, WireReply } from '../wire/transport.ts'
import type { Session } from './session.ts'

/** One request and how to try it once. */
export interface Attempt {
  readonly line: Line
  readonly session: Session
  readonly asked: UpstreamRequest
  readonly once: () => Promise<WireReply>
}

/** Tries until there is a reply, or trying again would not help. @throws what the last attempt threw; exhausted.quota, unavailable.upstream without one */
export async function attempted(
  attempt: Attempt,
  limits: UpstreamLimits,
  dependencies: UpstreamDependencies,
): Promise<WireReply> {
  const { line, session, asked } = attempt
  let last: AppError | undefined
  for (let count = 1; ; count += 1) {
    const trial = enter(line, last)
    try {
      const reply = await attempt.once()
      trial.succeeded()
      return reply
    } catch (cause) {
      last = wrapError(session.explain(cause), 'unavailable.upstream', `asking ${asked.upstream} failed`)
    }
    if (last.kind === 'aborted') {
      trial.undecided()
      throw last
    }
    line.health.failed(errorChain(last).join(': '))
    // A reply that breaks the rules, or asks for patience, is still a sign of life.
    if (last.kind === 'unavailable') trial.failed(POINTS[phaseOf(last)])
    else trial.succeeded()
    const spanMs = Math.min(limits.backoffMaxMs, limits.backoffBaseMs * 2 ** (count - 1))
    const jitterMs = dependencies.random.fraction() * spanMs
    const more = count < (asked.interactive ? limits.interactiveAttempts : limits.backgroundAttempts)
    const waitMs = pauseMs(attempt, last, more, limits)
    if (waitMs === undefined) throw last
    dependencies.logger.debug({ upstream: asked.upstream, count, waitMs, error: last.message }, 'asking upstream again')
    await dependencies.clock.sleep(waitMs + jitterMs, session.signal)
  }
}

/** What the upstream wants to be left in peace before the next attempt; undefined if there is none. Blocks it for longer spans. */
function pauseMs(attempt: Attempt, error: AppError, more: boolean, limits: UpstreamLimits): number | undefined {
  const stated = error.data.retryAfterMs
  const refused = error.code === 'exhausted.quota'
  const wantedMs = typeof stated === 'number' ? stated : refused ? limits.retryAfterDefaultMs : undefined
  const passing = refused || (error.kind === 'unavailable' && RETRIED.has(phaseOf(error)))
  const repeatable = passing && more && attempt.asked.method !== 'POST'
  if (wantedMs !== undefined && (!repeatable || wantedMs > limits.retryAfterWaitMs)) {
    attempt.line.health.block(wantedMs)
    return undefined
  }
  return repeatable ? (wantedMs ?? 0) : undefined
}

/** How much each kind of failure weighs towards opening the breaker (`UpstreamLimits.breakerPoints`): a host that cannot be reached should not be waited for again. */
const POINTS: Readonly<Record<WirePhase, number>> = {
  connect: 3,
  'connect-timeout': 6,
  tls: 6,
  'headers-timeout': 3,
  broken: 2,
  status: 1,
}

/** Failures after which another attempt may help while somebody waits; time-outs have used up the patience already. */
const RETRIED: ReadonlySet<WirePhase> = new Set<WirePhase>(['connect', 'broken', 'status'])

function phaseOf(error: AppError): WirePhase {
  const phase = error.data.phase as WirePhase | undefined
  return phase !== undefined && phase in POINTS ? phase : 'broken'
}

/** Leave for the next attempt; if the breaker has opened meanwhile, the failure that opened it says more. */
function enter(line: Line, last: AppError | undefined): ReturnType<Health['enter']> {
  try {
    return line.health.enter()
  } catch (refusal) {
    throw last ?? refusal
  }
}
