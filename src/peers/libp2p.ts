/**
 * The real peers: the control plane (libp2p in a worker: who is there) and the data plane (HTTPS with pinned keys: who has
 * what, and getting it) made into one `Peers`. `main/wire.ts` makes it. Adapter; the rules are in the planes. See DESIGN.md.
 */
import type { Clock, Logger, Random } from '../base/clock.ts'
import { CONTROL_LIMITS, type ControlLimits, type ControlOptions } from './control/options.ts'
import { createControlPlane, type WorkerControlPlane } from './control/plane.ts'
import { createDataPlane, type DataPlane } from './data/data-plane.ts'
import type { PeerFacts } from './data/ledger.ts'
import type { DataPlaneOptions } from './data/options.ts'
import { loadIdentity } from './identity.ts'
import { swarmKey } from './membership.ts'
import type { Identity, Neighbour } from './neighbour.ts'
import type { PeerHost, PeerId, PeerInfo, Peers, PeersState } from './peers.ts'
import { hostOf } from './record.ts'
import { type SharedMemory, shareMemory } from './remembered.ts'

/** What the peers can be told. Limits of the data plane, with their units, are those of `DataPlaneOptions`. */
export interface Libp2pPeersOptions extends Omit<DataPlaneOptions, 'host' | 'port'> {
  /** Directory of the identity key; must exist. */
  readonly directory: string
  /** Multiaddrs of the control plane; empty or absent: a free port of 127.0.0.1. */
  readonly listen?: readonly string[]
  /** Peers to begin with: multiaddrs, with or without `/p2p/<id>`. */
  readonly bootstrap?: readonly string[]
  /** Peers whose piece manifests and documents are believed. */
  readonly trustPeers?: readonly PeerId[]
  /** Host of the data plane; default: the first host of `listen` that is not loopback, else loopback. */
  readonly dataHost?: string
  /** Port of the data plane; 0 or absent: any free one. */
  readonly dataPort?: number
  readonly zone?: string
  /** Bounds and periods of the control plane, and whether it looks for peers on the LAN. */
  readonly control?: Pick<ControlOptions, 'limits' | 'timing' | 'mdns'>
}

/** What the peers stand on. */
export interface Libp2pPeersDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/**
 * Makes the peers of a node; nothing listens before `start`. The identity is read, or made on first use, at once.
 * @throws usage.config (a loose key file, a short network key), damaged.identity; `start`: conflict.port, usage.config
 */
export function createLibp2pPeers(options: Libp2pPeersOptions, dependencies: Libp2pPeersDependencies): Peers {
  const { networkKey } = options
  if (networkKey !== undefined) swarmKey(networkKey)
  const identity = loadIdentity(options.directory, dependencies)
  return new Libp2pPeers(options, { ...dependencies, identity })
}

/** What `facts` says of a peer that nothing is known of, or of any while the data plane is stopped. */
const NO_FACTS: PeerFacts = {
  rateBytesPerSecond: undefined,
  receivedBytes: 0,
  sentBytes: 0,
  standing: 'good',
  faults: [],
}

class Libp2pPeers implements Peers {
  readonly #options: Libp2pPeersOptions
  readonly #identity: Identity
  readonly #control: WorkerControlPlane
  readonly #data: DataPlane
  readonly #dataHost: string
  readonly #logger: Logger
  #memory: SharedMemory | undefined
  #dataPort: number | undefined

  constructor(options: Libp2pPeersOptions, dependencies: Libp2pPeersDependencies & { readonly identity: Identity }) {
    const {
      directory: _,
      listen = [],
      bootstrap,
      trustPeers,
      dataHost,
      dataPort = 0,
      zone,
      control,
      ...limits
    } = options
    const { identity, clock, random, logger } = dependencies
    this.#options = options
    this.#logger = logger
    this.#identity = identity
    this.#dataHost = dataHost ?? dataHostOf(listen)
    this.#control = createControlPlane(
      {
        ...control,
        limits: { ...connectionLimits(limits.connectionsMax), ...control?.limits },
        ...(listen.length > 0 && { listen }),
        ...(bootstrap && { bootstrap }),
        ...(trustPeers && { trustPeers }),
        ...(limits.allowPeers && { allowPeers: limits.allowPeers }),
        ...(limits.denyPeers && { denyPeers: limits.denyPeers }),
        networkKey: limits.networkKey,
        zone,
      },
      {
        identity,
        clock,
        random,
        logger: logger.child({ plane: 'control' }),
        remember: (peerId, envelope) => this.#memory?.rememberRecord(peerId, envelope, clock.nowMs()),
        recall: () => this.#memory?.recallRecords() ?? [],
      },
    )
    this.#data = createDataPlane(
      { ...limits, host: this.#dataHost, port: dataPort, ...(zone !== undefined && { zone }) },
      { identity, control: this.#control, clock, random, logger: logger.child({ plane: 'data' }) },
    )
  }

