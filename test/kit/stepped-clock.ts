/** A clock that tests move: sleeping moves it at once, `advance` moves it by hand, and what is due is called. */
import type { Clock } from '../../src/base/clock.ts'
import { throwIfAborted } from '../../src/base/errors.ts'

/** The clock and what was slept on it. */
export interface SteppedClock extends Clock {
  /** Moves time and calls what is due, oldest first. */
  advance(ms: number): void
  /** Each `sleep`, milliseconds. */
  readonly sleptMs: number[]
}

/** A clock that stands at an arbitrary moment. */
export function steppedClock(): SteppedClock {
  let nowMs = 1_700_000_000_000
  const sleptMs: number[] = []
  const timers = new Map<object, { readonly atMs: number; readonly fn: () => void }>()
  function advance(ms: number): void {
    nowMs += ms
    const due = [...timers].filter(([, timer]) => timer.atMs <= nowMs).sort(([, a], [, b]) => a.atMs - b.atMs)
    for (const [key, timer] of due) if (timers.delete(key)) timer.fn()
  }
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    async sleep(ms, signal) {
      throwIfAborted(signal)
      sleptMs.push(ms)
      advance(ms)
    },
    after(ms, fn) {
      const key = {}
      timers.set(key, { atMs: nowMs + ms, fn })
      return () => {
        timers.delete(key)
      }
    },
    advance,
    sleptMs,
  }
}
