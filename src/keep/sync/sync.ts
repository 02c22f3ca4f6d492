/**
 * Keeps whole lockfiles for offline use: fetches everything that one wants through the read flow, pins it under the file's
 * path, and proves from the store alone that nothing is missing. Called by the API; runs belong to the node, not to the caller
 * who began them. Blind to ecosystems: formats are read, and requests named, by their readers.
 */
import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { Clock, Logger, Random } from '../../base/clock.ts'
import type { BlobId } from '../../base/digest.ts'
import { AppError, errorChain, isKind } from '../../base/errors.ts'
import type { Ecosystem, LockedFile } from '../../ecosystems/ecosystem.ts'
import type { Store } from '../../store/store.ts'
import { dropRecord, listSynced, type RecordStore, readRecord, type SyncRecord, writeRecord } from './record.ts'
import { Run } from './run.ts'
import type { AskReadFlow, KeptFor, Sync, SyncedFile, SyncJob, SyncRequest } from './types.ts'
import { walk } from './walk.ts'

/** Runs at a time; further ones are refused. */
const RUNNING_COUNT_MAX = 4
/** Runs whose end can still be asked for. */
const ENDED_COUNT_MAX = 64

/** What syncs are told once. */
export interface SyncOptions {
  readonly ecosystems: readonly Ecosystem[]
  /** `os/architecture` that is meant where a request names none. */
  readonly platform: string
}

/** What syncs need. */
export interface SyncDependencies {
  readonly store: RecordStore & Pick<Store, 'lookup'>
  readonly ask: AskReadFlow
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** The label of a lockfile's pins. */
export function syncLabel(path: string): string {
  return `sync:${path}`
}

/** Syncs over these parts. */
export function createSync(options: SyncOptions, dependencies: SyncDependencies): Sync {
  return new Runs(options, dependencies)
}

class Runs implements Sync {
  readonly #options: SyncOptions
  readonly #dependencies: SyncDependencies
  readonly #runs = new Map<string, Run>()

