/**
 * Tells the rendezvous members of each digest that this node holds it: in debounced batches, again when members come and go, and
 * again before entries expire. A name is told only to who may see the blob, so shares are never betrayed by announcing.
 */
import type { Clock, Logger } from '../../../base/clock.ts'
import type { Digest } from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import type { Asker } from '../../../base/share.ts'
import type { PeerHost, PeerId } from '../../peers.ts'
import type { PeerClient } from '../client/peer-client.ts'
import { Turns } from '../client/turns.ts'
import { ANNOUNCE_NAMES_MAX, type DataPlaneSettings, REPLICAS } from '../options.ts'
import { MESSAGE_BYTES_MAX, PATHS } from '../wire/messages.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import { type RingMember, rendezvous } from './rendezvous.ts'

/** Names that wait for one peer; more are left for the next full round. */
const PENDING_MAX = 50_000
const ATTEMPTS_MAX = 3
/** Peers that are spoken to at a time: made-up records must not make this node dial a thousand hosts at once. */
const SENDING_MAX = 16
const RETRY_MS = 2_000
/** Names handled before others get a turn. */
const SLICE = 1_000

/** Announces. */
export interface Announcer {
  announce(names: readonly Digest[]): void
  withdraw(names: readonly Digest[]): void
  /** Digests announced and not withdrawn, as far as is known. */
  readonly announced: number
  stop(): void
}

/** What announcing needs of the data plane. */
export interface AnnouncerDependencies {
  readonly self: PeerId
  readonly host: Pick<PeerHost, 'lookup' | 'shareable'>
  readonly neighbourhood: Neighbourhood
  readonly client: (peerId: PeerId) => PeerClient
  /** What a neighbour may see. */
  readonly askerOf: (peerId: PeerId) => Asker
  readonly clock: Clock
  readonly logger: Logger
}

/** Starts announcing everything that `host` shares. */
export function startAnnouncer(settings: DataPlaneSettings, dependencies: AnnouncerDependencies): Announcer {
  return new Announcements(settings, dependencies)
}

interface Outbox {
  readonly announce: Set<Digest>
  readonly withdraw: Set<Digest>
  attempts: number
  sending: boolean
}

class Announcements implements Announcer {
  announced = 0
  readonly #settings: DataPlaneSettings
  readonly #with: AnnouncerDependencies
  readonly #outboxes = new Map<PeerId, Outbox>()
  readonly #turns = new Turns(SENDING_MAX)
  readonly #stopped = new AbortController()
  readonly #unwatch: () => void
  /** Where names were placed when they were told last. */
  #ring: readonly RingMember[] = []
  #flushing = false
  #placing = false
  #placeAgain = false
  #cancelRound: () => void

  constructor(settings: DataPlaneSettings, dependencies: AnnouncerDependencies) {
    this.#settings = settings
    this.#with = dependencies
    this.#unwatch = dependencies.neighbourhood.watch(() => this.#membersChanged())
    this.#cancelRound = this.#scheduleRound()
    this.#membersChanged()
  }

