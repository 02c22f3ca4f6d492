/**
 * Keeps the own log's checkpoint cosigned by this node: at once when there is a new one, and anew before a quarter of the
 * network's limit of freshness is over, so that an idle log does not look like one that somebody holds back (`2-trust.md`, "The log").
 */
import type { Clock, Logger } from '../base/clock.ts'
import { errorChain } from '../base/errors.ts'
import type { AcceptedCheckpoint, LogReader } from '../log/log.ts'

/** What keeping a log fresh needs. */
export interface KeepFreshDependencies {
  readonly log: Pick<LogReader, 'newest' | 'watch'>
  /** Name of this node's cosigner key. */
  readonly cosigner: string
  /** The network's limit. */
  readonly freshnessSeconds: number
  /** Cosigns the newest checkpoint with the present time and publishes it. */
  readonly cosign: () => Promise<unknown>
  readonly clock: Clock
  readonly logger: Logger
}

/** A task that runs until it is stopped. */
export interface KeepFresh {
  /** Resolves when the newest checkpoint carries this node's cosignature, or cosigning failed. */
  settled(): Promise<void>
  /** Tries again now, where something failed; resolves when that is done. */
  again(): Promise<void>
  /** Why nothing is cosigned at present; undefined: all is well. */
  failure(): string | undefined
  stop(): Promise<void>
}

const FAILED_PAUSE_MS = 30_000
/** Timers of more than 24 days end at once; and the wall clock may be set meanwhile. */
const PAUSE_MAX_MS = 3_600_000

/** Begins. */
export function keepFresh(dependencies: KeepFreshDependencies): KeepFresh {
  return new FreshKeeper(dependencies)
}

class FreshKeeper implements KeepFresh {
  readonly #with: KeepFreshDependencies
  readonly #unwatch: () => void
  #running: Promise<void> = Promise.resolve()
  #cancel: (() => void) | undefined
  #failure: string | undefined
  #stopped = false

  constructor(dependencies: KeepFreshDependencies) {
    this.#with = dependencies
    this.#unwatch = dependencies.log.watch((checkpoint) => {
      if (this.#timeOf(checkpoint) === undefined) this.#begin()
    })
    this.#begin()
  }

  async settled(): Promise<void> {
    await this.#running
  }

  async again(): Promise<void> {
    this.#begin()
    await this.#running
  }

  failure(): string | undefined {
    return this.#failure
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#unwatch()
    this.#cancel?.()
    await this.#running
  }

  #begin(): void {
    this.#running = this.#running.then(() => this.#look())
  }

  async #look(): Promise<void> {
    if (this.#stopped) return
    this.#cancel?.()
    const { clock, cosign, logger } = this.#with
    let pauseMs = FAILED_PAUSE_MS
    try {
      if (this.#dueInMs() <= 0) await cosign()
      this.#failure = undefined
      pauseMs = Math.min(PAUSE_MAX_MS, Math.max(1000, this.#dueInMs()))
    } catch (error) {
      const [reason = 'cosigning failed'] = errorChain(error)
      if (this.#failure !== reason) logger.warn({ cause: errorChain(error) }, 'the newest checkpoint was not cosigned')
      this.#failure = reason
    }
    if (!this.#stopped) this.#cancel = clock.after(pauseMs, () => this.#begin())
  }

  #dueInMs(): number {
    const { log, clock, freshnessSeconds } = this.#with
    const newest = log.newest()
    if (newest === undefined) return Number.MAX_SAFE_INTEGER
    const time = this.#timeOf(newest)
    return time === undefined ? 0 : (time + freshnessSeconds / 4) * 1000 - clock.nowMs()
  }

  #timeOf({ cosignatures }: AcceptedCheckpoint): number | undefined {
    return cosignatures.find(({ name }) => name === this.#with.cosigner)?.timeSeconds
  }
}
