/** A bell that several may wait for. Clients of one transfer wait for it instead of polling. */
import { throwIfAborted } from '../../base/errors.ts'

/** Wakes everyone who waits when it rings. Holds nothing for those who left. */
export interface Bell {
  ring(): void
  /** Resolves at the next ring. @throws aborted.caller as soon as `signal` aborts */
  next(signal?: AbortSignal): Promise<void>
}

/** A bell. */
export function createBell(): Bell {
  let waiting = new Set<() => void>()
  return {
    ring() {
      const woken = waiting
      waiting = new Set()
      for (const wake of woken) wake()
    },
    next(signal) {
      return new Promise((resolve, reject) => {
        const wake = () => {
          signal?.removeEventListener('abort', wake)
          waiting.delete(wake)
          try {
            throwIfAborted(signal)
            resolve()
          } catch (error) {
            reject(error)
          }
        }
        if (signal?.aborted) return wake()
        waiting.add(wake)
        signal?.addEventListener('abort', wake, { once: true })
      })
    },
  }
}
