/** What the control plane can be told, with the defaults of each. Values only; plain data, for they travel to the worker. */
import type { PeerId } from '../peers.ts'

/** Periods and waits of the control plane. */
export interface ControlTiming {
  /** How often it looks for something to do: dial, ask, renew. */
  readonly tickMs: number
  /** How often peers of peers are asked for, at most; it begins with `tickMs` and doubles while nothing is new. */
  readonly exchangeMs: number
  /** How often each connection is pinged. */
  readonly pingMs: number
  /** A connection whose ping takes longer is cut. With `pingMs` this bounds how long a dead peer is listed. */
  readonly pingTimeoutMs: number
  /** Waits before a peer is dialled again. */
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  /** How often this node signs its record anew. */
  readonly renewMs: number
  /** For how long an unconnected peer counts as live after it renewed its record. */
  readonly liveMs: number
  readonly dialTimeoutMs: number
  /** For one request and its reply. */
  readonly askTimeoutMs: number
  /** Of two peers that hear of one another, the one with the greater id waits this long for the other to dial. */
  readonly politeMs: number
  readonly mdnsMs: number
}

/** Defaults of `ControlTiming`. */
export const CONTROL_TIMING: ControlTiming = {
  tickMs: 1000,
  exchangeMs: 30_000,
  pingMs: 5000,
  pingTimeoutMs: 10_000,
  backoffMinMs: 1000,
  backoffMaxMs: 60_000,
  renewMs: 60_000,
  liveMs: 150_000,
  dialTimeoutMs: 10_000,
  askTimeoutMs: 10_000,
  politeMs: 1500,
  mdnsMs: 10_000,
}

/** Bounds of the control plane. */
export interface ControlLimits {
  /** Connections in all; beyond it the least useful ones are closed. */
  readonly connectionsMax: number
  /** Peers that it connects to of its own accord, bootstrap peers apart. */
  readonly connectionTarget: number
  /** New connections per second from one host. An office behind one address, or a test on loopback, needs many. */
  readonly inboundPerSecondMax: number
  /** Inbound connections whose handshake is not over. */
  readonly inboundPendingMax: number
  readonly dialsMax: number
  readonly dialQueueMax: number
  /** Streams at a time on one connection, each way. */
  readonly streamsMax: number
  /** Peers whose record is kept. */
  readonly recordsMax: number
  /** Topics subscribed at a time. */
  readonly topicsMax: number
  /** Gossip messages per second that one peer may pass on. */
  readonly gossipPerSecondMax: number
  /** Requests of one peer to be dialled back. */
  readonly dialBacksPerMinuteMax: number
  /** Requests of one peer for the peers that this node knows. */
  readonly exchangesPerMinuteMax: number
}

/** Defaults of `ControlLimits`. */
export const CONTROL_LIMITS: ControlLimits = {
  connectionsMax: 128,
  connectionTarget: 50,
  inboundPerSecondMax: 100,
  inboundPendingMax: 64,
  dialsMax: 8,
  dialQueueMax: 64,
  streamsMax: 64,
  recordsMax: 1024,
  topicsMax: 64,
  gossipPerSecondMax: 100,
  dialBacksPerMinuteMax: 12,
  exchangesPerMinuteMax: 60,
}

/** Options of the control plane. */
export interface ControlOptions {
  /** Multiaddrs to listen on. Default: a free port of 127.0.0.1. */
  readonly listen?: readonly string[]
  /** Multiaddrs of peers to begin with, with or without `/p2p/<id>`. */
  readonly bootstrap?: readonly string[]
  /** Peers whose word this node takes. */
  readonly trustPeers?: readonly PeerId[]
  /** If not empty, only these may connect. */
  readonly allowPeers?: readonly PeerId[]
  /** These may not connect. */
  readonly denyPeers?: readonly PeerId[]
  /** Key of the private network. Secret. */
  readonly networkKey?: Uint8Array | undefined
  /** Label of the place (rack, office) that this node is in. */
  readonly zone?: string | undefined
  /** Ask for peers on the LAN by multicast DNS, if any listen address is not loopback. Default: true. */
  readonly mdns?: boolean
  readonly limits?: Partial<ControlLimits>
  readonly timing?: Partial<ControlTiming>
}
