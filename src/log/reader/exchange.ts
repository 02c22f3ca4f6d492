/**
 * How checkpoints travel: what is new here is told to everybody at once (gossip), and from time to time a few others are asked
 * for theirs, because gossip reaches only who listens at the time. Evidence of split views travels the same way. Who says what
 * is not believed: the follower judges. The seams are functions, so that neither gossip nor HTTP is known here.
 */
import { createHash } from 'node:crypto'
import type { Clock, Logger, Random } from '../../base/clock.ts'
import { errorChain, isKind } from '../../base/errors.ts'
import { bytesMaxOf, type LogSource } from '../files/source.ts'
import type { LogReader } from '../log.ts'
import type { Follower } from './follow.ts'
import { EVIDENCE_BYTES_MAX, type Evidence, formatEvidence, parseEvidence } from './split-view.ts'

/** Gossip as the exchange needs it; `Peers` is one. */
export interface Gossip {
  publish(topic: string, message: Uint8Array): Promise<void>
  subscribe(topic: string, listener: (message: Uint8Array, from: string) => void): () => void
}

/** What an exchange is made of. */
export interface ExchangeDependencies {
  readonly log: Pick<LogReader, 'origin' | 'newest' | 'watch'>
  readonly follower: Follower
  /** Undefined: this log is nobody else's business, and nothing is told or heard. */
  readonly gossip: Gossip | undefined
  /** Who may be asked now, the best first. */
  readonly sources: () => readonly LogSource[]
  /** Calls back when somebody who may be asked is there, or there again: what was told meanwhile was missed. */
  readonly arrivals?: (listener: () => void) => () => void
  /** Told of a malformed message. */
  readonly blame: (from: string, about: string) => void
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Periods. */
export interface ExchangeOptions {
  /** The first pause between two rounds of asking; it doubles while nothing is new. Default: 1 s. */
  readonly pullMinMs?: number
  /** The longest pause. Default: 60 s. */
  readonly pullMaxMs?: number
}

/** A running exchange. */
export interface Exchange {
  /** Asks now, without waiting for the next round. */
  pull(): Promise<void>
  /** Tells others of evidence. */
  tell(evidence: Evidence): void
  stop(): Promise<void>
}

/** A part of the first pause: others of the same neighbourhood come at the same time, and are asked in one round. */
const ARRIVAL_PART = 0.5
/** So many others are asked in one round. */
const ASKED_MAX = 4
/** Longest message of gossip. */
const MESSAGE_BYTES_MAX = 16_384

/** SHA-256 of an origin, hex: how logs are named where their origin's form does not fit (tlog-witness, "origin hash"). */
export function originHash(origin: string): string {
  return createHash('sha256').update(origin).digest('hex')
}

/** The topics of one log. */
export function topicsOf(origin: string): { readonly checkpoints: string; readonly evidence: string } {
  const name = originHash(origin).slice(0, 32)
  return { checkpoints: `pyrsia/log-${name}/1`, evidence: `pyrsia/split-${name}/1` }
}

/** Begins to tell, to hear and to ask. */
export function startExchange(options: ExchangeOptions, dependencies: ExchangeDependencies): Exchange {
  return new RunningExchange(options, dependencies)
}

class RunningExchange implements Exchange {
  readonly #with: ExchangeDependencies
  readonly #stopping = new AbortController()
  readonly #ends: (() => void)[] = []
  readonly #topics: ReturnType<typeof topicsOf>
  readonly #loop: Promise<void>
  #told: string | undefined
  /** Somebody came since the last round began. */
  #arrived = false
  #cutPause: (() => void) | undefined
  #pulling: Promise<void> | undefined

  constructor({ pullMinMs = 1000, pullMaxMs = 60_000 }: ExchangeOptions, dependencies: ExchangeDependencies) {
    this.#with = dependencies
    const { log, gossip } = dependencies
    this.#topics = topicsOf(log.origin)
    if (gossip !== undefined) {
      this.#ends.push(
        gossip.subscribe(this.#topics.checkpoints, (message, from) => void this.#heard(message, from)),
        gossip.subscribe(this.#topics.evidence, (message, from) => void this.#learnt(message, from)),
        log.watch(({ note }) => this.#publish(note)),
      )
    }
    const { arrivals } = dependencies
    if (arrivals !== undefined) {
      this.#ends.push(
        arrivals(() => {
          this.#arrived = true
          this.#cutPause?.()
        }),
      )
    }
    this.#loop = this.#pullForEver(pullMinMs, pullMaxMs)
  }

  async pull(): Promise<void> {
    this.#pulling ??= this.#round().finally(() => {
      this.#pulling = undefined
    })
    await this.#pulling
  }

