/**
 * A rate limit that lets debts be made: who takes more than there is learns for how long to wait. Taking whole chunks this way
 * keeps the long-run rate exact without splitting them.
 */
import type { Clock } from '../../base/clock.ts'

/** A limit of so many units per second; `undefined` units mean no limit. */
export interface TokenBucket {
  /** Takes `units` and says how many milliseconds the taker must wait before it goes on. */
  debit(units: number): number
  /** Takes `units` if they are there now; else takes nothing and says false. */
  tryTake(units: number): boolean
}

/**
 * A bucket that fills with `unitsPerSecond` and holds `burstUnits` (a quarter of a second's worth unless told).
 * It starts full.
 */
export function createTokenBucket(
  options: { readonly unitsPerSecond: number | undefined; readonly burstUnits?: number },
  dependencies: { readonly clock: Clock },
): TokenBucket {
  const rate = options.unitsPerSecond
  if (rate === undefined) return { debit: () => 0, tryTake: () => true }
  const burst = options.burstUnits ?? rate / 4
  let balance = burst
  let filledAtMs = dependencies.clock.monotonicMs()
  const fill = (): void => {
    const nowMs = dependencies.clock.monotonicMs()
    balance = Math.min(burst, balance + ((nowMs - filledAtMs) / 1000) * rate)
    filledAtMs = nowMs
  }
  return {
    debit(units) {
      fill()
      balance -= units
      return balance >= 0 ? 0 : (-balance / rate) * 1000
    },
    tryTake(units) {
      fill()
      if (balance < units) return false
      balance -= units
      return true
    },
  }
}
