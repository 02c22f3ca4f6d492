/**
 * Writes files so that they outlive a crash of the machine, and are never seen half-written: beside, synced, renamed in, and the
 * directories synced too. Every step goes through `LogFiles`, in an order that the fault table walks through.
 */
import { dirname, join } from 'node:path'
import type { LogFiles } from './files.ts'

/** A file to be written; `path` is absolute. */
export interface WantedFile {
  readonly path: string
  readonly bytes: Uint8Array
}

/** Files that are written at the same time. */
const WRITES_MAX = 16

/** Writes durably below one directory. */
export class DurableWriter {
  readonly #files: LogFiles
  readonly #root: string
  readonly #incoming: string
  /** Directories of whose names this process knows that they are durable. */
  readonly #known = new Set<string>()
  /** Directories that got names which are not durable yet. */
  readonly #unsynced = new Set<string>()
  #count = 0

  /** Public files go below `root`, which is there; `incoming` is a directory of the same file system. */
  constructor(files: LogFiles, root: string, incoming: string) {
    this.#files = files
    this.#root = root
    this.#incoming = incoming
  }

  /** Writes files of mode 0644 below the root, in no order; durable after `flush`. */
  async put(wanted: readonly WantedFile[]): Promise<void> {
    for (const path of new Set(wanted.map((file) => dirname(file.path)))) await this.#directory(path)
    for (let at = 0; at < wanted.length; at += WRITES_MAX) {
      const some = wanted.slice(at, at + WRITES_MAX)
      // All are waited for, also if one fails: what comes after must not meet a write that is still under way.
      const done = await Promise.allSettled(some.map((file) => this.#replace(file, 0o644)))
      for (const result of done) if (result.status === 'rejected') throw result.reason
    }
  }

  /** Makes the names of all that was put durable. */
  async flush(): Promise<void> {
    const directories = [...this.#unsynced]
    const done = await Promise.allSettled(directories.map((path) => this.#files.syncDirectory(path)))
    for (const result of done) if (result.status === 'rejected') throw result.reason
    for (const path of directories) this.#unsynced.delete(path)
  }

  /** Writes one file of mode 0600, or 0644, and returns when it is durable. Its directory is there. */
  async replace(file: WantedFile, mode: 0o600 | 0o644): Promise<void> {
    await this.#replace(file, mode)
    await this.flush()
  }

  /**
   * Writes one file of mode 0644 that something durable can restore: nobody sees it half-written while the machine runs, but after
   * a crash of the machine it may be the old one, the new one or no file that can be read. Its directory is there.
   */
  async show({ path, bytes }: WantedFile): Promise<void> {
    await this.#files.rename(await this.#beside(bytes, 0o644, false), path)
  }

  async #replace({ path, bytes }: WantedFile, mode: 0o600 | 0o644): Promise<void> {
    const beside = await this.#beside(bytes, mode, true)
    this.#unsynced.add(dirname(path))
    await this.#files.rename(beside, path)
  }

  async #beside(bytes: Uint8Array, mode: 0o600 | 0o644, sync: boolean): Promise<string> {
    this.#count += 1
    const beside = join(this.#incoming, String(this.#count))
    const fd = await this.#files.create(beside, mode)
    try {
      await this.#files.write(fd, bytes)
      if (sync) await this.#files.sync(fd)
    } finally {
      await this.#files.close(fd)
    }
    return beside
  }

  /** Makes a directory below the root, and those above it. */
  async #directory(path: string): Promise<void> {
    if (path === this.#root || this.#known.has(path)) return
    await this.#directory(dirname(path))
    await this.#files.makeDirectory(path, 0o755)
    // Also if it was there: whoever made it may have been killed before it was durable.
    this.#unsynced.add(dirname(path))
    this.#known.add(path)
  }
}
