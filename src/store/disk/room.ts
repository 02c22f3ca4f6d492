/** Keeps the size limit: evicts what was used longest ago, before writing and when the disk turns out to be full. */
import type { Logger } from '../../base/clock.ts'
import type { BlobId } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { StoreBounds } from '../bounds.ts'
import type { UseCursor } from './blob-table.ts'
import { diskFailure, isDiskFull } from './files.ts'

/** Freed at once when a write finds the disk full. */
const FULL_DISK_STEP_BYTES = 64 * 1_048_576

/** What making room needs of the store. */
export interface RoomHost {
  readonly logger: Logger
  storedBytes(): number
  writingBytes(): number
  /** Bytes that eviction cannot touch. */
  pinnedBytes(): number
  /** Free on the file system, and what is about to be. */
  freeBytes(): number
  /** True if somebody reads it. */
  inUse(id: BlobId): boolean
  /** Blobs without pins after `cursor`, least recently used first; none: that is all. */
  eldest(cursor: UseCursor | undefined): ReadonlyArray<UseCursor & { readonly id: BlobId; readonly sizeBytes: number }>
  /** Takes blobs out at once; resolves when their files are gone. */
  removeAll(ids: readonly BlobId[]): Promise<void>
}

/** The store's size. */
export class Room {
  readonly #bounds: StoreBounds
  readonly #host: RoomHost

  constructor(bounds: StoreBounds, host: RoomHost) {
    this.#bounds = bounds
    this.#host = host
  }

  /** Makes room for `extraBytes` beside what is being written. @throws exhausted.disk */
  make(extraBytes: number): void {
    const { limitBytes, highWatermark, lowWatermark } = this.#bounds
    const arrivingBytes = this.#host.writingBytes() + extraBytes
    const fits = (): boolean => this.#host.storedBytes() + arrivingBytes <= limitBytes
    // What can never fit must not cost what is there.
    const hopeless = this.#host.pinnedBytes() + arrivingBytes > limitBytes
    if (!hopeless && this.#host.storedBytes() + arrivingBytes > limitBytes * highWatermark) {
      this.evict(Math.max(0, limitBytes * lowWatermark - arrivingBytes))
    }
    if (fits()) return
    throw new AppError(
      'exhausted.disk',
      `making room for ${extraBytes} bytes: the limit of ${limitBytes} is reached and nothing more may be evicted`,
      { data: { limitBytes, extraBytes } },
    )
  }

  /** Makes room on the file system, as far as the own blobs are what fills it. */
  makeFree(extraBytes: number): void {
    const shortBytes = extraBytes - this.#host.freeBytes()
    if (shortBytes > 0) this.evict(Math.max(0, this.#host.storedBytes() - shortBytes))
  }

  /** Removes least recently used blobs until at most `toBytes` are left; `done` when their files are gone. */
  evict(toBytes: number): { readonly removed: number; readonly done: Promise<unknown> } {
    let removed = 0
    const done: Promise<void>[] = []
    let cursor: UseCursor | undefined
    while (this.#host.storedBytes() > toBytes) {
      const eldest = this.#host.eldest(cursor)
      if (eldest.length === 0) break
      cursor = eldest.at(-1)
      let leftBytes = this.#host.storedBytes()
      const ids: BlobId[] = []
      for (const { id, sizeBytes } of eldest) {
        if (leftBytes <= toBytes) break
        if (this.#host.inUse(id)) continue
        leftBytes -= sizeBytes
        ids.push(id)
      }
      removed += ids.length
      done.push(this.#host.removeAll(ids))
    }
    return { removed, done: Promise.all(done) }
  }

  /** Runs a write; when the disk is full, evicts and tries once more. @throws exhausted.disk, unavailable.storage */
  async orMake<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write()
    } catch (error) {
      if (!isDiskFull(error)) throw diskFailure(error, 'writing a blob')
    }
    const { removed, done } = this.evict(Math.max(0, this.#host.storedBytes() - FULL_DISK_STEP_BYTES))
    await done
    this.#host.logger.warn({ evictedBlobs: removed }, 'the disk is full')
    try {
      return await write()
    } catch (error) {
      throw diskFailure(error, 'writing a blob')
    }
  }
}
