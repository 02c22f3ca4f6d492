/**
 * Open blobs: one descriptor per blob, shared by its readers, and kept for a moment after the last of them, because clients
 * that read by ranges, and many clients at once, come back at once.
 */
import type { Clock } from '../../../base/clock.ts'
import type { BlobId } from '../../../base/digest.ts'
import type { Files } from '../files.ts'

/** How long a descriptor without readers stays open at most, milliseconds. */
const IDLE_MS = 2_000
/** Descriptors without readers; the one that is idle longest goes first. */
const IDLE_COUNT_MAX = 64

/** A descriptor with the count of those who use it. */
export class SharedFile {
  readonly #files: Files
  readonly #opening: Promise<number>
  readonly #idle: (usable: boolean) => void
  #users = 0
  #failed = false

  /** Opens at once; `idle` is called each time the last user has left, with false if the file could not be opened. */
  constructor(path: string, files: Files, idle: (usable: boolean) => void) {
    this.#files = files
    this.#idle = idle
    this.#opening = files.open(path, 'read')
    this.#opening.catch(() => {
      this.#failed = true
    })
  }

  get inUse(): boolean {
    return this.#users > 0
  }

  /** The descriptor. Every successful or failed call is followed by one `leave`. */
  async join(): Promise<number> {
    this.#users += 1
    return await this.#opening
  }

  leave(): void {
    this.#users -= 1
    if (this.#users === 0) this.#idle(!this.#failed)
  }

  /** For whoever holds it when nobody uses it any more; never throws. */
  close(): void {
    this.#opening.then((fd) => this.#files.close(fd)).catch(() => {})
  }
}

/** The files that are being read or were a moment ago, by blob. */
export class OpenFiles {
  readonly #files: Files
  readonly #clock: Clock
  readonly #open = new Map<BlobId, SharedFile>()
  /** Those without users, longest idle first. */
  readonly #idle = new Map<BlobId, SharedFile>()
  #cancelSweep: (() => void) | undefined
  #closed = false

  constructor(files: Files, clock: Clock) {
    this.#files = files
    this.#clock = clock
  }

  /** The blob's file, opened if nobody has it open; the caller joins it. */
  of(id: BlobId, path: string): SharedFile {
    const open = this.#open.get(id)
    if (open !== undefined) {
      this.#idle.delete(id)
      return open
    }
    const file: SharedFile = new SharedFile(path, this.#files, (usable) => this.#left(id, file, usable))
    this.#open.set(id, file)
    return file
  }

  /** True while somebody reads the blob. */
  inUse(id: BlobId): boolean {
    return this.#open.get(id)?.inUse === true
  }

  /** False once the blob was removed or replaced: `file` then only serves those who already have it. */
  serves(id: BlobId, file: SharedFile): boolean {
    return this.#open.get(id) === file
  }

  /** The blob's file is another one from now on, or none: its space is free as soon as the last reader leaves. */
  drop(id: BlobId): void {
    this.#open.delete(id)
    this.#idle.get(id)?.close()
    this.#idle.delete(id)
  }

  /** Closes what nobody reads, and from now on each file with its last reader. */
  close(): void {
    this.#closed = true
    this.#closeIdle()
  }

  #left(id: BlobId, file: SharedFile, usable: boolean): void {
    if (!this.serves(id, file) || this.#closed || !usable) {
      if (this.serves(id, file)) this.#open.delete(id)
      file.close()
      return
    }
    this.#idle.set(id, file)
    const [longest] = this.#idle.keys()
    if (this.#idle.size > IDLE_COUNT_MAX && longest !== undefined) this.drop(longest)
    this.#cancelSweep ??= this.#clock.after(IDLE_MS, () => this.#closeIdle())
  }

  #closeIdle(): void {
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
    for (const id of [...this.#idle.keys()]) this.drop(id)
  }
}
