/**
 * What the two planes of `libp2p.ts` share: who this node is, and the live members of its neighbourhood. The control plane
 * (`control/`) finds and verifies neighbours; the data plane (`data/`) moves bytes between them. Types only.
 */
import type { KeyObject } from 'node:crypto'
import type { PeerId, PeerTrust } from './peers.ts'

/** This node's identity: one Ed25519 key, kept with mode 0600 in the data directory. */
export interface Identity {
  readonly peerId: PeerId
  readonly privateKey: KeyObject
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** Ed25519 signature of `message`, 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}

/** One live member of the neighbourhood, from its signed record. */
export interface Neighbour {
  readonly peerId: PeerId
  /** 32 bytes Ed25519. */
  readonly publicKey: Uint8Array
  readonly trust: PeerTrust
  /** Proved membership of this node's private network. */
  readonly member: boolean
  /** Hosts (IP literals) to try for its data plane, the observed one first. */
  readonly dataHosts: readonly string[]
  /** Undefined: it accepts no data connections. */
  readonly dataPort: number | undefined
  readonly addresses: readonly string[]
  readonly zone: string | undefined
  readonly sameSubnet: boolean
  readonly connected: boolean
  /** When the connection was made, by the clock of the machine; another number is another connection. Undefined: there is none. */
  readonly connectedAtMs: number | undefined
  readonly roundTripMs: number | undefined
  readonly seenAtMs: number
}

/** The control plane as the data plane and `libp2p.ts` see it. */
export interface ControlPlane {
  /** Listens, then finds neighbours in the background. `dataPort`: what goes into this node's signed record. */
  start(dataPort: number | undefined): Promise<void>
  stop(): Promise<void>
  listen(): readonly string[]
  /** Live neighbours with a verified record, this node excluded. */
  neighbours(): readonly Neighbour[]
  neighbour(peerId: PeerId): Neighbour | undefined
  /** Calls back after neighbours came, changed or went, until the returned function is called. */
  watch(listener: () => void): () => void
  /** True once a peer dialled this node. */
  dialledByPeers(): boolean
  /** Closes connections with a peer and refuses it from now on. */
  drop(peerId: PeerId): void
  /** Asks a connected peer to connect to this node's data plane, because its own cannot be reached. */
  requestDialBack(peerId: PeerId, signal: AbortSignal): Promise<void>
  /** Called when a peer asks this node to dial back to `host`:`port`, the observed and authenticated address. */
  onDialBack(listener: (peerId: PeerId, host: string, port: number) => void): void
  publish(topic: string, message: Uint8Array): Promise<void>
  subscribe(topic: string, listener: (message: Uint8Array, from: PeerId) => void): () => void
}
