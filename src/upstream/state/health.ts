/** What is known of one upstream: its breaker, its quota, until when it is left alone, and what went wrong last. */
import type { Clock, Random } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { Headers } from '../../base/located.ts'
import type { UpstreamLimits } from '../limits.ts'
import { statedQuota } from '../rules/quota.ts'
import type { UpstreamConfig, UpstreamState } from '../upstream.ts'
import { createBreaker, type Trial } from './breaker.ts'

/** The health of one upstream. */
export interface Health {
  /** Leave to ask once. @throws exhausted.quota, unavailable.upstream */
  enter(): Trial
  /** True if `enter` would let a request pass. */
  askable(): boolean
  /** Takes note of what the headers of a reply of the upstream itself say of its rate limit. */
  replied(headers: Headers): void
  /** Leaves the upstream alone for `ms`, at most `retryAfterMaxMs`. */
  block(ms: number): void
  /** Takes note of a failure, for people. */
  failed(message: string): void
  state(offline: boolean): UpstreamState
}

/** The health of `config`'s upstream; of which nothing is known yet. */
export function createHealth(
  config: UpstreamConfig,
  limits: UpstreamLimits,
  dependencies: { readonly clock: Clock; readonly random: Random },
): Health {
  const { clock } = dependencies
  const breaker = createBreaker(
    { points: limits.breakerPoints, baseMs: limits.breakerBaseMs, maxMs: limits.breakerMaxMs },
    dependencies,
  )
  let reachable: 'unknown' | 'yes' | 'no' = 'unknown'
  let lastError: string | undefined
  let quota: UpstreamState['quota']
  let blockedUntilMs = 0

  const blocked = () => clock.nowMs() < blockedUntilMs

  return {
    enter() {
      if (blocked()) {
        const seconds = Math.ceil((blockedUntilMs - clock.nowMs()) / 1000)
        throw new AppError('exhausted.quota', `${config.name} wants no requests for another ${seconds} s`, {
          data: { upstream: config.name, retryAfterMs: seconds * 1000 },
        })
      }
      const trial = breaker.enter()
      if (trial === undefined) {
        throw new AppError('unavailable.upstream', `${config.name} failed lately and is given time to recover`, {
          data: { upstream: config.name, phase: 'breaker', lastError },
        })
      }
      return {
        ...trial,
        succeeded() {
          reachable = 'yes'
          trial.succeeded()
        },
        failed(points) {
          reachable = 'no'
          trial.failed(points)
        },
      }
    },
    askable: () => !blocked() && breaker.state() !== 'open',
    replied(headers) {
      const stated = statedQuota(headers)
      if (stated !== undefined) quota = { ...stated, atMs: clock.nowMs() }
    },
    block(ms) {
      blockedUntilMs = Math.max(blockedUntilMs, clock.nowMs() + Math.min(ms, limits.retryAfterMaxMs))
    },
    failed(message) {
      lastError = message
    },
    state: (offline) => ({
      name: config.name,
      url: config.url,
      share: config.share,
      source: config.source,
      reachable: offline ? 'offline' : reachable,
      breaker: breaker.state(),
      lastError,
      quota,
      notBeforeMs: blocked() ? blockedUntilMs : undefined,
    }),
  }
}
