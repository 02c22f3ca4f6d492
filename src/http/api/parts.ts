/** What the API shows and changes: the parts of the node, as `main/wire.ts` hands them in. Types only. */
import type { Sync } from '../../keep/keep.ts'
import type { Peers } from '../../peers/peers.ts'
import type { Serve } from '../../serve/serve.ts'
import type { Store } from '../../store/store.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import type { SettingView } from '../http.ts'

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

/** What the API is handed. */
export interface ApiParts {
  readonly version: string
  readonly pid: number
  readonly data: string
  readonly offline: boolean
  /** Peers that the user gave to begin with. */
  readonly bootstrapCount: number
  readonly startedAtMs: number
  readonly store: Store
  readonly peers: Pick<Peers, 'state' | 'list'>
  readonly upstream: Pick<Upstream, 'states'>
  readonly serve: Pick<Serve, 'state' | 'why'>
  readonly sync: Sync
  readonly settings: SettingsDoor
  readonly endpoints: Readonly<Record<string, string>>
  readonly nowMs: () => number
}
