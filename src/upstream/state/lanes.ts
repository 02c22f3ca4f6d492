/**
 * A bounded number of requests at a time, with a bounded queue in two classes: people who wait go first, and background
 * work never takes the last lanes. One per upstream. A lane is held until the reply's body has ended.
 */
import { AppError, throwIfAborted } from '../../base/errors.ts'

/** Gives a lane back; further calls do nothing. */
export type Leave = () => void

/** The lanes. */
export interface Lanes {
  /** Waits for a lane. @throws exhausted.queue, aborted.caller */
  enter(interactive: boolean, signal: AbortSignal): Promise<Leave>
  /** Requests that hold a lane, and that wait for one. */
  counts(): { readonly held: number; readonly waiting: number }
}

interface Waiter {
  readonly resume: (leave: Leave) => void
}

/** `lanes` at a time, of which background work leaves `reserve` free, and at most `queue` waiting. */
export function createLanes(options: {
  readonly name: string
  readonly lanes: number
  readonly reserve: number
  readonly queue: number
}): Lanes {
  const waiting: readonly [Set<Waiter>, Set<Waiter>] = [new Set(), new Set()]
  const backgroundMax = Math.max(1, options.lanes - options.reserve)
  let held = 0
  let background = 0

  function hold(interactive: boolean): Leave {
    held += 1
    if (!interactive) background += 1
    let left = false
    return () => {
      if (left) return
      left = true
      held -= 1
      if (!interactive) background -= 1
      next()
    }
  }

  function free(interactive: boolean): boolean {
    return held < options.lanes && (interactive || background < backgroundMax)
  }

  function next(): void {
    for (const [index, queue] of waiting.entries()) {
      const interactive = index === 0
      for (const waiter of queue) {
        if (!free(interactive)) break
        queue.delete(waiter)
        waiter.resume(hold(interactive))
      }
    }
  }

  async function enter(interactive: boolean, signal: AbortSignal): Promise<Leave> {
    throwIfAborted(signal)
    const queue = waiting[interactive ? 0 : 1]
    if (queue.size === 0 && free(interactive)) return hold(interactive)
    if (waiting[0].size + waiting[1].size >= options.queue) {
      throw new AppError('exhausted.queue', `${options.queue} requests to ${options.name} are waiting already`)
    }
    return await new Promise<Leave>((resolve, reject) => {
      const waiter: Waiter = {
        resume(leave) {
          signal.removeEventListener('abort', leaveQueue)
          resolve(leave)
        },
      }
      function leaveQueue(): void {
        queue.delete(waiter)
        reject(new AppError('aborted.caller', `left the queue for ${options.name}`, { cause: signal.reason }))
      }
      signal.addEventListener('abort', leaveQueue, { once: true })
      queue.add(waiter)
    })
  }

  return { enter, counts: () => ({ held, waiting: waiting[0].size + waiting[1].size }) }
}
