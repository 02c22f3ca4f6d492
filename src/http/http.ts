/**
 * The shapes of the API's replies: what the CLI and the console import of `http/`. Interface file; the operations are in
 * `api/routes.ts`. Types only; every value is plain JSON.
 */
import type { AdvisoriesState } from '../advisories/advisories.ts'
import type { Json } from '../base/crypto/canonical-json.ts'
import type { BlobId } from '../base/digest.ts'
import type { Network } from '../base/network/network.ts'
import type { Purl } from '../base/purl.ts'
import type { SubmissionView } from '../build/build.ts'
import type { ImportedBundle, SyncedFile } from '../keep/keep.ts'
import type { PeerInfo, PeersState } from '../peers/peers.ts'
import type { PolicyException, VerdictFile, VerdictStatus } from '../policy/policy.ts'
import type { ReleaseConflict, ServeState, WhyFact } from '../serve/serve.ts'
import type { BlobInfo, StoreUsage } from '../store/store.ts'
import type { UpstreamState } from '../upstream/upstream.ts'

/** `GET /api/ping`. */
export interface PingView {
  readonly name: 'pyrsia'
  readonly version: string
  readonly pid: number
}

/** `GET /api/status`. */
export interface StatusView {
  readonly version: string
  readonly pid: number
  readonly startedAtMs: number
  readonly uptimeSeconds: number
  /** The data directory. */
  readonly data: string
  readonly offline: boolean
  /** URLs by `api` and the ids of the ecosystems. */
  readonly endpoints: Readonly<Record<string, string>>
  readonly peers: PeersState
  readonly upstreams: readonly UpstreamState[]
  readonly store: StoreUsage
  readonly traffic: ServeState
  /** The log of the node's trust network. */
  readonly log: LogView
  /** What this node itself is building. */
  readonly builds: readonly UnderWayView[]
  /** Sentences about what does not work and what that means. */
  readonly notes: readonly string[]
}

/** A build under way on this node. */
export interface UnderWayView {
  readonly purl: string
  /** What it is doing, for people. */
  readonly doing: string
  readonly sinceMs: number
}

/** The log of the node's trust network, and how far it is followed. */
export interface LogView {
  readonly origin: string
  /** The node's own network, of one: nobody else vouches for it. */
  readonly solo: boolean
  /** `full`: every entry is kept here. */
  readonly mode: 'full' | 'light'
  /** This node alone signs the log. */
  readonly writes: boolean
  /** The newest checkpoint that was signed or accepted; undefined: none yet. */
  readonly checkpoint:
    | {
        /** Entries. */
        readonly size: number
        /** Base64. */
        readonly root: string
        /** Names of the cosigners' keys. */
        readonly cosigners: readonly string[]
        /** Since the median of the authorities' times; undefined if none of them cosigned. */
        readonly ageSeconds?: number
      }
    | undefined
  readonly quorum: { readonly k: number; readonly of: number }
  /** Checkpoints that lack cosignatures as yet. */
  readonly pendingCount: number
  /** Evidence of split views, one sentence each. */
  readonly evidence: readonly string[]
  /** True at a split view with a quorum on both sides: nothing newer is accepted until a person has settled it. */
  readonly stopped: boolean
  /** Origins that this node cosigns as a witness. */
  readonly witnessed: readonly string[]
  /** What is wrong, in sentences. */
  readonly notes: readonly string[]
}

/** `GET /api/peers`. */
export interface PeersView {
  readonly peers: readonly PeerInfo[]
}

/** A setting as `config --show` prints it; secrets are never among them. */
export interface SettingView {
  readonly name: string
  readonly value: string
  readonly source: 'flag' | 'environment' | 'file' | 'default'
}

/** `GET /api/config`. */
export interface ConfigView {
  /** Path of the configuration file. */
  readonly file: string
  readonly settings: readonly SettingView[]
}

/** `PUT` and `DELETE /api/config`. */
export interface ConfigChanged {
  readonly file: string
  /** The change is in force from the next start on. */
  readonly restart: true
}

/** `GET /api/cache`. */
export interface CacheView {
  readonly usage: StoreUsage
  readonly blobs: readonly BlobInfo[]
  /** `after` of the next page; absent on the last one. */
  readonly next?: BlobId | undefined
}

/** What pinning, unpinning and removing touched. */
export interface BlobsView {
  readonly ids: readonly BlobId[]
}

/** `GET /api/why`. */
export interface WhyView {
  readonly purl: Purl
  readonly served: readonly WhyFact[]
  /** What the transparency log says; absent: this node has no log. */
  readonly log?: LogAboutView | undefined
}

/** The newest checkpoint of the log, and what it is worth. */
export interface LogCheckpointView {
  readonly origin: string
  /** The trust network's name. */
  readonly network: string
  /** A network of this node alone. */
  readonly solo: boolean
  readonly mode: 'full' | 'light'
  readonly size: number
  /** Base64 of 32 bytes; absent before the first checkpoint. */
  readonly root?: string | undefined
  /** The signed note. */
  readonly note?: string | undefined
  readonly cosignatures: readonly { readonly name: string; readonly timeSeconds: number }[]
  readonly quorum: { readonly k: number; readonly of: number }
  /** Median time of the cosignatures, seconds since 1970. */
  readonly timeSeconds?: number | undefined
  /** Why it does not count as the latest; absent: it does. */
  readonly stale?: string | undefined
  /** What is wrong with the network or its keys, in sentences. */
  readonly notes: readonly string[]
}

