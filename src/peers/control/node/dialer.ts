/**
 * Whom to dial now: bootstrap addresses, peers found on the LAN, and peers in the book, until there are enough connections.
 * Failures wait longer each time. `node.ts` calls `dial()` on every tick.
 */
import type { Connection } from '@libp2p/interface'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Clock, Random } from '../../../base/clock.ts'
import { AppError, wrapError } from '../../../base/errors.ts'
import type { PeerId } from '../../peers.ts'
import type { ControlLimits, ControlTiming } from '../options.ts'
import { Backoff } from './backoff.ts'
import type { RecordBook } from './book.ts'
import { type Host, isLoopback } from './host.ts'

/** Peers found on the LAN and not yet connected. */
const DISCOVERED_MAX = 128

interface Target {
  /** Of the back-off. */
  readonly key: string
  readonly peerId: PeerId | undefined
  readonly addresses: readonly Multiaddr[]
}

/** What the dialer needs of the node. */
export interface DialerDependencies {
  readonly host: Host
  readonly book: RecordBook
  readonly clock: Clock
  readonly random: Random
  readonly welcome: (peerId: PeerId) => boolean
  /** A dial ended; `error` tells how, if it failed. */
  readonly dialled: (target: string, error: unknown) => void
}

/** See the module head. */
export class Dialer {
  readonly #bootstrap: readonly Target[]
  readonly #limits: ControlLimits
  readonly #timing: ControlTiming
  readonly #deps: DialerDependencies
  readonly #backoff: Backoff
  readonly #active = new Set<string>()
  readonly #discovered = new Map<PeerId, readonly Multiaddr[]>()
  /** Who answered at a bootstrap address that names nobody. */
  readonly #found = new Map<string, PeerId>()

  constructor(
    options: {
      readonly bootstrap: readonly string[]
      readonly limits: ControlLimits
      readonly timing: ControlTiming
    },
    dependencies: DialerDependencies,
  ) {
    this.#bootstrap = options.bootstrap.map(parseBootstrap)
    this.#limits = options.limits
    this.#timing = options.timing
    this.#deps = dependencies
    const { backoffMinMs, backoffMaxMs } = options.timing
    const keysMax = options.limits.recordsMax * 2
    this.#backoff = new Backoff({ minMs: backoffMinMs, maxMs: backoffMaxMs, keysMax })
  }

  /** A peer was seen on the LAN. */
  discovered(peerId: PeerId, addresses: readonly Multiaddr[]): void {
    if (this.#discovered.size >= DISCOVERED_MAX && !this.#discovered.has(peerId)) return
    this.#discovered.set(peerId, addresses)
  }

  /** There is a newer record of this peer: it may be dialled at once, or after the other side had its chance. */
  renewed(peerId: PeerId, self: PeerId): void {
    this.#backoff.reset(peerId)
    if (self > peerId) this.#backoff.defer(peerId, this.#deps.clock.monotonicMs(), this.#timing.politeMs)
  }

  /** A connection with this peer turned out to be of no use. */
  failed(peerId: PeerId): void {
    this.#backoff.failed(peerId, this.#deps.clock.monotonicMs(), this.#deps.random.fraction())
  }

  /** Starts as many dials as are due and allowed. */
  dial(signal: AbortSignal): void {
    const now = this.#deps.clock.monotonicMs()
    for (const target of this.#targets()) {
      if (this.#active.size >= this.#limits.dialsMax) return
      if (this.#active.has(target.key) || !this.#backoff.ready(target.key, now)) continue
      this.#active.add(target.key)
      void this.#dialOne(target, signal)
    }
  }

  *#targets(): Generator<Target> {
    const { host, book, welcome } = this.#deps
    const connected = new Set(host.getPeers().map((peerId) => peerId.toString()))
    for (const target of this.#bootstrap) {
      const peerId = target.peerId ?? this.#found.get(target.key)
      const wanted = peerId === undefined || (!connected.has(peerId) && welcome(peerId) && !this.#isSelf(peerId))
      if (wanted) yield target
    }
    if (connected.size >= this.#limits.connectionTarget) return
    for (const [peerId, addresses] of this.#discovered) {
      if (connected.has(peerId)) this.#discovered.delete(peerId)
      else if (welcome(peerId) && !this.#isSelf(peerId)) yield { key: peerId, peerId, addresses }
    }
    const loopback = host.getMultiaddrs().some((address) => isLoopback(address.toString()))
    for (const { record } of book.entries()) {
      if (connected.has(record.peerId) || !welcome(record.peerId)) continue
      // A stranger's record must not make this node knock at the ports of its own machine, unless that is where it lives.
      const usable = record.addresses.filter((address) => loopback || !isLoopback(address))
      if (usable.length === 0) continue
      const addresses = usable.map((address) => multiaddr(`${address}/p2p/${record.peerId}`))
      yield { key: record.peerId, peerId: record.peerId, addresses }
    }
  }

  async #dialOne(target: Target, signal: AbortSignal): Promise<void> {
    const { host, clock, random, dialled } = this.#deps
    try {
      const connection: Connection = await host.dial([...target.addresses], { signal })
      this.#found.set(target.key, connection.remotePeer.toString())
      this.#backoff.reset(target.key)
      dialled(target.key, undefined)
    } catch (error) {
      this.#found.delete(target.key)
      if (target.peerId !== undefined) this.#discovered.delete(target.peerId)
      this.#backoff.failed(target.key, clock.monotonicMs(), random.fraction())
      if (!signal.aborted) dialled(target.key, error)
    } finally {
      this.#active.delete(target.key)
    }
  }

  #isSelf(peerId: PeerId): boolean {
    return this.#deps.host.peerId.toString() === peerId
  }
}

/** @throws usage.config if it is no multiaddr that can be dialled over TCP */
function parseBootstrap(text: string): Target {
  try {
    const address = multiaddr(text)
    const parts = address.getComponents()
    if (!parts.some((part) => part.name === 'tcp')) throw new AppError('usage.config', 'it has no TCP port')
    const peerId = parts.findLast((part) => part.code === CODE_P2P)?.value
    return { key: text, peerId, addresses: [address] }
  } catch (error) {
    throw new AppError('usage.config', `wanted a peer such as /ip4/192.0.2.1/tcp/7890/p2p/12D3..., found ${text}`, {
      cause: wrapError(error, 'usage.config', 'reading a multiaddr'),
    })
  }
}