  constructor(options: SyncOptions, dependencies: SyncDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  begin(request: SyncRequest): SyncJob {
    const { clock, random } = this.#dependencies
    const { ecosystem, files } = readLockfile(this.#options.ecosystems, request)
    const platform = request.platform ?? this.#options.platform
    const content = createHash('sha256').update(request.bytes).digest('hex')
    const same = [...this.#runs.values()].filter((run) => run.isOf(request))
    const joined = same.find((run) => run.content === content && run.job().platform === platform)
    if (joined !== undefined) return joined.job()
    for (const run of same) run.cancel()
    const running = [...this.#runs.values()].filter((run) => run.job().state === 'running')
    if (running.length >= RUNNING_COUNT_MAX) {
      throw new AppError('exhausted.queue', `${RUNNING_COUNT_MAX} lockfiles are being synced already: try again later`)
    }
    const id = Buffer.from(random.bytes(9)).toString('base64url')
    const { path, checkOnly } = request
    const about = { id, path, label: syncLabel(path), ecosystem: ecosystem.id, platform, checkOnly }
    const former = same.map((run) => run.ended)
    const run = new Run(about, content, clock)
    this.#runs.set(id, run)
    this.#forgetOldest()
    run.start(async () => {
      // Whoever was cancelled still writes down what it has: its pins must not be lost.
      await Promise.all(former)
      return await this.#work(run, ecosystem, files)
    })
    return run.job()
  }

  async job(id: string, waitMs: number, signal: AbortSignal): Promise<SyncJob> {
    const run = this.#run(id)
    const { clock } = this.#dependencies
    if (waitMs > 0 && run.job().state === 'running') {
      const waited = new AbortController()
      const sleep = clock.sleep(waitMs, AbortSignal.any([signal, waited.signal])).catch((error) => {
        if (signal.aborted) throw error
      })
      await Promise.race([sleep, run.ended])
      waited.abort()
    }
    return run.job()
  }

  cancel(id: string): SyncJob {
    const run = this.#run(id)
    run.cancel()
    return run.job()
  }

  list(): SyncedFile[] {
    return listSynced(this.#dependencies.store)
  }

  async remove(path: string): Promise<SyncedFile> {
    const { store } = this.#dependencies
    const label = syncLabel(path)
    const runs = [...this.#runs.values()].filter((run) => run.job().label === label && !run.job().checkOnly)
    for (const run of runs) run.cancel()
    await Promise.all(runs.map((run) => run.ended))
    const record = await readRecord(store, label)
    if (record === undefined)
      throw new AppError('absent.lockfile', `nothing is kept for ${path}: see pyrsia sync --list`)
    for (const id of record.blobs) store.unpin(id, label)
    dropRecord(store, label)
    const { blobs: _, documents: __, files: ___, ...synced } = record
    return synced
  }

  async kept(label: string): Promise<KeptFor | undefined> {
    return await readRecord(this.#dependencies.store, label)
  }

  async close(): Promise<void> {
    for (const run of this.#runs.values()) run.cancel()
    await Promise.all([...this.#runs.values()].map((run) => run.ended))
  }

  #run(id: string): Run {
    const run = this.#runs.get(id)
    if (run === undefined) throw new AppError('absent.lockfile', `there is no run ${id}: begin another`)
    return run
  }

  #forgetOldest(): void {
    const ended = [...this.#runs].filter(([, run]) => run.job().state !== 'running')
    for (const [id] of ended.slice(0, Math.max(0, ended.length - ENDED_COUNT_MAX))) this.#runs.delete(id)
  }

  /** The run itself: walks, pins as it goes, and writes down what is kept. True if nothing is missing. */
  async #work(run: Run, ecosystem: Ecosystem, files: readonly LockedFile[]): Promise<boolean> {
    const { store, ask, clock, logger } = this.#dependencies
    const { label, platform, checkOnly, path } = run.job()
    const keeping = new Keeping()
    const context = {
      ecosystem,
      platform,
      mayFetch: !checkOnly,
      ask,
      store: { open: (id: BlobId) => this.#open(id) },
      signal: run.signal,
      onBytes: (count: number) => run.fetched(count),
    }
    try {
      await walk(files, context, (file, settled, wantedCount) => {
        if (settled.kind === 'missing') {
          run.missed({ purl: file.purl, requestPath: file.requestPath, reason: settled.reason }, wantedCount)
          return
        }
        if (!checkOnly) for (const id of settled.blobs) pinIfThere(store, id, label)
        keeping.add(file, settled)
        run.settled(wantedCount)
      })
    } finally {
      if (!checkOnly) {
        const complete = run.job().missingCount === 0 && !run.signal.aborted
        const about = { path, label, ecosystem: ecosystem.id, platform, complete, syncedAtMs: clock.nowMs() }
        await this.#writeDown(keeping.record(about)).catch((error) => {
          logger.warn({ label, why: errorChain(error) }, 'what was synced could not be written down')
          run.fail(error)
        })
      }
    }
    return run.job().missingCount === 0
  }

  /** After a complete run only what it wants is kept; else what was kept before stays too. */
  async #writeDown(found: SyncRecord): Promise<void> {
    const { store } = this.#dependencies
    const former = await readRecord(store, found.label)
    const record = found.complete || former === undefined ? found : united(former, found)
    await writeRecord(store, record)
    const kept = new Set(record.blobs)
    for (const id of former?.blobs ?? []) if (!kept.has(id)) store.unpin(id, found.label)
  }

  #open(id: BlobId): ReturnType<Store['open']> {
    return this.#dependencies.store.open(id)
  }
}

/** What a run has found so far that is to be kept. */
class Keeping {
  readonly #blobs = new Set<BlobId>()
  readonly #documents = new Set<string>()
  readonly #files: { purl: string; id: BlobId }[] = []

  add(
    { purl }: LockedFile,
    kept: {
      readonly blobs: readonly BlobId[]
      readonly documents: readonly string[]
      readonly file: { readonly id: BlobId } | undefined
    },
  ): void {
    for (const id of kept.blobs) this.#blobs.add(id)
    for (const key of kept.documents) this.#documents.add(key)
    if (kept.file !== undefined) this.#files.push({ purl, id: kept.file.id })
  }

  record(about: Omit<SyncRecord, 'blobs' | 'documents' | 'files' | 'fileCount'>): SyncRecord {
    const files = this.#files
    return { ...about, fileCount: files.length, blobs: [...this.#blobs], documents: [...this.#documents], files }
  }
}

function united(former: SyncRecord, found: SyncRecord): SyncRecord {
  return {
    ...found,
    blobs: [...new Set([...former.blobs, ...found.blobs])],
    documents: [...new Set([...former.documents, ...found.documents])],
    files: [...new Map([...former.files, ...found.files].map((file) => [`${file.purl} ${file.id}`, file])).values()],
  }
}

/** What was evicted between being proved and being pinned is found missing by the next check. */
function pinIfThere(store: Pick<Store, 'pin'>, id: BlobId, label: string): void {
  try {
    store.pin(id, label)
  } catch (error) {
    if (!isKind(error, 'absent')) throw error
  }
}

/** @throws usage.request */
function readLockfile(
  ecosystems: readonly Ecosystem[],
  { path, bytes }: SyncRequest,
): { readonly ecosystem: Ecosystem; readonly files: readonly LockedFile[] } {
  const name = basename(path)
  for (const ecosystem of ecosystems) {
    const reader = ecosystem.lockfiles.find(({ fileName }) => fileName.test(name))
    if (reader !== undefined) return { ecosystem, files: reader.read(bytes) }
  }
  const ids = ecosystems.filter(({ lockfiles }) => lockfiles.length > 0).map(({ id }) => id)
  throw new AppError(
    'usage.request',
    `no ecosystem reads a lockfile that is called ${JSON.stringify(name.slice(0, 100))}; there are readers for ${ids.join(', ')}`,
  )
}
