/**
 * Asks the trust network by itself for what users of this node asked for and the log lacks (`builds-auto`). Bounded in all that others
 * could make it do: a queue, a token bucket, each release once a day. What may be told to the network is for whoever calls to decide.
 */
import type { Clock, Logger } from '../base/clock.ts'
import { AppError, errorChain } from '../base/errors.ts'
import type { Purl } from '../base/purl.ts'
import type { LogReader } from '../log/log.ts'
import type { Submissions } from './submissions.ts'

/** How much is asked for. */
export interface AutoOptions {
  /** Submissions an hour, lastingly; a tenth of that may come at once. */
  readonly perHour: number
}

/** What it works with. */
export interface AutoDependencies {
  readonly submit: Submissions['submit']
  readonly log: Pick<LogReader, 'find'>
  readonly clock: Clock
  readonly logger: Logger
}

/** Asks by itself. */
export interface AutoBuilds {
  /** Somebody asked for this release (with version), and the log says nothing of it. Never waits. */
  wanted(release: Purl): void
  /** Releases that wait. */
  waiting(): number
  stop(): Promise<void>
}

/** Releases that may wait: those that come while there are more are forgotten, and asked for when somebody wants them again. */
const WAITING_MAX = 1_000
/** Releases that are known to have been asked for. */
const ASKED_MAX = 20_000
const AGAIN_MS = 86_400_000
const HOUR_MS = 3_600_000

/** Begins to wait for what is wanted. */
export function startAutoBuilds({ perHour }: AutoOptions, dependencies: AutoDependencies): AutoBuilds {
  return new TokenBucket(perHour, dependencies)
}

class TokenBucket implements AutoBuilds {
  readonly #perHour: number
  readonly #burst: number
  readonly #with: AutoDependencies
  readonly #stopping = new AbortController()
  readonly #queue = new Set<Purl>()
  /** When each was last asked for, milliseconds of the monotonic clock. */
  readonly #asked = new Map<Purl, number>()
  #tokens: number
  #filledMs: number
  #working: Promise<void> | undefined

  constructor(perHour: number, dependencies: AutoDependencies) {
    this.#perHour = perHour
    this.#burst = Math.max(1, Math.floor(perHour / 10))
    this.#tokens = this.#burst
    this.#with = dependencies
    this.#filledMs = dependencies.clock.monotonicMs()
  }

  wanted(release: Purl): void {
    const askedMs = this.#asked.get(release)
    if (askedMs !== undefined && this.#with.clock.monotonicMs() - askedMs < AGAIN_MS) return
    if (this.#queue.size >= WAITING_MAX || this.#stopping.signal.aborted) return
    this.#queue.add(release)
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
  }

  waiting(): number {
    return this.#queue.size
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new AppError('aborted.shutdown', 'the node is shutting down'))
    await this.#working
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping
    for (const release of this.#queue) {
      if (signal.aborted) return
      this.#note(release)
      if (!(await this.#lacks(release))) {
        this.#queue.delete(release)
        continue
      }
      await this.#token()
      if (signal.aborted) return
      this.#queue.delete(release)
      await this.#submit(release)
    }
  }

  /** Others may have asked for it, or built it, since it was wanted: an entry on it of any kind is enough. */
  async #lacks(release: Purl): Promise<boolean> {
    try {
      return (await this.#with.log.find({ purl: release, limit: 1 }, this.#stopping.signal)).length === 0
    } catch (error) {
      this.#with.logger.debug({ release, why: errorChain(error) }, 'the log could not be asked for a wanted release')
      return false
    }
  }

  async #submit(release: Purl): Promise<void> {
    const { submit, logger } = this.#with
    try {
      const { id, state, reason } = await submit(release, this.#stopping.signal)
      logger.info({ release, id, state, reason }, 'a build was asked for, because somebody wanted the release')
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      logger.warn({ release, why: errorChain(error) }, 'a wanted release could not be asked for')
    }
  }

  /** Resolves when one may be asked for. */
  async #token(): Promise<void> {
    const { clock } = this.#with
    const { signal } = this.#stopping
    for (;;) {
      const nowMs = clock.monotonicMs()
      this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#filledMs) * this.#perHour) / HOUR_MS)
      this.#filledMs = nowMs
      if (this.#tokens >= 1 || signal.aborted) break
      await clock.sleep(Math.ceil(((1 - this.#tokens) * HOUR_MS) / this.#perHour), signal).catch(() => {})
    }
    this.#tokens -= 1
  }

  #note(release: Purl): void {
    this.#asked.delete(release)
    const [oldest] = this.#asked.keys()
    if (this.#asked.size >= ASKED_MAX && oldest !== undefined) this.#asked.delete(oldest)
    this.#asked.set(release, this.#with.clock.monotonicMs())
  }
}