/** An entry of the log. */
export interface LogEntryView {
  readonly index: number
  /** The entry's own JSON; of a kind that this version does not know it is shown all the same. */
  readonly entry: Json
}

/** `GET /api/log/entries` and `GET /api/log/find`. */
export interface LogEntriesView {
  readonly origin: string
  /** Size of the log. */
  readonly size: number
  readonly entries: readonly LogEntryView[]
}

/** `GET /api/log/proof`. */
export interface LogProofView {
  /** Size of the log for which it holds. */
  readonly size: number
  /** Indexes of the entries that it proves. */
  readonly indexes: readonly number[]
  /** The proof file, whole. */
  readonly proof: string
}

/** `GET /api/log/members`. */
export interface NetworkView {
  readonly network: Network
  /** `sha256:<hex>` of `network.json`, which people compare. */
  readonly digest: string
}

/** What the log says of a package. */
export interface LogAboutView {
  readonly checkpoint: LogCheckpointView
  /** Verdicts, disputes, revocations and whatever else is about it, newest first, at most 32. */
  readonly entries: readonly LogEntryView[]
}

/** What was asked of the trust network here, and what was doubted. */
export type { DoubtView, Ordered as OrderedView, SubmissionView } from '../build/build.ts'

/** `GET /api/builds`. */
export interface SubmissionsView {
  /** Newest first. */
  readonly submissions: readonly Pick<SubmissionView, 'id' | 'purl' | 'submittedSeconds'>[]
}

/** `GET /api/syncs`. */
export interface SyncListView {
  readonly synced: readonly SyncedFile[]
}

/** `GET /api/bundles`. */
export interface BundlesView {
  readonly imported: readonly ImportedBundle[]
}

/** What runs over lockfiles, their removal, and imports answer. */
export type { ImportedBundle, SyncedFile, SyncJob } from '../keep/keep.ts'

/** `GET /api/policy`. */
export interface PolicyView {
  /** Path of the policy file. */
  readonly file: string
  /** False: there is none, and everything is allowed. */
  readonly present: boolean
  /** When the rules in force were read, milliseconds since 1970. */
  readonly readAtMs: number
  /** Set if the file was to be read again since and could not be: the rules in force are those from before. */
  readonly broken?: { readonly reason: string; readonly atMs: number }
  readonly default: 'allow' | 'deny'
  readonly rules: ReadonlyArray<{ readonly title: string; readonly text: string }>
  /** Exceptions that were made, ended ones too, newest first, at most 200. */
  readonly exceptions: readonly PolicyException[]
  readonly advisories: AdvisoriesState
  /** Released files for which upstream states another digest than before, the latest first, at most 100. */
  readonly conflicts: readonly ReleaseConflict[]
  /** What the rules ask for and cannot get. */
  readonly remarks: readonly string[]
}

/** `GET /api/policy/check`. */
export interface PolicyCheckView {
  readonly purl: Purl
  readonly allowed: boolean
  /** Why it is denied, or what its user is told although it is allowed. */
  readonly notes: readonly string[]
  /** The exception but for which it would be denied. */
  readonly exception?: PolicyException
}

/** `POST /api/audit`. */
export interface AuditView {
  /** The log that was asked. */
  readonly origin: string
  /** Its entries as far as it is followed. */
  readonly size: number
  /** When its newest checkpoint was cosigned, seconds since 1970. */
  readonly asOfSeconds: number | undefined
  /** Why that does not count as the latest; undefined: it does. */
  readonly stale: string | undefined
  /** Path of the lockfile; undefined: everything that the node has served. */
  readonly lockfile: string | undefined
  readonly rows: readonly AuditRow[]
}

/** What the log says of one release. */
export interface AuditRow {
  readonly purl: Purl
  /** `none`: nothing. */
  readonly status: VerdictStatus | 'none'
  /** How that speaks of its file. */
  readonly file: VerdictFile | undefined
  /** How equal the built bytes are to upstream's. */
  readonly level: string | undefined
  /** For people: the entry, and what it says. */
  readonly says: string | undefined
  /** Index of the entry. */
  readonly index: number | undefined
  /** When it was logged, seconds since 1970. */
  readonly atSeconds: number | undefined
  /** Files of the release that were asked about. */
  readonly files: number
  /** Of those, how many this node's policy would give out. */
  readonly given: number
  /** Why the first of the others would be refused. */
  readonly refusal: string | undefined
  /** When this node first gave it out, milliseconds since 1970; undefined: it did not, or does not remember. */
  readonly servedAtMs: number | undefined
  /** True: it was withdrawn after this node had given it out. */
  readonly withdrawnAfter: boolean
  /** What went into its build and was withdrawn since. */
  readonly withdrawnDependencies: readonly { readonly purl: string; readonly name: string; readonly reason: string }[]
}
