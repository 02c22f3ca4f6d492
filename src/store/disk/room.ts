/** Keeps the size limit: evicts what was used longest ago, before writing and when the disk turns out to be full. */
import type { Logger } from '../../base/clock.ts'
import type { BlobId } from '../../base/digest.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import type { StoreBounds } from '../bounds.ts'
import type { UseCursor } from './blob-table.ts'
import { diskFailure, type Files, isDiskFull } from './files.ts'

/** Freed at once when a write finds the disk full. */
const FULL_DISK_STEP_BYTES = 64 * 1_048_576

/** Free on the file system after a start, as far as the own blobs are what fills it. */
const START_BYTES = 4 * 1_048_576

/** What is set aside for metadata, bytes: forgetting a blob needs room before it makes some. */
const RESERVE_BYTES = 131_072

/** What making room needs of the store. */
export interface RoomHost {
  readonly logger: Logger
  storedBytes(): number
  writingBytes(): number
  /** Bytes that eviction cannot touch. */
  pinnedBytes(): number
  /** Free on the file system, and what is about to be. */
  freeBytes(): number
  readonly reserve: Reserve
  /** True if somebody reads it. */
  inUse(id: BlobId): boolean
  /** Blobs without pins after `cursor`, least recently used first; none: that is all. */
  eldest(cursor: UseCursor | undefined): ReadonlyArray<UseCursor & { readonly id: BlobId; readonly sizeBytes: number }>
  /** Takes blobs out at once, or throws at once; resolves when their files are gone. */
  removeAll(ids: readonly BlobId[]): Promise<unknown>
}

/** The store's size. */
export class Room {
  readonly #bounds: StoreBounds
  readonly #host: RoomHost

  constructor(bounds: StoreBounds, host: RoomHost) {
    this.#bounds = bounds
    this.#host = host
  }

  /** Makes room for a new blob, within the limit and on the file system. @throws exhausted.disk */
  makeFor(sizeBytes: number): void {
    this.make(sizeBytes)
    void this.makeFree(sizeBytes)
    this.#host.reserve.hold(this.#host.freeBytes())
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

  /** Makes room on the file system, as far as the own blobs are what fills it; resolves when the files are gone. */
  makeFree(extraBytes: number): Promise<unknown> {
    // Metadata wants room as well. A step, so that not every write on a full disk costs an eviction.
    const shortBytes = extraBytes + RESERVE_BYTES - this.#host.freeBytes()
    if (shortBytes <= 0) return Promise.resolve()
    return this.evict(Math.max(0, this.#host.storedBytes() - Math.max(shortBytes, START_BYTES))).done
  }

  /** Makes room for what is written when a node starts, beside the store too. Never throws: what is there can be served. */
  async makeToStart(): Promise<void> {
    try {
      await this.makeFree(START_BYTES)
      this.#host.reserve.hold(this.#host.freeBytes())
    } catch (error) {
      this.#host.logger.warn({ cause: errorChain(error) }, 'the disk is full and nothing of the store could be evicted')
    }
  }

  /** Removes least recently used blobs until at most `toBytes` are left; `done` when their files are gone. */
  evict(toBytes: number): { readonly removed: number; readonly done: Promise<unknown> } {
    let removed = 0
    const done: Promise<unknown>[] = []
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

  /** As `orMake`, for a change of metadata. @throws exhausted.disk */
  orMakeNow<T>(change: () => T): T {
    try {
      return change()
    } catch (error) {
      if (!isDiskFull(error)) throw error
    }
    this.#evictStep()
    return change()
  }

  /** Runs a write; when the disk is full, evicts and tries once more. @throws exhausted.disk, unavailable.storage */
  async orMake<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write()
    } catch (error) {
      if (!isDiskFull(error)) throw diskFailure(error, 'writing a blob')
    }
    await this.#evictStep()
    try {
      return await write()
    } catch (error) {
      throw diskFailure(error, 'writing a blob')
    }
  }

  #evictStep(): Promise<unknown> {
    const { removed, done } = this.evict(Math.max(0, this.#host.storedBytes() - FULL_DISK_STEP_BYTES))
    this.#host.logger.warn({ evictedBlobs: removed }, 'the disk is full')
    return done
  }
}

/** A file that is given up when the disk is full, so that what makes room can be written. */
export class Reserve {
  readonly #files: Files
  readonly #path: string
  #held: boolean

  constructor(files: Files, path: string) {
    this.#files = files
    this.#path = path
    this.#held = files.textNow(path) !== undefined
  }

  /** Sets the room aside if it is not, and there is far more than that. Never throws. */
  hold(freeBytes: number): void {
    if (this.#held || freeBytes < 2 * RESERVE_BYTES) return
    try {
      this.#files.writeTextNow(this.#path, ' '.repeat(RESERVE_BYTES))
      this.#held = true
    } catch {
      this.#files.removeNow(this.#path)
    }
  }

  /** Gives it up; false if it was given up before. */
  giveUp(): boolean {
    const held = this.#held
    this.#held = false
    this.#files.removeNow(this.#path)
    return held
  }
}
