/** A few turns for many: who finds none free waits for one, in order, or leaves. Pure state. */
import { AppError, throwIfAborted } from '../../../base/errors.ts'

/** See the module head. */
export class Turns {
  readonly #waiting: Array<() => void> = []
  #free: number

  /** `count` turns that are free. */
  constructor(count: number) {
    this.#free = count
  }

  /** Resolves when it is the caller's turn, with what ends it. @throws aborted.caller */
  async take(signal: AbortSignal): Promise<() => void> {
    throwIfAborted(signal)
    if (this.#free > 0) this.#free -= 1
    else await this.#wait(signal)
    return () => {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(turn), 1)
      reject(new AppError('aborted.caller', 'the caller left before its turn', { cause: signal.reason }))
    }
    const turn = (): void => {
      signal.removeEventListener('abort', leave)
      resolve()
    }
    signal.addEventListener('abort', leave, { once: true })
    this.#waiting.push(turn)
    return promise
  }
}
