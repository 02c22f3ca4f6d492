/**
 * Times of last use and served facts, collected in memory and written together: a read must not cost a write. A crash of the
 * process loses those of the last two seconds, which only makes eviction a little less exact and `why` a little younger.
 */
import type { Clock, Logger } from '../../base/clock.ts'
import type { BlobId } from '../../base/digest.ts'
import { errorChain } from '../../base/errors.ts'
import type { BlobInfo, ServedFact } from '../store.ts'
import type { BlobTable } from './blob-table.ts'
import type { Database } from './database.ts'
import type { DiskServed } from './records.ts'

const FLUSH_AFTER_MS = 2000
const FLUSH_COUNT = 512

/** What was used and served since the last flush. */
export class UseLog {
  readonly #database: Database
  readonly #table: BlobTable
  readonly #served: DiskServed
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #uses = new Map<BlobId, number>()
  #cancelFlush: (() => void) | undefined

  constructor(database: Database, table: BlobTable, served: DiskServed, clock: Clock, logger: Logger) {
    this.#database = database
    this.#table = table
    this.#served = served
    this.#clock = clock
    this.#logger = logger
  }

  /** `info` with a use at this moment, which is noted. */
  touch(info: BlobInfo): BlobInfo {
    const usedAtMs = this.#clock.nowMs()
    this.#uses.set(info.id, usedAtMs)
    this.#flushSoon()
    return { ...info, usedAtMs }
  }

  record(fact: Omit<ServedFact, 'firstAtMs' | 'lastAtMs'>): void {
    this.#served.record(fact, this.#clock.nowMs())
    this.#flushSoon()
  }

  /** `info` with a use that is not yet written. */
  latest(info: BlobInfo): BlobInfo {
    const usedAtMs = this.#uses.get(info.id)
    return usedAtMs === undefined ? info : { ...info, usedAtMs }
  }

  /** These count as never used. */
  reset(ids: readonly BlobId[]): void {
    for (const id of ids) {
      this.#uses.delete(id)
      this.#table.setUsed(id, 0)
    }
  }

  forget(id: BlobId): void {
    this.#uses.delete(id)
  }

  /** Writes what was collected; a failure costs only that. */
  flush(): void {
    this.#cancelFlush?.()
    this.#cancelFlush = undefined
    try {
      this.#database.write(() => {
        for (const [id, usedAtMs] of this.#uses) this.#table.setUsed(id, usedAtMs)
      })
      this.#served.flush()
    } catch (error) {
      this.#logger.warn({ cause: errorChain(error) }, 'the times of last use could not be written')
      this.#served.drop()
    }
    this.#uses.clear()
  }

  #flushSoon(): void {
    if (this.#uses.size + this.#served.waitingCount >= FLUSH_COUNT) this.flush()
    else this.#cancelFlush ??= this.#clock.after(FLUSH_AFTER_MS, () => this.flush())
  }
}