  tell(evidence: Evidence): void {
    const message = Buffer.from(formatEvidence(evidence))
    if (message.byteLength <= EVIDENCE_BYTES_MAX) this.#send(this.#topics.evidence, message)
  }

  async stop(): Promise<void> {
    for (const end of this.#ends) end()
    this.#stopping.abort()
    await this.#loop
    await this.#pulling
  }

  #publish(note: string): void {
    const message = Buffer.from(note)
    if (note === this.#told || message.byteLength > MESSAGE_BYTES_MAX) return
    this.#told = note
    this.#send(this.#topics.checkpoints, message)
  }

  #send(topic: string, message: Uint8Array): void {
    const { gossip, logger } = this.#with
    gossip?.publish(topic, message).catch((error) => {
      logger.debug({ topic, cause: errorChain(error) }, 'news of the log reached nobody')
    })
  }

  async #heard(message: Uint8Array, from: string): Promise<void> {
    await this.#attempt(from, async () => {
      // What was just heard need not be told again: gossip brings it to the others by itself.
      this.#told = Buffer.from(message).toString('utf8')
      await this.#with.follower.offer(message, this.#stopping.signal)
    })
  }

  async #learnt(message: Uint8Array, from: string): Promise<void> {
    await this.#attempt(from, async () => {
      await this.#with.follower.learn(parseEvidence(Buffer.from(message).toString('utf8')))
    })
  }

  /** Only what is malformed is blamed: others may know of keys that this node has yet to hear of. */
  async #attempt(from: string, work: () => Promise<void>): Promise<void> {
    const { blame, logger } = this.#with
    try {
      await work()
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      if (isKind(error, 'usage')) blame(from, error.message)
      const facts = { from, cause: errorChain(error) }
      if (error instanceof Error && !isKind(error, 'bug') && !isKind(error, 'damaged')) {
        logger.debug(facts, 'news of the log was not taken in')
      } else logger.error(facts, 'taking in news of the log failed')
    }
  }

  async #pullForEver(minMs: number, maxMs: number): Promise<void> {
    const { random, log } = this.#with
    const { signal } = this.#stopping
    for (let pauseMs = minMs; !signal.aborted; ) {
      const jitter = 0.75 + random.fraction() / 2
      if (this.#arrived) {
        pauseMs = minMs
        await this.#pause(pauseMs * jitter * ARRIVAL_PART, false)
        this.#arrived = false
      }
      const before = log.newest()?.note
      await this.pull()
      const longestMs = log.newest() === undefined ? Math.min(maxMs, 5 * minMs) : maxMs
      pauseMs = log.newest()?.note === before ? Math.min(longestMs, pauseMs * 2) : minMs
      if (!this.#arrived) await this.#pause(pauseMs * jitter, true)
    }
  }

  /** Ends early if somebody comes and that is wanted. */
  async #pause(ms: number, cut: boolean): Promise<void> {
    const early = new AbortController()
    if (cut) this.#cutPause = () => early.abort()
    await this.#with.clock.sleep(ms, AbortSignal.any([this.#stopping.signal, early.signal])).catch(() => {})
    this.#cutPause = undefined
  }

  async #round(): Promise<void> {
    const { sources, follower, random } = this.#with
    const { signal } = this.#stopping
    const all = [...sources()]
    // The first is asked each time, the others in turn.
    const asked = all.splice(0, 1)
    while (asked.length < ASKED_MAX && all.length > 0) {
      asked.push(...all.splice(Math.floor(random.fraction() * all.length), 1))
    }
    await Promise.all(
      asked.map((source) =>
        this.#attempt(source.name, async () => {
          const note = await source.fetch('checkpoint', { bytesMax: bytesMaxOf('checkpoint'), signal })
          if (note !== undefined) await follower.offer(note, signal)
        }),
      ),
    )
    await this.#attempt('', () => follower.retry(signal))
  }
}
