/** Work that nobody waits for but close: unlinking, syncing, recovering. Failures are logged. */
import type { Logger } from '../../base/clock.ts'
import { errorChain, isKind } from '../../base/errors.ts'

/** The set of what is under way. */
export class Background {
  readonly #logger: Logger
  readonly #running = new Set<Promise<void>>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Watches `work`; the returned promise never rejects. */
  add(work: Promise<void>, what: string): Promise<void> {
    const watched = work
      .catch((error) => {
        if (!isKind(error, 'aborted')) this.#logger.warn({ cause: errorChain(error) }, `${what} failed`)
      })
      .finally(() => this.#running.delete(watched))
    this.#running.add(watched)
    return watched
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }
}
