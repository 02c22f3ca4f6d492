/**
 * A half-open circuit breaker per upstream: after enough failures requests fail at once, then a single one may try.
 * Called by `health.ts`; knows nothing of HTTP. Replies, a 404 among them, are successes: the host answered.
 */
import type { Clock, Random } from '../../base/clock.ts'

/** `open` fails at once; `half-open` has waited long enough for one trial. */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** Leave to ask; exactly one of its methods ends it. */
export interface Trial {
  /** The upstream answered. */
  succeeded(): void
  /** It did not: `points` towards opening (a refused connection weighs more than a slow reply). */
  failed(points: number): void
  /** The caller left before there was a verdict. */
  undecided(): void
}

/** The breaker. */
export interface Breaker {
  state(): BreakerState
  /** Leave to ask, or undefined while the breaker is open or its one trial is under way. */
  enter(): Trial | undefined
}

/** A closed breaker that opens at `points` failure points without a success between, for `baseMs`, doubling up to `maxMs`. */
export function createBreaker(
  options: { readonly points: number; readonly baseMs: number; readonly maxMs: number },
  dependencies: { readonly clock: Clock; readonly random: Random },
): Breaker {
  let points = 0
  let opened = 0
  let openUntilMs: number | undefined
  let trying = false

  function open(): void {
    const spanMs = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(opened, 20))
    opened += 1
    // Jitter keeps the nodes of one office from trying in step.
    openUntilMs = dependencies.clock.monotonicMs() + spanMs * (0.75 + dependencies.random.fraction() / 4)
  }

  function state(): BreakerState {
    if (openUntilMs === undefined) return 'closed'
    return dependencies.clock.monotonicMs() >= openUntilMs ? 'half-open' : 'open'
  }

  function enter(): Trial | undefined {
    const now = state()
    if (now === 'open' || (now === 'half-open' && trying)) return undefined
    const probe = now === 'half-open'
    if (probe) trying = true
    let ended = false
    const once = (then: () => void) => () => {
      if (ended) return
      ended = true
      if (probe) trying = false
      then()
    }
    return {
      succeeded: once(() => {
        points = 0
        opened = 0
        openUntilMs = undefined
      }),
      failed: (by) =>
        once(() => {
          points += by
          // Failures of requests that began before the breaker opened do not lengthen its span.
          if (probe || (openUntilMs === undefined && points >= options.points)) open()
        })(),
      undecided: once(() => {}),
    }
  }

  return { state, enter }
}
