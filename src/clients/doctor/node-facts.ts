/** What is known of the node that is examined. Types only. */
import type { PeersState } from '../../peers/peers.ts'
import type { StoreUsage } from '../../store/store.ts'
import type { UpstreamState } from '../../upstream/upstream.ts'

/** What a running node says of itself. */
export interface RunningFacts {
  readonly version: string
  readonly offline: boolean
  readonly peers: Pick<PeersState, 'connected' | 'known'>
  readonly upstreams: ReadonlyArray<Pick<UpstreamState, 'name' | 'url' | 'reachable' | 'breaker' | 'lastError'>>
  readonly store: Pick<StoreUsage, 'bytes' | 'limitBytes' | 'pinnedBytes' | 'damaged'>
}

/** A port on which the node listens when it is started. */
export interface NodePort {
  /** The setting that changes it, e.g. `--port`. */
  readonly setting: string
  readonly host: string
  readonly port: number
}

/** The node, running or not. */
export interface NodeFacts {
  /** Undefined: it does not answer. */
  readonly running: RunningFacts | undefined
  /** Why it does not answer. */
  readonly why: string | undefined
  readonly data: string
  /** By ecosystem id: from the running node, else from its configuration; absent where the port is free to choose. */
  readonly endpoints: Readonly<Record<string, string>>
  /** As configured: it is to build packages. */
  readonly builder: boolean
  /** As configured. */
  readonly ports: readonly NodePort[]
}
