/** Fetches damaged blobs again: a few at a time, with growing pauses, and not for ever. Called by `keep.ts`. */
import type { Clock, Logger } from '../base/clock.ts'
import type { BlobId } from '../base/digest.ts'
import { errorChain, isKind } from '../base/errors.ts'
import type { BlobInfo } from '../store/store.ts'

/** How hard repair tries. */
export interface RepairOptions {
  readonly concurrencyMax: number
  /** Blobs that wait or are being repaired; what is found damaged beyond it waits for the next scrub or reader. */
  readonly waitingCountMax: number
  readonly attemptCountMax: number
  /** Pause after the first failure; it quadruples with each further one. */
  readonly pauseMs: number
}

/** What repair needs. `refetch` resolves when the blob is whole again. */
export interface RepairDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly refetch: (blob: BlobInfo, signal: AbortSignal) => Promise<void>
}

/** A bounded queue of damaged blobs. */
export class Repair {
  readonly #options: RepairOptions
  readonly #dependencies: RepairDependencies
  readonly #waiting = new Map<BlobId, BlobInfo>()
  readonly #running = new Map<BlobId, Promise<void>>()
  readonly #stopping = new AbortController()

  constructor(options: RepairOptions, dependencies: RepairDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Queues a blob unless it is queued already or the queue is full. */
  add(blob: BlobInfo): void {
    if (this.#stopping.signal.aborted || this.#waiting.has(blob.id) || this.#running.has(blob.id)) return
    if (this.#waiting.size >= this.#options.waitingCountMax) return
    this.#waiting.set(blob.id, blob)
    this.#next()
  }

  /** Ends what is under way and forgets what waits. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#waiting.clear()
    await Promise.all(this.#running.values())
  }

  #next(): void {
    for (const [id, blob] of this.#waiting) {
      if (this.#running.size >= this.#options.concurrencyMax) return
      this.#waiting.delete(id)
      const running = this.#repair(blob).finally(() => {
        this.#running.delete(id)
        this.#next()
      })
      this.#running.set(id, running)
    }
  }

  /** Never rejects. */
  async #repair(blob: BlobInfo): Promise<void> {
    const { clock, logger, refetch } = this.#dependencies
    const signal = this.#stopping.signal
    for (let attempt = 1; attempt <= this.#options.attemptCountMax && !signal.aborted; attempt += 1) {
      try {
        await refetch(blob, signal)
        logger.info({ id: blob.id, attempt }, 'repaired a damaged blob')
        return
      } catch (error) {
        if (isKind(error, 'aborted') && signal.aborted) return
        logger.warn({ id: blob.id, attempt, cause: errorChain(error) }, 'repairing a damaged blob failed')
      }
      if (attempt === this.#options.attemptCountMax) return
      await clock.sleep(this.#options.pauseMs * 4 ** (attempt - 1), signal).catch(() => {})
    }
  }
}