  announce(names: readonly Digest[]): void {
    this.announced += names.length
    for (const name of names) for (const peerId of this.#with.neighbourhood.replicas(name)) this.#tell(peerId, name)
    this.#flushSoon()
  }

  withdraw(names: readonly Digest[]): void {
    this.announced = Math.max(0, this.announced - names.length)
    for (const name of names) {
      for (const peerId of this.#with.neighbourhood.replicas(name)) {
        const outbox = this.#outbox(peerId)
        outbox.announce.delete(name)
        if (outbox.withdraw.size < PENDING_MAX) outbox.withdraw.add(name)
      }
    }
    this.#flushSoon()
  }

  stop(): void {
    this.#stopped.abort(new AppError('aborted.shutdown', 'the node is shutting down'))
    this.#cancelRound()
    this.#unwatch()
    this.#outboxes.clear()
  }

  #tell(peerId: PeerId, name: Digest): void {
    const outbox = this.#outbox(peerId)
    if (outbox.announce.size >= PENDING_MAX) return
    if (this.#with.host.lookup(name, this.#with.askerOf(peerId)) === undefined) return
    outbox.withdraw.delete(name)
    outbox.announce.add(name)
  }

  #membersChanged(): void {
    if (this.#stopped.signal.aborted) return
    this.#placeAgain = true
    if (this.#placing) return
    this.#placing = true
    this.#with.clock.after(this.#settings.announceDelayMs, () => void this.#place())
  }

  /** Tells every shared name to members that became responsible for it since the last time. */
  async #place(): Promise<void> {
    try {
      while (this.#placeAgain) {
        this.#placeAgain = false
        const before = this.#ring
        const now = this.#with.neighbourhood.ring()
        if (sameRing(before, now)) continue
        let count = 0
        for (const name of this.#with.host.shareable()) {
          const former = new Set(before.length === 0 ? [] : rendezvous(name, before, REPLICAS))
          for (const peerId of rendezvous(name, now, REPLICAS)) {
            if (peerId !== this.#with.self && !former.has(peerId)) this.#tell(peerId, name)
          }
          count += 1
          if (count % SLICE === 0) await this.#with.clock.sleep(0, this.#stopped.signal)
        }
        this.#ring = now
        this.announced = count
        this.#flushSoon()
        await this.#with.clock.sleep(this.#settings.announceDelayMs, this.#stopped.signal)
      }
    } catch (error) {
      this.#with.logger.debug({ error: String(error) }, 'announcing was cut short')
    } finally {
      this.#placing = false
    }
  }

  #scheduleRound(): () => void {
    return this.#with.clock.after(this.#settings.providerLifetimeMs / 2, () => {
      this.#ring = []
      this.#membersChanged()
      this.#cancelRound = this.#scheduleRound()
    })
  }

  #outbox(peerId: PeerId): Outbox {
    const known = this.#outboxes.get(peerId)
    if (known !== undefined) return known
    const made: Outbox = { announce: new Set(), withdraw: new Set(), attempts: 0, sending: false }
    this.#outboxes.set(peerId, made)
    return made
  }

  #flushSoon(delayMs: number = this.#settings.announceDelayMs): void {
    if (this.#flushing || this.#outboxes.size === 0 || this.#stopped.signal.aborted) return
    this.#flushing = true
    this.#with.clock.after(delayMs, () => {
      this.#flushing = false
      for (const [peerId, outbox] of this.#outboxes) if (!outbox.sending) void this.#send(peerId, outbox)
    })
  }

  async #send(peerId: PeerId, outbox: Outbox): Promise<void> {
    outbox.sending = true
    let endTurn = (): void => {}
    try {
      endTurn = await this.#turns.take(this.#stopped.signal)
      for (const kind of ['withdraw', 'announce'] as const) {
        while (outbox[kind].size > 0) {
          const names = [...outbox[kind].values().take(ANNOUNCE_NAMES_MAX)]
          const body = Buffer.from(JSON.stringify({ names }))
          const options = { bytesMax: MESSAGE_BYTES_MAX, signal: this.#stopped.signal }
          const headers = { 'content-type': 'application/json' }
          const reply = await this.#with
            .client(peerId)
            .ask({ method: 'POST', path: PATHS[kind], headers, body }, options)
          if (reply.status !== 200) throw new AppError('unavailable.peer', `${peerId} answered ${reply.status}`)
          for (const name of names) outbox[kind].delete(name)
          outbox.attempts = 0
        }
      }
      this.#outboxes.delete(peerId)
    } catch (error) {
      outbox.attempts += 1
      this.#with.logger.debug({ peerId, error: String(error) }, 'an announcement was not taken')
      if (outbox.attempts >= ATTEMPTS_MAX) this.#outboxes.delete(peerId)
      else this.#flushSoon(RETRY_MS)
    } finally {
      outbox.sending = false
      endTurn()
    }
  }
}

function sameRing(a: readonly RingMember[], b: readonly RingMember[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ peerId, place }, index) => {
      return b[index]?.peerId === peerId && b[index]?.place === place
    })
  )
}
