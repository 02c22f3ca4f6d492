/**
 * The control plane itself, as it runs in the worker: a libp2p host, the record book, and the loop that keeps this node among
 * its neighbours (dial, ask for peers of peers, renew its own record, part with who does not answer). It knows nothing of
 * threads: `worker.ts` carries it, tests use it as it is. It moves no blobs.
 */
import type { Connection, PeerId as Libp2pPeerId, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Clock, Logger, Random } from '../../../base/clock.ts'
import { AppError, wrapError } from '../../../base/errors.ts'
import { membershipMac } from '../../membership.ts'
import type { Identity, Neighbour } from '../../neighbour.ts'
import type { PeerId } from '../../peers.ts'
import {
  hostOf,
  isPlainAddress,
  RECORD_ADDRESSES_MAX,
  RECORD_BYTES_MAX,
  type SignedRecord,
  signRecord,
} from '../../record.ts'
import type { ControlLimits, ControlTiming } from '../options.ts'
import { RecordBook, type Source } from './book.ts'
import { within } from './deadline.ts'
import { Dialer } from './dialer.ts'
import {
  EXCHANGE_BYTES_MAX,
  EXCHANGE_PROTOCOL,
  EXCHANGE_RECORDS_MAX,
  packEnvelopes,
  unpackEnvelopes,
} from './exchange.ts'
import { Gossip, RECORD_TOPIC } from './gossip.ts'
import type { Host } from './host.ts'
import { neighboursOf } from './neighbours.ts'
import { RateLimit } from './rate.ts'
import { answer, ask } from './streams.ts'

/** Protocol by which a peer asks to be connected to, because the one that it wants to read from cannot be reached. */
export const DIAL_BACK_PROTOCOL = '/pyrsia/dial-back/1'

/** Connected peers that are asked in one round for the peers that they know. */
const EXCHANGE_PEERS = 3
/** Rounds of asking a connected peer for its record before the connection is given up. */
const EXCHANGE_TRIES = 2

/** Everything that the node is told. */
export interface NodeOptions {
  readonly bootstrap: readonly string[]
  readonly trustPeers: readonly PeerId[]
  readonly networkKey: Uint8Array | undefined
  readonly zone: string | undefined
  readonly dataPort: number | undefined
  /** Envelopes that this node kept of peers it was connected to in an earlier run. */
  readonly known: readonly Uint8Array[]
  readonly limits: ControlLimits
  readonly timing: ControlTiming
}

/** What the node tells. Called synchronously; must not throw. */
export interface NodeEvents {
  /** Neighbours came, changed or went. */
  changed(): void
  /** A peer dialled this node. */
  dialledByPeer(): void
  /** A connected peer's newest record, to be kept across restarts. */
  remember(peerId: PeerId, envelope: Uint8Array): void
  dialBack(peerId: PeerId, host: string, port: number): void
}

/** What the node stands on. `host` is not started yet; the node starts and stops it. */
export interface NodeDependencies {
  readonly identity: Identity
  readonly host: Host
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly events: NodeEvents
  /** True if an IP literal is in a subnet of one of this machine's interfaces. */
  readonly sameSubnet: (host: string) => boolean
  /** Peers that may connect; asked each time. */
  readonly welcome: (peerId: PeerId) => boolean
}

/** See the module head. */
export class ControlNode {
  readonly gossip: Gossip
  readonly #options: NodeOptions
  readonly #deps: NodeDependencies
  readonly #book: RecordBook
  readonly #dialer: Dialer
  readonly #exchanges: RateLimit
  readonly #dialBacks: RateLimit
  readonly #stopping = new AbortController()
  /** Peers whose record is being asked for, or was, without success: tries so far. */
  readonly #tries = new Map<PeerId, number>()
  readonly #asking = new Set<PeerId>()
  #self: SignedRecord | undefined
  #signedAtMs = 0
  #nextExchangeAtMs = 0
  #exchangeWaitMs: number
  #cancelTick: (() => void) | undefined
  #told = ''

