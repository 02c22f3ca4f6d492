/**
 * What the API shows and changes: the parts of the node it is handed by `main/wire.ts`, and the shapes of its replies. The CLI
 * and the console import the shapes. Types only.
 */
import type { Peers, PeersState } from '../../peers/peers.ts'
import type { Store, StoreUsage } from '../../store/store.ts'
import type { Upstream, UpstreamState } from '../../upstream/upstream.ts'

/** A setting as `config --show` prints it; secrets are never among them. */
export interface SettingView {
  readonly name: string
  readonly value: string
  readonly source: 'flag' | 'environment' | 'file' | 'default'
}

/** What `config edit` may change; takes effect at the next start. */
export interface SettingChanges {
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** A size such as `10GB`. */
  readonly diskspace?: string | undefined
}

/** The node's settings and the file that keeps changes. */
export interface SettingsDoor {
  readonly path: string
  show(): readonly SettingView[]
  /** Writes the file, whole or not at all. @throws usage.config */
  edit(changes: SettingChanges): Promise<void>
  /** Takes the keys that `edit` writes out of the file. @throws usage.config */
  remove(): Promise<void>
}

/** A transfer that clients are waiting for. */
export interface TransferView {
  readonly label: string
  readonly receivedBytes: number
  readonly totalBytes: number | undefined
  readonly source: string
}

/** Bytes and answers by where they came from. */
export interface SourceCount {
  readonly source: string
  readonly hits: number
  readonly bytes: number
}

/** What the read flow is doing. */
export interface TrafficView {
  readonly transfers: readonly TransferView[]
  readonly sources: readonly SourceCount[]
}

/** `GET /api/status`. */
export interface StatusView {
  readonly version: string
  readonly pid: number
  readonly startedAtMs: number
  readonly uptimeSeconds: number
  readonly data: string
  readonly offline: boolean
  readonly endpoints: Readonly<Record<string, string>>
  readonly peers: PeersState
  readonly upstreams: readonly UpstreamState[]
  readonly store: StoreUsage
  readonly traffic: TrafficView
  /** Sentences about what does not work and what that means. */
  readonly notes: readonly string[]
}

/** `GET /api/ping`. */
export interface PingView {
  readonly name: 'pyrsia'
  readonly version: string
  readonly pid: number
}

/** What the API is handed. */
export interface ApiParts {
  readonly version: string
  readonly pid: number
  readonly data: string
  readonly offline: boolean
  readonly startedAtMs: number
  readonly store: Store
  readonly peers: Pick<Peers, 'state' | 'list'>
  readonly upstream: Pick<Upstream, 'states'>
  readonly settings: SettingsDoor
  readonly traffic: () => TrafficView
  readonly endpoints: () => Readonly<Record<string, string>>
  readonly nowMs: () => number
}
