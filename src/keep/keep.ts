/**
 * What a node does by itself: tells peers what came and went, has damaged blobs fetched again, collects garbage and reads
 * everything again from time to time. Built and started by `main/wire.ts`. What is there at start-up is announced by the peers
 * part itself, from `PeerHost.shareable`.
 */
import type { Clock, Logger } from '../base/clock.ts'
import type { BlobId } from '../base/digest.ts'
import { errorChain } from '../base/errors.ts'
import type { Peers } from '../peers/peers.ts'
import type { BlobInfo, Store, StoreEvent } from '../store/store.ts'
import { Repair, type RepairOptions } from './repair.ts'

export type { Bundles, ImportedBundle } from './bundle/types.ts'
export type { Sync, SyncedFile, SyncJob } from './sync/types.ts'

/** Schedules and bounds; every one has a default. */
export interface KeepOptions {
  /** Between two looks at the store's size. Default: 10 minutes. */
  readonly collectEveryMs?: number
  /** A full scrub is begun when the last one was completed longer ago than this. Default: 14 days. */
  readonly scrubEveryMs?: number
  /** How fast the scheduled scrub reads. Default: 32 MiB/s. */
  readonly scrubBytesPerSecond?: number
  readonly repair?: Partial<RepairOptions>
}

/** What keep needs. `refetch` gets a damaged blob from peers or upstream and resolves when the store has it. */
export interface KeepDependencies {
  readonly store: Store
  readonly peers: Pick<Peers, 'announce' | 'withdraw'>
  readonly clock: Clock
  readonly logger: Logger
  readonly refetch: (blob: BlobInfo, signal: AbortSignal) => Promise<void>
}

/** The housekeeper. */
export interface Keep {
  /** Begins; called once. */
  start(): void
  /** Ends everything that is under way. */
  stop(): Promise<void>
}

const NAMESPACE = 'keep'
const SCRUB_PAGE_COUNT = 64
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const DAY_MS = 24 * 60 * MINUTE_MS
const SCRUB_LOOK_MS = 10 * MINUTE_MS
const DEFAULT_REPAIR: RepairOptions = { concurrencyMax: 2, waitingCountMax: 10_000, attemptCountMax: 5, pauseMs: 5000 }

/** A housekeeper that is not yet started. */
export function createKeep(options: KeepOptions, dependencies: KeepDependencies): Keep {
  return new Housekeeper(options, dependencies)
}

class Housekeeper implements Keep {
  readonly #dependencies: KeepDependencies
  readonly #collectEveryMs: number
  readonly #scrubEveryMs: number
  readonly #scrubBytesPerSecond: number
  readonly #repair: Repair
  readonly #stopping = new AbortController()
  #tasks: Promise<void>[] = []
  #unwatch: () => void = () => {}

  constructor(options: KeepOptions, dependencies: KeepDependencies) {
    this.#dependencies = dependencies
    this.#collectEveryMs = options.collectEveryMs ?? 10 * MINUTE_MS
    this.#scrubEveryMs = options.scrubEveryMs ?? 14 * DAY_MS
    this.#scrubBytesPerSecond = options.scrubBytesPerSecond ?? 32 * 1_048_576
    this.#repair = new Repair({ ...DEFAULT_REPAIR, ...options.repair }, dependencies)
  }

  start(): void {
    this.#unwatch = this.#dependencies.store.watch((event) => this.#see(event))
    this.#tasks = [
      this.#every(this.#collectEveryMs, () => this.#collect()),
      this.#every(SCRUB_LOOK_MS, () => this.#scrub()),
    ]
  }

  async stop(): Promise<void> {
    this.#unwatch()
    this.#stopping.abort()
    await Promise.all([this.#repair.stop(), ...this.#tasks])
  }

  #see(event: StoreEvent): void {
    const { peers } = this.#dependencies
    if (event.kind === 'removed') {
      peers.withdraw(event.names)
      return
    }
    const { blob } = event
    if (event.kind === 'added') {
      if (blob.share !== 'none') peers.announce(blob.names)
      return
    }
    peers.withdraw(blob.names)
    this.#repair.add(blob)
  }

  /** Runs `task` now and then until the end; a failure is logged and tried again the next time. */
  async #every(pauseMs: number, task: () => Promise<void>): Promise<void> {
    const { clock, logger } = this.#dependencies
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await clock.sleep(pauseMs, signal).catch(() => {})
      if (signal.aborted) return
      await task().catch((error) => {
        if (!signal.aborted) logger.warn({ cause: errorChain(error) }, 'housekeeping failed')
      })
    }
  }

  /** Evicts ahead of need, so that writers do not wait for it. */
  async #collect(): Promise<void> {
    const { store, logger } = this.#dependencies
    const { bytes, writingBytes, limitBytes } = store.usage()
    if (bytes + writingBytes < limitBytes * 0.95) return
    const { removedBlobs, removedBytes } = await store.collect()
    logger.info({ removedBlobs, removedBytes }, 'collected garbage')
  }

  /** Reads everything again, slowly, if it is time; goes on where it was when the node stopped. */
  async #scrub(): Promise<void> {
    const { store, clock, logger } = this.#dependencies
    const lastAtMs = Number(store.notebook.get(NAMESPACE, 'scrubbedAtMs') ?? 0)
    if (lastAtMs === 0) return store.notebook.set(NAMESPACE, 'scrubbedAtMs', clock.nowMs())
    if (clock.nowMs() - lastAtMs < this.#scrubEveryMs) return
    let after = store.notebook.get(NAMESPACE, 'scrubbedTo') as BlobId | undefined
    for (;;) {
      const page = store.list({ limit: SCRUB_PAGE_COUNT, ...(after === undefined ? {} : { after }) })
      for (const { id } of page) await this.#scrubOne(id)
      after = page.at(-1)?.id
      if (after === undefined) break
      store.notebook.set(NAMESPACE, 'scrubbedTo', after)
    }
    store.notebook.delete(NAMESPACE, 'scrubbedTo')
    store.notebook.set(NAMESPACE, 'scrubbedAtMs', clock.nowMs())
    logger.info({ damaged: store.usage().damaged }, 'read everything again')
  }

  async #scrubOne(id: BlobId): Promise<void> {
    const { store, clock } = this.#dependencies
    const { signal } = this.#stopping
    const { checkedBytes } = await store.scrub({ id, signal })
    const pauseMs = (checkedBytes / this.#scrubBytesPerSecond) * SECOND_MS
    if (pauseMs >= 1) await clock.sleep(pauseMs, signal)
  }
}
