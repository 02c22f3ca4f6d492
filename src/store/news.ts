/** Those who want to hear what comes, goes and breaks in a store. */

import type { Logger } from '../base/clock.ts'
import { errorChain } from '../base/errors.ts'
import type { StoreEvent } from './store.ts'

/** The listeners of one store. */
export class News {
  readonly #logger: Logger
  readonly #listeners = new Set<(event: StoreEvent) => void>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Adds a listener until the returned function is called. */
  watch(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Tells all. A listener that fails is logged: what happened has happened, whatever becomes of the news. */
  tell(event: StoreEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#logger.warn({ event: event.kind, cause: errorChain(error) }, 'news of the store were not taken')
      }
    }
  }

  /** Nobody hears anything any more. */
  close(): void {
    this.#listeners.clear()
  }
}
