/** Every limit and setting of the data plane, with its unit and its default (`4-network.md`, "Limits to hold"). Values only. */
import type { PeerId } from '../peers.ts'

/** What may be set from outside; everything has a default. */
export interface DataPlaneOptions {
  /** Interface to listen on; loopback unless told otherwise. */
  readonly host?: string
  /** 0: any free port. */
  readonly port?: number
  /** Key of the private network: only members are served and asked. */
  readonly networkKey?: Uint8Array
  /** If given and not empty, only these peers are served and asked. */
  readonly allowPeers?: readonly PeerId[]
  readonly denyPeers?: readonly PeerId[]
  /** Never serves, announces or answers; still downloads. */
  readonly serveNobody?: boolean
  /** In all; undefined: no limit. */
  readonly uploadBytesPerSecond?: number
  /** For each peer; undefined: no limit. */
  readonly uploadBytesPerSecondPerPeer?: number
  /** In all; undefined: no limit. */
  readonly downloadBytesPerSecond?: number
  /** Blob bodies that are sent at the same time, in all. */
  readonly uploadSlots?: number
  /** The same for each peer. */
  readonly uploadSlotsPerPeer?: number
  /** Inbound connections in all; one host may have half of them. */
  readonly connectionsMax?: number
  /** Inbound connections of each peer. */
  readonly connectionsPerPeerMax?: number
  /** Outbound connections for bulk in all. */
  readonly outboundConnectionsMax?: number
  /** Pieces (1 MiB buffers) held by all transfers together. */
  readonly piecesInFlight?: number
  /** Digests that one peer may announce or withdraw each minute. */
  readonly announcementsPerMinute?: number
  /** Transactions and requests to build that one peer may send each minute. */
  readonly transactionsPerMinute?: number
  /** Entries of the provider table, in all. */
  readonly providerEntriesMax?: number
  /** Entries of the provider table, of each peer. */
  readonly providerEntriesPerPeerMax?: number
  /** Provider entries that were not announced again are forgotten after this. */
  readonly providerLifetimeMs?: number
  /** A new connection must be up within this. */
  readonly connectTimeoutMs?: number
  /** A small request must be answered within this. */
  readonly requestTimeoutMs?: number
  /** A source that sends nothing for this long is given up and demoted. */
  readonly stallTimeoutMs?: number
  /** The shortest time after which a late piece is asked for elsewhere too. */
  readonly hedgeMinMs?: number
  /** A leader must have sent its first byte within this. */
  readonly followTimeoutMs?: number
  /** Announcements gather for this long before they are sent. */
  readonly announceDelayMs?: number
}

/** The settings with their defaults in place; what has no default stays optional. */
export type DataPlaneSettings = Required<Omit<DataPlaneOptions, OpenEnded>> & Pick<DataPlaneOptions, OpenEnded>
type OpenEnded = 'networkKey' | 'uploadBytesPerSecond' | 'uploadBytesPerSecondPerPeer' | 'downloadBytesPerSecond'

/** Peers asked for the pieces of one blob at once. */
export const SOURCES_MAX = 8
/** Digests in one announcement. */
export const ANNOUNCE_NAMES_MAX = 10_000
/** Digests in one look-up. */
export const LOOKUP_NAMES_MAX = 64
/** Nodes that keep the provider list of a digest. */
export const REPLICAS = 3
/** Up to this many neighbours, all of them are asked directly. */
export const ASK_ALL_MAX = 8

/** Fills in the defaults. */
export function settingsOf(options: DataPlaneOptions): DataPlaneSettings {
  return { ...DEFAULTS, ...options }
}

const DEFAULTS = {
  host: '127.0.0.1',
  port: 0,
  allowPeers: [],
  denyPeers: [],
  serveNobody: false,
  uploadSlots: 64,
  uploadSlotsPerPeer: 16,
  connectionsMax: 512,
  connectionsPerPeerMax: 64,
  outboundConnectionsMax: 256,
  piecesInFlight: 128,
  announcementsPerMinute: 100_000,
  transactionsPerMinute: 120,
  providerEntriesMax: 300_000,
  providerEntriesPerPeerMax: 100_000,
  providerLifetimeMs: 3_600_000,
  connectTimeoutMs: 2_000,
  requestTimeoutMs: 5_000,
  stallTimeoutMs: 5_000,
  hedgeMinMs: 100,
  followTimeoutMs: 300,
  announceDelayMs: 50,
} as const satisfies DataPlaneOptions
