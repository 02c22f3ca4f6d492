/** A plan of what `setup` would do: made by `plan-setup.ts` and `plan-undo.ts`, carried out by `clients.ts`. */
import type { ClientSetup, ClientUpstream } from '../ecosystems/ecosystem.ts'
import type { SetupRecord } from './record.ts'

/** A client and the ecosystem that it belongs to. */
export interface KnownClient {
  readonly ecosystem: string
  readonly setup: ClientSetup
}

/** Where the clients of one ecosystem are to be pointed. */
export interface SetupTarget {
  /** Base URL of the ecosystem's mount as clients reach it. */
  readonly url: string
  /** True if nobody configured another upstream than the default for it. */
  readonly defaultUpstream: boolean
}

/** One file of a plan. */
export interface PlannedChange {
  readonly path: string
  /** What it held when the plan was made; undefined: it did not exist. */
  readonly before: Uint8Array | undefined
  /** What it will hold; undefined: it will not exist. */
  readonly after: Uint8Array | undefined
  /** Unified diff; empty if only the record changes. */
  readonly diff: string
  /** Mode for a new file. */
  readonly mode: number
  /** What to remember; undefined: nothing any more. */
  readonly record: SetupRecord | undefined
  /** Folders to remove with the file, if they are empty, deepest first. */
  readonly folders: readonly string[]
}

/** What would be done. */
export interface SetupPlan {
  readonly direction: 'setup' | 'undo'
  readonly changes: readonly PlannedChange[]
  /** Registries that the clients used until now: to become this node's upstreams, shared with nobody. */
  readonly upstreams: readonly (ClientUpstream & { readonly ecosystem: string; readonly client: string })[]
  /** What the user must do afterwards, per client. */
  readonly afterwards: readonly string[]
  /** What the user should know. */
  readonly notes: readonly string[]
}
