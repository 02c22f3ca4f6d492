/** Signals that abort after a while, on the clock that is handed in. */
import type { Clock } from '../../../base/clock.ts'
import { AppError } from '../../../base/errors.ts'

/**
 * Runs `work` with a signal that aborts after `timeoutMs`, or as soon as one of `signals` does. The timer is gone when it
 * returns, so that quick work leaves nothing behind.
 */
export async function within<T>(
  clock: Clock,
  timeoutMs: number,
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const cancel = clock.after(timeoutMs, () => {
    controller.abort(new AppError('unavailable.timeout', `wanted it within ${timeoutMs} ms`))
  })
  const abort = (event: Event) => controller.abort((event.target as AbortSignal).reason)
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
  }
  try {
    return await work(controller.signal)
  } finally {
    cancel()
    for (const signal of signals) signal.removeEventListener('abort', abort)
  }
}
