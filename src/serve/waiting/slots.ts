/** A bounded number of places with a bounded queue before them. Transfers and background work take one each. */
import { AppError, throwIfAborted } from '../../base/errors.ts'

/** Places for work that runs at the same time. */
export interface Slots {
  /**
   * Waits for a place; the returned function gives it back (once; further calls do nothing).
   * @throws exhausted.queue if too many wait already; aborted.caller
   */
  take(signal: AbortSignal): Promise<() => void>
}

/** `countMax` places and at most `waitingMax` who wait; `what` names the work in errors. */
export function createSlots(what: string, countMax: number, waitingMax: number): Slots {
  let taken = 0
  const queue = new Set<() => void>()
  const give = () => {
    const [next] = queue
    if (next === undefined) {
      taken--
      return
    }
    queue.delete(next)
    next()
  }
  const once = () => {
    let given = false
    return () => {
      if (given) return
      given = true
      give()
    }
  }
  return {
    async take(signal) {
      throwIfAborted(signal)
      if (taken < countMax) {
        taken++
        return once()
      }
      if (queue.size >= waitingMax) {
        throw new AppError('exhausted.queue', `${what}: ${countMax} are running and ${waitingMax} wait already`)
      }
      await new Promise<void>((resolve, reject) => {
        const start = () => {
          signal.removeEventListener('abort', leave)
          resolve()
        }
        const leave = () => {
          queue.delete(start)
          reject(new AppError('aborted.caller', `${what}: the caller left the queue`, { cause: signal.reason }))
        }
        queue.add(start)
        signal.addEventListener('abort', leave, { once: true })
      })
      return once()
    },
  }
}