  async start(host: PeerHost): Promise<void> {
    this.#memory = shareMemory(host, (error) => {
      this.#logger.warn({ error: String(error) }, 'what is known of a peer could not be written down')
    })
    const { port } = await this.#data.start(this.#memory.dataHost)
    this.#dataPort = port
    try {
      // Who lied in an earlier run is refused from the first moment.
      for (const peerId of this.#data.knownPeers()) {
        if (this.#data.facts(peerId).standing === 'dropped') this.#control.drop(peerId)
      }
      await this.#control.start(port)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#control.stop(), this.#data.stop()])
    this.#dataPort = undefined
  }

  state(): PeersState {
    const connected = this.#control.neighbours().filter((one) => one.connected).length
    return {
      peerId: this.#identity.peerId,
      listen: this.#control.listen(),
      dataAddress: this.#dataPort === undefined ? undefined : joinAddress(this.#dataHost, this.#dataPort),
      privateNetwork: this.#options.networkKey !== undefined,
      connected,
      known: this.#peerIds().size,
      reachable: this.#control.dialledByPeers() ? 'yes' : connected > 0 ? 'no' : 'unknown',
      ...this.#data.totals(),
    }
  }

  list(): PeerInfo[] {
    return [...this.#peerIds()].map((peerId) => this.#infoOf(peerId, this.#control.neighbour(peerId)))
  }

  onConnected(listener: (peerId: PeerId) => void): () => void {
    let before = this.#connections()
    return this.#control.watch(() => {
      const now = this.#connections()
      // A connection that was lost and made again may be told of in one go: it is another one all the same.
      const made = [...now].filter(([peerId, atMs]) => before.get(peerId) !== atMs)
      before = now
      for (const [peerId] of made) listener(peerId)
    })
  }

  lookup: Peers['lookup'] = (names, options) => this.#data.lookup(names, options)

  fetch: Peers['fetch'] = (providers, options) => this.#data.fetch(providers, options)

  follow: Peers['follow'] = (request, options) => this.#data.follow(request, options)

  document: Peers['document'] = (key, options) => this.#data.document(key, options)

  transact: Peers['transact'] = (peerId, message, options) => this.#data.transact(peerId, message, options)
  logFile: Peers['logFile'] = (peerId, request, options) => this.#data.logFile(peerId, request, options)

  announce: Peers['announce'] = (names) => this.#data.announce(names)

  withdraw: Peers['withdraw'] = (names) => this.#data.withdraw(names)

  blame: Peers['blame'] = (peerId, fault) => this.#data.blame(peerId, fault)

  publish: Peers['publish'] = (topic, message) => this.#control.publish(topic, message)

  subscribe: Peers['subscribe'] = (topic, listener) => this.#control.subscribe(topic, listener)

  /** When the connections that there are were made. */
  #connections(): Map<PeerId, number> {
    return new Map(
      this.#control
        .neighbours()
        .flatMap(({ peerId, connectedAtMs }) =>
          connectedAtMs === undefined ? [] : [[peerId, connectedAtMs] as const],
        ),
    )
  }

  /** Live peers first, then those that are only remembered. */
  #peerIds(): Set<PeerId> {
    const live = this.#control.neighbours().map(({ peerId }) => peerId)
    return new Set(this.#dataPort === undefined ? live : [...live, ...this.#data.knownPeers()])
  }

  #infoOf(peerId: PeerId, neighbour: Neighbour | undefined): PeerInfo {
    const facts = this.#dataPort === undefined ? NO_FACTS : this.#data.facts(peerId)
    const host = neighbour?.dataHosts[0]
    const port = neighbour?.dataPort
    return {
      peerId,
      trust: neighbour?.trust ?? (this.#options.trustPeers?.includes(peerId) ? 'named' : 'stranger'),
      connected: neighbour?.connected ?? false,
      dataAddress: host === undefined || port === undefined ? undefined : joinAddress(host, port),
      addresses: neighbour?.addresses ?? [],
      zone: neighbour?.zone,
      sameSubnet: neighbour?.sameSubnet ?? false,
      roundTripMs: neighbour?.roundTripMs,
      rateBytesPerSecond: facts.rateBytesPerSecond,
      receivedBytes: facts.receivedBytes,
      sentBytes: facts.sentBytes,
      standing: facts.standing,
      faults: facts.faults,
    }
  }
}

/** Where the data plane listens: as wide as the control plane was told to, never wider. */
function dataHostOf(listen: readonly string[]): string {
  const hosts = listen.map(hostOf).filter((host) => host !== undefined)
  return hosts.find((host) => host !== '::1' && !host.startsWith('127.')) ?? hosts[0] ?? '127.0.0.1'
}

/** What the owner allows in connections holds for both planes; the control plane takes no more of it than it has use for. */
function connectionLimits(connectionsMax: number | undefined): Partial<ControlLimits> {
  if (connectionsMax === undefined) return {}
  return {
    connectionsMax: Math.min(connectionsMax, CONTROL_LIMITS.connectionsMax),
    connectionTarget: Math.min(connectionsMax, CONTROL_LIMITS.connectionTarget),
  }
}

function joinAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
