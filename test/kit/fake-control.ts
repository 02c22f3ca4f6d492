/**
 * An honest control plane in memory: everyone who joined one `FakeNeighbourhood` is everyone else's neighbour. Lets the data
 * plane be tested over real TLS without libp2p.
 */
import { AppError } from '../../src/base/errors.ts'
import type { ControlPlane, Identity, Neighbour } from '../../src/peers/neighbour.ts'
import type { PeerId, PeerTrust } from '../../src/peers/peers.ts'

/** What one node says of itself, and how it sees others. */
export interface FakeNode {
  readonly identity: Identity
  /** How this node trusts another. */
  readonly trust: (peerId: PeerId) => PeerTrust
  /** `false`: it tells no port, `closed`: a port that refuses; then it is asked to dial back. */
  readonly dialable?: boolean | 'closed'
  /** Called when this node asks another one to dial back. */
  readonly dialBacksAsked?: () => void
}

/** Nothing listens here (tcpmux). */
const CLOSED_PORT = 1

interface Joined extends FakeNode {
  dataPort: number | undefined
  listeners: Set<() => void>
  dialBack: ((peerId: PeerId, host: string, port: number) => void) | undefined
  dropped: Set<PeerId>
}

/** The neighbourhood that fake control planes share. */
export class FakeNeighbourhood {
  readonly #nodes = new Map<PeerId, Joined>()

  /** The control plane of a node; it joins at `start`. */
  control(node: FakeNode): ControlPlane {
    const { peerId } = node.identity
    const joined: Joined = {
      ...node,
      dataPort: undefined,
      listeners: new Set(),
      dialBack: undefined,
      dropped: new Set(),
    }
    const see = (other: Joined): Neighbour => ({
      peerId: other.identity.peerId,
      publicKey: other.identity.publicKey,
      trust: node.trust(other.identity.peerId),
      member: node.trust(other.identity.peerId) === 'member',
      dataHosts: ['127.0.0.1'],
      dataPort: other.dialable === false ? undefined : other.dialable === 'closed' ? CLOSED_PORT : other.dataPort,
      addresses: ['/ip4/127.0.0.1/tcp/1'],
      zone: undefined,
      sameSubnet: true,
      connected: true,
      connectedAtMs: 0,
      roundTripMs: 1,
      seenAtMs: 0,
    })
    const others = (): Joined[] =>
      [...this.#nodes.values()].filter((one) => one !== joined && !joined.dropped.has(one.identity.peerId))
    return {
      start: async (dataPort) => {
        joined.dataPort = dataPort
        this.#nodes.set(peerId, joined)
        this.#changed()
      },
      stop: async () => {
        this.#nodes.delete(peerId)
        this.#changed()
      },
      listen: () => ['/ip4/127.0.0.1/tcp/1'],
      neighbours: () => (this.#nodes.has(peerId) ? others().map(see) : []),
      neighbour: (wanted) => {
        const found = others().find((one) => one.identity.peerId === wanted)
        return found && see(found)
      },
      watch: (listener) => {
        joined.listeners.add(listener)
        return () => joined.listeners.delete(listener)
      },
      dialledByPeers: () => false,
      drop: (wanted) => {
        joined.dropped.add(wanted)
        for (const listener of joined.listeners) listener()
      },
      requestDialBack: async (wanted) => {
        const found = this.#nodes.get(wanted)
        joined.dialBacksAsked?.()
        if (found?.dialBack === undefined) throw new AppError('unavailable.peer', 'it is not connected')
        found.dialBack(peerId, '127.0.0.1', joined.dataPort ?? 0)
      },
      onDialBack: (listener) => {
        joined.dialBack = listener
      },
      publish: async () => {},
      subscribe: () => () => {},
    }
  }

  #changed(): void {
    for (const node of this.#nodes.values()) for (const listener of node.listeners) listener()
  }
}

/** A control plane that knows these neighbours and finds no others: for two processes that were told of each other. */
export function fixedControl(neighbours: readonly Neighbour[]): ControlPlane {
  return {
    start: async () => {},
    stop: async () => {},
    listen: () => ['/ip4/127.0.0.1/tcp/1'],
    neighbours: () => neighbours,
    neighbour: (wanted) => neighbours.find(({ peerId }) => peerId === wanted),
    watch: () => () => {},
    dialledByPeers: () => false,
    drop() {},
    requestDialBack: async () => {
      throw new AppError('unavailable.peer', 'nobody dials back here')
    },
    onDialBack() {},
    publish: async () => {},
    subscribe: () => () => {},
  }
}
