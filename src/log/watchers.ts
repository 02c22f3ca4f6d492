/** Whoever wants to know of a log's newer checkpoints. One that fails does not keep the others from being told. */
import type { Logger } from '../base/clock.ts'
import { errorChain } from '../base/errors.ts'
import type { AcceptedCheckpoint } from './log.ts'

/** Listeners of one log. */
export class Watchers {
  readonly #listeners = new Set<(checkpoint: AcceptedCheckpoint) => void>()
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Adds a listener; the returned function takes it away. */
  add(listener: (checkpoint: AcceptedCheckpoint) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(checkpoint: AcceptedCheckpoint): void {
    for (const listener of this.#listeners) {
      try {
        listener(checkpoint)
      } catch (error) {
        this.#logger.error({ cause: errorChain(error) }, 'a listener to checkpoints failed')
      }
    }
  }
}
