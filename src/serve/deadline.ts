/** A signal with a time limit that comes from the handed-in clock. */
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'

/** A limit on a wait. `clear` must be called when the work is done. */
export interface Deadline {
  readonly signal: AbortSignal
  clear(): void
}

/** Aborts with `unavailable.timeout` after `ms`, or when `signal` aborts. `what` names the work. */
export function deadline(clock: Clock, ms: number, signal: AbortSignal, what: string): Deadline {
  const controller = new AbortController()
  const cancel = clock.after(ms, () => {
    controller.abort(new AppError('unavailable.timeout', `${what}: nothing within ${ms} ms`))
  })
  return { signal: AbortSignal.any([signal, controller.signal]), clear: cancel }
}

/** What came first: the value of `work`, or `undefined` after `ms`. `work` goes on; its later failure is for others to see. */
export async function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T | undefined> {
  let cancel = () => {}
  const late = new Promise<undefined>((resolve) => {
    cancel = clock.after(ms, () => resolve(undefined))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
  }
}
