/** What the API shows and changes: the parts of the node, as `main/wire.ts` hands them in. Types only. */
import type { Purl } from '../../base/purl.ts'
import type { Bundles, Sync } from '../../keep/keep.ts'
import type { Peers } from '../../peers/peers.ts'
import type { PolicyException } from '../../policy/policy.ts'
import type { Serve } from '../../serve/serve.ts'
import type { Store } from '../../store/store.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import type {
  AuditView,
  DoubtView,
  LogAboutView,
  LogCheckpointView,
  LogEntriesView,
  LogProofView,
  LogView,
  NetworkView,
  OrderedView,
  PolicyCheckView,
  PolicyView,
  SettingView,
  SubmissionsView,
  SubmissionView,
  UnderWayView,
} from '../http.ts'

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

/** A query of the OSV API (`POST /v1/query`); what stands beside these fields is passed over. */
export interface OsvQuery {
  readonly version?: string | undefined
  readonly package?:
    | {
        readonly name?: string | undefined
        readonly ecosystem?: string | undefined
        readonly purl?: string | undefined
      }
    | undefined
}

/** The node's policy: what it says, and the exceptions from it. */
export interface PolicyDoor {
  view(): PolicyView
  /** Reads the policy file again; the rules from before stay where it cannot be read. @throws usage.config */
  reload(): Promise<PolicyView>
  /** @throws usage.purl */
  check(purl: string, signal: AbortSignal): Promise<PolicyCheckView>
  /** Records an exception. @throws usage.purl, usage.request if it does not end soon enough, exhausted.queue */
  allow(exception: { readonly purl: string; readonly untilMs: number; readonly reason: string }): PolicyException
  /** Known vulnerabilities as the OSV API gives them. @throws usage.request */
  vulnerabilities(query: OsvQuery): ReadonlyArray<Readonly<Record<string, unknown>>>
}

/** What is asked of the log. */
export interface LogQuestion {
  readonly purl?: string | undefined
  /** An ecosystem's id and coordinates as its users write them, in the place of `purl`. */
  readonly ecosystem?: string | undefined
  readonly coordinates?: string | undefined
  readonly latest?: boolean | undefined
}

/** The node's transparency log. */
export interface LogDoor {
  checkpoint(): LogCheckpointView
  /** Entries of index `from` up to `to` (not included). @throws damaged.log */
  entries(from: number, to: number, signal: AbortSignal): Promise<LogEntriesView>
  /** Entries on a package, newest first. @throws usage.purl, usage.request, damaged.log */
  find(question: LogQuestion, signal: AbortSignal): Promise<LogEntriesView>
  /** The trust network and its members. */
  network(): NetworkView
  /** The proof of what the log says of a package, or of one entry. @throws usage.purl, absent.entry, damaged.log */
  proof(of: { readonly purl: string } | { readonly index: number }, signal: AbortSignal): Promise<LogProofView>
  /** @throws damaged.log */
  about(purl: Purl, signal: AbortSignal): Promise<LogAboutView>
}

/** What the log says of many packages at once. */
export interface AuditDoor {
  /** Of what a lockfile names, or without one of everything that was served. @throws usage.request, exhausted.size, damaged.log, aborted.caller */
  audit(
    of: { readonly path?: string | undefined; readonly text?: string | undefined },
    signal: AbortSignal,
  ): Promise<AuditView>
}

/** Asking the trust network for packages, and doubting what it said. */
export interface BuildDoor {
  /** What is wrong with this node's own part in the network, for a person, worst first; empty if nothing. */
  notes(): readonly string[]
  /** What this node itself is building. */
  underWay(): readonly UnderWayView[]
  /** @throws usage.purl, usage.request, exhausted.queue, damaged.log */
  submit(question: Omit<LogQuestion, 'latest'>, signal: AbortSignal): Promise<SubmissionView>
  /** @throws absent.submission, damaged.log */
  status(id: string, signal: AbortSignal): Promise<SubmissionView>
  list(): SubmissionsView
  /** Has a signed transaction (canonical JSON) ordered. @throws usage.transaction, unavailable.peer, exhausted.quota, exhausted.queue */
  order(transaction: Uint8Array, signal: AbortSignal): Promise<OrderedView>
  /** @throws usage.purl, absent.entry, denied.network, unavailable.peer */
  dispute(about: { readonly purl: string; readonly reason: string }, signal: AbortSignal): Promise<DoubtView>
  /** @throws usage.purl, denied.network, unavailable.peer */
  revoke(
    about: { readonly purl: string; readonly digests: readonly string[]; readonly reason: string },
    signal: AbortSignal,
  ): Promise<DoubtView>
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
  readonly log: { view(): LogView }
  readonly sync: Sync
  readonly bundles: Bundles
  readonly settings: SettingsDoor
  readonly policy: PolicyDoor
  /** The log's entries and their proofs. */
  readonly logDoor: LogDoor
  /** Builds by the trust network. */
  readonly builds: BuildDoor
  readonly audit: AuditDoor
  readonly endpoints: Readonly<Record<string, string>>
  readonly nowMs: () => number
}
