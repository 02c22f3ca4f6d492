/** Waiting for work that others wait for too. */
import { throwIfAborted, wrapError } from '../../base/errors.ts'

/** The outcome of `work`, unless `signal` aborts first; the work itself goes on for others. @throws aborted.caller */
export async function orLeave<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  throwIfAborted(signal)
  let leave = () => {}
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(wrapError(signal.reason, 'aborted.caller', 'the caller left'))
    signal.addEventListener('abort', leave, { once: true })
  })
  try {
    return await Promise.race([work, left])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

/** Work by key: whoever comes while it runs gets the same outcome. */
export interface SingleFlight<T> {
  /** Runs `work`, or joins the running one. */
  run(key: string, work: () => Promise<T>): Promise<T>
  /** Keys in flight. */
  size(): number
}

/** No work in flight. */
export function createSingleFlight<T>(): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>()
  return {
    run(key, work) {
      const running = flights.get(key)
      if (running !== undefined) return running
      const started = work().finally(() => flights.delete(key))
      flights.set(key, started)
      // Whoever waits sees the failure; a flight that nobody waits for any more must not end the process.
      started.catch(() => {})
      return started
    },
    size: () => flights.size,
  }
}
