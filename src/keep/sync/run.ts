/** One run over a lockfile: its counters, its end, and cancelling it. The work itself is handed in. Used by `sync.ts`. */
import type { Clock } from '../../base/clock.ts'
import { AppError, errorChain, isKind } from '../../base/errors.ts'
import type { MissingFile, SyncJob, SyncRequest } from './types.ts'

/** Missing files that are named; the others are counted. */
const MISSING_NAMED_MAX = 1_000

/** A run. `ended` never rejects. */
export class Run {
  /** sha256 of the lockfile, in hex. */
  readonly content: string
  readonly #clock: Clock
  readonly #life = new AbortController()
  readonly #end = Promise.withResolvers<void>()
  readonly #missing: MissingFile[] = []
  #job: SyncJob

  constructor(
    about: Pick<SyncJob, 'id' | 'path' | 'label' | 'ecosystem' | 'platform' | 'checkOnly'>,
    content: string,
    clock: Clock,
  ) {
    this.content = content
    this.#clock = clock
    this.#job = {
      ...about,
      state: 'running',
      wantedCount: 0,
      doneCount: 0,
      fetchedBytes: 0,
      missingCount: 0,
      missing: this.#missing,
      failure: undefined,
      startedAtMs: clock.nowMs(),
      endedAtMs: undefined,
    }
  }

  get ended(): Promise<void> {
    return this.#end.promise
  }

  get signal(): AbortSignal {
    return this.#life.signal
  }

  /** The run as it is now. */
  job(): SyncJob {
    return { ...this.#job, missing: [...this.#missing] }
  }

  /** True if it runs over this file for the same purpose. */
  isOf({ path, checkOnly }: Pick<SyncRequest, 'path' | 'checkOnly'>): boolean {
    return this.#job.state === 'running' && this.#job.path === path && this.#job.checkOnly === checkOnly
  }

  /** Begins; `work` resolves with true if nothing is missing. */
  start(work: () => Promise<boolean>): void {
    void this.#run(work)
  }

  cancel(): void {
    this.#life.abort(new AppError('aborted.caller', `the run over ${this.#job.path} was cancelled`))
  }

  fetched(bytes: number): void {
    this.#job = { ...this.#job, fetchedBytes: this.#job.fetchedBytes + bytes }
  }

  settled(wantedCount: number): void {
    this.#job = { ...this.#job, wantedCount, doneCount: this.#job.doneCount + 1 }
  }

  missed(file: MissingFile, wantedCount: number): void {
    if (this.#missing.length < MISSING_NAMED_MAX) this.#missing.push(file)
    this.#job = { ...this.#job, missingCount: this.#job.missingCount + 1 }
    this.settled(wantedCount)
  }

  fail(error: unknown): void {
    this.#job = { ...this.#job, failure: errorChain(error).join(': ') }
  }

  async #run(work: () => Promise<boolean>): Promise<void> {
    let state: SyncJob['state'] = 'failed'
    try {
      const complete = await work()
      state = this.#job.failure !== undefined ? 'failed' : complete ? 'complete' : 'incomplete'
    } catch (error) {
      if (this.signal.aborted && isKind(error, 'aborted')) state = 'cancelled'
      else this.fail(error)
    }
    this.#job = { ...this.#job, state, endedAtMs: this.#clock.nowMs() }
    this.#end.resolve()
  }
}