  constructor(options: NodeOptions, dependencies: NodeDependencies) {
    const { limits, timing, networkKey } = options
    const { host, clock, random, welcome, identity } = dependencies
    this.#options = options
    this.#deps = dependencies
    this.#exchangeWaitMs = timing.tickMs
    const book = new RecordBook({
      self: identity.peerId,
      networkKey,
      recordsMax: limits.recordsMax,
      trustPeers: options.trustPeers,
      liveMs: timing.liveMs,
    })
    this.#book = book
    this.gossip = new Gossip({ limits, welcome }, { host, clock })
    this.#dialer = new Dialer(
      { bootstrap: options.bootstrap, limits, timing },
      { host, book, clock, random, welcome, dialled: (target, error) => this.#dialled(target, error) },
    )
    const perMinute = { periodMs: 60_000, keysMax: 1024 }
    this.#exchanges = new RateLimit({ ...perMinute, perPeriod: limits.exchangesPerMinuteMax })
    this.#dialBacks = new RateLimit({ ...perMinute, perPeriod: limits.dialBacksPerMinuteMax })
  }

  /** Listens and begins to look for others. @throws conflict.port if it cannot listen */
  async start(): Promise<void> {
    const { host, events } = this.#deps
    for (const envelope of this.#options.known) this.#learn(envelope, 'remembered')
    host.addEventListener('connection:open', ({ detail }) => {
      if (detail.direction === 'inbound') events.dialledByPeer()
    })
    host.addEventListener('peer:connect', ({ detail }) => this.#connected(detail.toString()))
    host.addEventListener('peer:disconnect', ({ detail }) => this.#disconnected(detail.toString()))
    host.addEventListener('peer:discovery', ({ detail }) => this.#discovered(detail))
    const streams = { maxInboundStreams: 4, maxOutboundStreams: 4 }
    await host.handle(EXCHANGE_PROTOCOL, (stream, connection) => this.#onExchange(stream, connection), streams)
    await host.handle(DIAL_BACK_PROTOCOL, (stream, connection) => this.#onDialBack(stream, connection), streams)
    try {
      await host.start()
    } catch (error) {
      throw wrapError(error, 'conflict.port', 'listening for peers')
    }
    this.gossip.subscribe(RECORD_TOPIC, (envelope) => this.#learn(envelope, 'relayed') ?? false)
    this.#tick()
  }

  /** Says good-bye by closing every connection. */
  async stop(): Promise<void> {
    this.#stopping.abort(new AppError('aborted.shutdown', 'the control plane stops'))
    this.#cancelTick?.()
    await this.#deps.host.stop()
  }

  /** Addresses that another node's `--peer` takes. */
  listen(): string[] {
    return this.#deps.host.getMultiaddrs().map((address) => address.toString())
  }

  neighbours(): Neighbour[] {
    const { host, clock, sameSubnet } = this.#deps
    return neighboursOf(this.#book, {
      host,
      nowMs: clock.nowMs(),
      monotonicMs: clock.monotonicMs(),
      sameSubnet,
      trustPeers: this.#options.trustPeers,
    })
  }

  /** Parts with a peer that `welcome` refuses from now on. */
  drop(peerId: PeerId): void {
    this.#book.delete(peerId)
    for (const connection of this.#connections(peerId)) connection.abort(new AppError('denied.policy', 'dropped'))
    this.#changed()
  }

  /** @throws unavailable.peer if the peer is not connected, does not answer or does not want to */
  async requestDialBack(peerId: PeerId, signal: AbortSignal): Promise<void> {
    const [connection] = this.#connections(peerId)
    if (connection === undefined) {
      throw new AppError('unavailable.peer', `wanted ${peerId} to dial back, found it not connected`)
    }
    const reply = await within(
      this.#deps.clock,
      this.#options.timing.askTimeoutMs,
      [signal, this.#stopping.signal],
      (limit) => ask(connection, DIAL_BACK_PROTOCOL, new Uint8Array(0), { replyBytesMax: 1, signal: limit }),
    )
    if (reply[0] !== 1) throw new AppError('unavailable.peer', `wanted ${peerId} to dial back, found it refuses`)
  }

  #tick(): void {
    if (this.#stopping.signal.aborted) return
    this.#cancelTick = this.#deps.clock.after(this.#options.timing.tickMs, () => this.#tick())
    this.#renew()
    this.#dialer.dial(this.#stopping.signal)
    this.#exchangeRound()
    this.#changed()
  }

  /** Ticks at once, because something happened that dials may follow from. */
  #soon(): void {
    this.#cancelTick?.()
    if (!this.#stopping.signal.aborted) this.#cancelTick = this.#deps.clock.after(1, () => this.#tick())
  }

  /** Signs this node's record anew when its addresses changed or the last one grows old, and tells. */
  #renew(): SignedRecord {
    const { host, clock, identity } = this.#deps
    const { networkKey, dataPort, zone, timing } = this.#options
    const addresses = host
      .getMultiaddrs()
      .map((address) => address.toString().replace(/\/p2p\/[^/]+$/, ''))
      .filter(isPlainAddress)
      .slice(0, RECORD_ADDRESSES_MAX)
    const kept = this.#self
    const current = kept !== undefined && clock.monotonicMs() - this.#signedAtMs < timing.renewMs
    if (current && kept.record.addresses.join() === addresses.join()) return kept
    const membership = networkKey === undefined ? undefined : membershipMac(networkKey, identity.peerId)
    const issuedAtMs = Math.max(clock.nowMs(), (kept?.record.issuedAtMs ?? 0) + 1)
    const made = signRecord(identity, { issuedAtMs, addresses, dataPort, zone, membership })
    this.#self = made
    this.#signedAtMs = clock.monotonicMs()
    this.gossip.publish(RECORD_TOPIC, made.envelope).catch((error: unknown) => {
      this.#deps.logger.debug({ err: error }, 'telling the renewed record of this node')
    })
    return made
  }

  /** Asks peers for their record and for those that they know: who has not told its own yet, and now and then the others. */
  #exchangeRound(): void {
    const { clock, random, host } = this.#deps
    const now = clock.monotonicMs()
    const peers = host.getPeers().map((peerId) => peerId.toString())
    const strangers = peers.filter((peerId) => !this.#introduced(peerId))
    let chosen = strangers
    if (now >= this.#nextExchangeAtMs) {
      this.#nextExchangeAtMs = now + this.#exchangeWaitMs
      this.#exchangeWaitMs = Math.min(this.#options.timing.exchangeMs, this.#exchangeWaitMs * 2)
      const rest = peers.filter((peerId) => this.#introduced(peerId))
      const from = Math.floor(random.fraction() * rest.length)
      chosen = [...strangers, ...[...rest.slice(from), ...rest.slice(0, from)].slice(0, EXCHANGE_PEERS)]
    }
    for (const peerId of chosen) void this.#exchange(peerId)
  }

  async #exchange(peerId: PeerId): Promise<void> {
    const [connection] = this.#connections(peerId)
    if (connection === undefined || this.#asking.has(peerId)) return
    this.#asking.add(peerId)
    const request = packEnvelopes([this.#renew().envelope])
    try {
      const reply = await within(
        this.#deps.clock,
        this.#options.timing.askTimeoutMs,
        [this.#stopping.signal],
        (signal) => ask(connection, EXCHANGE_PROTOCOL, request, { replyBytesMax: EXCHANGE_BYTES_MAX, signal }),
      )
      const [own, ...others] = unpackEnvelopes(reply)
      if (own === undefined) throw new AppError('untrusted.reply', `wanted the record of ${peerId}, found none`)
      this.#introduce(peerId, own)
      const news = others.filter((envelope) => this.#learn(envelope, 'relayed') === true)
      if (news.length > 0) this.#soon()
    } catch (error) {
      this.#unanswered(peerId, error)
    } finally {
      this.#asking.delete(peerId)
    }
  }

  /** A connected peer told its own record. @throws what `RecordBook.learn` throws; untrusted.reply if it is another's */
  #introduce(peerId: PeerId, envelope: Uint8Array): void {
    const { clock, events } = this.#deps
    const at = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() }
    const before = this.#book.get(peerId)
    const { record } = this.#book.learn(envelope, 'direct', at)
    if (record.peerId !== peerId) {
      throw new AppError('untrusted.reply', `wanted the record of ${peerId}, found that of ${record.peerId}`)
    }
    this.#tries.delete(peerId)
    this.#book.markHere(peerId)
    const moved = before?.record.addresses.join() !== record.addresses.join()
    if (moved || before?.source !== 'direct') events.remember(peerId, envelope)
    this.#changed()
  }

  #unanswered(peerId: PeerId, error: unknown): void {
    if (this.#stopping.signal.aborted) return
    const tries = (this.#tries.get(peerId) ?? 0) + 1
    this.#tries.set(peerId, tries)
    this.#deps.logger.debug({ peerId, err: error }, 'asking a peer for its record')
    if (tries < EXCHANGE_TRIES || this.#introduced(peerId)) return
    // It speaks libp2p, but it is none of us, or of another network or version.
    this.#dialer.failed(peerId)
    for (const connection of this.#connections(peerId)) connection.abort(new AppError('unavailable.peer', 'not a peer'))
  }

  async #onExchange(stream: Stream, connection: Connection): Promise<void> {
    const peerId = connection.remotePeer.toString()
    const { clock } = this.#deps
    await within(clock, this.#options.timing.askTimeoutMs, [this.#stopping.signal], (signal) =>
      answer(stream, RECORD_BYTES_MAX + 2, signal, (request) => {
        if (!this.#exchanges.allow(peerId, clock.monotonicMs())) {
          throw new AppError('exhausted.queue', `${peerId} asks for peers too often`)
        }
        const [own] = unpackEnvelopes(request)
        if (own === undefined) throw new AppError('usage.message', `wanted the record of ${peerId}, found none`)
        this.#introduce(peerId, own)
        return packEnvelopes([this.#renew().envelope, ...this.#liveEnvelopes(peerId)])
      }),
    )
  }

  /** Records of live peers for `asker`: connected ones first. */
  #liveEnvelopes(asker: PeerId): Uint8Array[] {
    const now = this.#deps.clock.monotonicMs()
    const connected: Uint8Array[] = []
    const heard: Uint8Array[] = []
    for (const entry of this.#book.entries()) {
      const { peerId } = entry.record
      if (peerId === asker || !this.#deps.welcome(peerId)) continue
      if (this.#connections(peerId).length > 0) connected.push(entry.envelope)
      else if (this.#book.live(entry, now)) heard.push(entry.envelope)
    }
    return [...connected, ...heard].slice(0, EXCHANGE_RECORDS_MAX - 1)
  }

  async #onDialBack(stream: Stream, connection: Connection): Promise<void> {
    const { clock, events } = this.#deps
    const peerId = connection.remotePeer.toString()
    await within(clock, this.#options.timing.askTimeoutMs, [this.#stopping.signal], (signal) =>
      answer(stream, 0, signal, () => {
        const port = this.#book.get(peerId)?.record.dataPort
        // Only where this very connection comes from: nobody can make this node connect to a third party.
        const host = hostOf(connection.remoteAddr.toString())
        const allowed = this.#dialBacks.allow(peerId, clock.monotonicMs())
        if (port === undefined || host === undefined || !allowed) return Uint8Array.of(0)
        events.dialBack(peerId, host, port)
        return Uint8Array.of(1)
      }),
    )
  }

  #connected(peerId: PeerId): void {
    this.#book.markHere(peerId)
    this.#exchangeWaitMs = this.#options.timing.tickMs
    this.#nextExchangeAtMs = this.#deps.clock.monotonicMs() + this.#exchangeWaitMs
    this.#soon()
  }

  #disconnected(peerId: PeerId): void {
    this.#tries.delete(peerId)
    this.#book.markGone(peerId, this.#deps.clock.monotonicMs())
    this.#changed()
    this.#soon()
  }

  #discovered(found: { readonly id: Libp2pPeerId; readonly multiaddrs: Parameters<Dialer['discovered']>[1] }): void {
    const peerId = found.id.toString()
    const addresses = found.multiaddrs.filter((address) => isPlainAddress(address.toString()))
    if (addresses.length === 0 || this.#book.get(peerId) !== undefined) return
    this.#dialer.discovered(peerId, addresses)
    this.#soon()
  }

  #dialled(target: string, error: unknown): void {
    if (error === undefined) return
    this.#deps.logger.debug({ target, err: error }, 'dialling a peer')
    this.#book.markGone(target, this.#deps.clock.monotonicMs())
  }

  /** @returns true if it was news; undefined if it was not to be believed */
  #learn(envelope: Uint8Array, source: Source): boolean | undefined {
    const { clock, identity, logger, welcome } = this.#deps
    try {
      const at = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() }
      const { record, news } = this.#book.learn(envelope, source, at)
      if (news && !welcome(record.peerId)) this.#book.delete(record.peerId)
      else if (news) this.#dialer.renewed(record.peerId, identity.peerId)
      return news
    } catch (error) {
      logger.debug({ source, err: error }, 'reading a peer record')
      return undefined
    }
  }

  /** A connected peer whose own record is here. */
  #introduced(peerId: PeerId): boolean {
    return this.#book.get(peerId)?.source === 'direct'
  }

  #connections(peerId: PeerId): Connection[] {
    return this.#deps.host.getConnections(peerIdFromString(peerId)).filter((connection) => connection.status === 'open')
  }

  /** Tells of changes; round trips alone are told with the next change. */
  #changed(): void {
    const told = this.neighbours()
      .map(
        (one) => `${one.peerId} ${one.connectedAtMs} ${one.dataPort} ${one.dataHosts.join()} ${one.addresses.join()}`,
      )
      .join('\n')
    if (told === this.#told) return
    this.#told = told
    this.#deps.events.changed()
  }
}
