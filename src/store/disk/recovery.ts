/**
 * What is done after an unclean boot, in the background: leftovers of writers go, files without a row go, rows without a file
 * are damaged, and after a crash of the machine everything that was never synced is read again. Starting waits for none of
 * it, because every read checks its pieces anyway.
 */
import { join } from 'node:path'
import type { Logger } from '../../base/clock.ts'
import type { BlobId } from '../../base/digest.ts'
import { errorChain, throwIfAborted } from '../../base/errors.ts'
import { type Files, isDiskFull } from './files.ts'
import type { Layout } from './layout.ts'

/** What recovery needs of the store. */
export interface RecoveryHost {
  readonly files: Files
  readonly layout: Layout
  /** Names in `incoming` that begin so belong to this run. */
  readonly runPrefix: string
  /** Sound blobs whose hex digits begin with these two. */
  idsOf(twoDigits: string): BlobId[]
  has(id: BlobId): boolean
  /** Takes a blob without a file out of service. */
  lost(id: BlobId): void
  /** Up to 64 blobs after `after` that must be read again. */
  unverified(after: BlobId | undefined): BlobId[]
  /** Reads a blob again. */
  verify(id: BlobId, signal: AbortSignal): Promise<void>
}

/** What was found. */
export interface RecoveryReport {
  removedFiles: number
  lostBlobs: number
  verifiedBlobs: number
}

/** Runs the whole pass. @throws aborted.caller, and errors of the file system */
export async function recover(host: RecoveryHost, signal: AbortSignal): Promise<RecoveryReport> {
  const report: RecoveryReport = { removedFiles: 0, lostBlobs: 0, verifiedBlobs: 0 }
  for (const name of await host.files.names(host.layout.incoming)) {
    throwIfAborted(signal)
    if (name.startsWith(host.runPrefix)) continue
    await host.files.unlink(join(host.layout.incoming, name))
    report.removedFiles += 1
  }
  for (let prefix = 0; prefix < 256; prefix += 1) {
    throwIfAborted(signal)
    await reconcile(host, prefix.toString(16).padStart(2, '0'), report)
  }
  let after: BlobId | undefined
  for (;;) {
    const ids = host.unverified(after)
    if (ids.length === 0) return report
    for (const id of ids) {
      await host.verify(id, signal)
      report.verifiedBlobs += 1
    }
    after = ids.at(-1)
  }
}

async function reconcile(host: RecoveryHost, twoDigits: string, report: RecoveryReport): Promise<void> {
  const directory = host.layout.prefix(twoDigits)
  const before = host.idsOf(twoDigits)
  const names = new Set(await host.files.names(directory))
  for (const id of before) {
    if (names.delete(id.slice('sha256:'.length)) || !host.has(id)) continue
    host.lost(id)
    report.lostBlobs += 1
  }
  for (const name of names) {
    // Renaming in and recording happen at once, so what has no row now never will have one.
    if (host.has(`sha256:${name}` as BlobId)) continue
    host.files.removeNow(join(directory, name))
    report.removedFiles += 1
  }
}

/** The file that is there while a store is open; says by which process and in which run of the machine. */
export class Marker {
  /** How the last run ended: tidily, with a file left in this run of the machine, or in another one (or an unknown one). */
  readonly found: 'this-boot' | 'other-boot' | undefined
  readonly #files: Files
  readonly #path: string
  readonly #logger: Logger
  readonly #bootId: string | undefined

  constructor(files: Files, path: string, logger: Logger) {
    this.#files = files
    this.#path = path
    this.#logger = logger
    this.#bootId = files.bootIdNow()
    const text = files.textNow(path)
    const same = this.#bootId !== undefined && text?.split(' ')[1] === this.#bootId
    this.found = text === undefined ? undefined : same ? 'this-boot' : 'other-boot'
  }

  /** `recovered`: nothing of an earlier run of the machine is left to be put right. */
  write(recovered: boolean): void {
    const boot = recovered ? (this.#bootId ?? 'unknown') : 'unknown'
    try {
      this.#files.writeTextNow(this.#path, `${this.#files.pidNow()} ${boot}`)
    } catch (error) {
      // Without it a crash goes unnoticed at the next start; what it damaged is noticed when it is read.
      if (!isDiskFull(error)) throw error
      this.#logger.warn({ cause: errorChain(error) }, 'the disk is too full to note that the store is open')
    }
  }

  /** Nothing is left to be put right. A new store has no earlier run to tell of, unless it found files. */
  recovered(report: RecoveryReport): void {
    this.write(true)
    if (this.found === undefined && report.removedFiles === 0) this.#logger.debug({}, 'a new store is ready')
    else this.#logger.info({ ...report }, 'recovered after an unclean boot')
  }

  remove(): void {
    this.#files.removeNow(this.#path)
  }
}
