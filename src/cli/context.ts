/** What commands are handed: where they print and how they reach the node. Made by `main/cli.ts`; types only. */
import type { AdvisoriesState } from '../advisories/advisories.ts'
import type { FileComparison } from '../archive/archive.ts'
import type { Network } from '../base/network/network.ts'
import type { RecipeRow } from '../base/rebuild/recipe-digest.ts'
import type { ByteStream } from '../base/streams.ts'
import type { DoctorReport } from '../clients/clients.ts'
import type { LogEntryView } from '../http/http.ts'
import type { AttestDoor } from './log/attest-view.ts'
import type { CeremonyDoor } from './log/ceremony-door.ts'
import type { ExplainReport, ExplainRequest } from './log/explain-view.ts'
import type { MembersDoor } from './log/members-view.ts'

/** A running node's API. Errors of the node come back as `AppError` with the node's own code. */
export interface NodeApi {
  readonly url: string
  /** @throws unavailable.node, and what the node answers */
  get<T>(path: string, query?: Readonly<Record<string, string | undefined>>): Promise<T>
  /** Carries the token. @throws unavailable.node, and what the node answers */
  change<T>(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    given?: { readonly body?: object; readonly query?: Readonly<Record<string, string | undefined>> },
  ): Promise<T>
  /** Like `change` with POST, but the reply is no JSON. @throws also unavailable.node while it streams, if the node breaks off */
  download(path: string, body: object): Promise<ByteStream>
  /** Like `change` with POST, but the body is no JSON. */
  upload<T>(path: string, bytes: ByteStream): Promise<T>
}

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean
  readonly data?: string
}

/** A setting as an option of `start`. */
export interface OptionRow {
  readonly name: string
  /** `MULTIADDR`; empty for a switch. */
  readonly placeholder: string
  readonly many: boolean
  readonly help: string
  /** What applies when it is not given. */
  readonly fallback: string
}

/** What `start` was called with, by setting name. */
export type StartFlags = Readonly<Record<string, string | readonly string[] | boolean | undefined>>

/** A client that `setup` knows. */
export interface ClientName {
  readonly name: string
  readonly title: string
}

/** What every command may use. */
export interface CliContext {
  readonly version: string
  /** Rows of the settings table, for the options of `start`. */
  readonly settings: readonly OptionRow[]
  readonly clients: readonly ClientName[]
  /** Package URLs that a help text may show: of packages that this node can serve. */
  readonly examplePurls: readonly string[]
  /** Prints on stdout. */
  out(text: string): void
  /** Prints on stderr. */
  err(text: string): void
  /** Shows a line in the place of the one before, or takes it away; only where somebody watches. */
  progress(line: string | undefined): void
  nowMs(): number
  monotonicMs(): number
  /** Waits. */
  sleep(ms: number): Promise<void>
  /** The node of this data directory (or of the default one). @throws unavailable.node if none runs there */
  connect(data: string | undefined): Promise<NodeApi>
  /** Runs a node until it is stopped; resolves with the exit code. */
  start(flags: StartFlags, json: boolean): Promise<number>
  /** Points stock clients at the node, or back. */
  setup(request: SetupRequest): Promise<SetupResult>
  /** Variables that point clients at the node, for a job that must not touch files. @throws usage.request */
  setupVariables(request: Pick<SetupRequest, 'clients' | 'data'>): Promise<Readonly<Record<string, string>>>
  /** Makes the node a service of the machine or of this user, or ends that. */
  service(request: ServiceRequest & { readonly action: 'install' | 'uninstall' }): Promise<ServiceResult>
  /** What stands in the place of a file that is no lockfile; undefined: the file itself. @throws usage.request, absent.lockfile, unavailable.timeout, aborted.caller */
  listed(request: ListRequest): Promise<ListOutcome>
  /** What `listed` runs, a sentence for each kind of file. */
  readonly listings: readonly string[]
  /** Examines node, machine and clients. */
  doctor(request: DoctorRequest): Promise<DoctorReport>
  /** Compares two files. @throws usage.request, aborted.caller */
  diff(request: DiffRequest): Promise<DiffReport>
  /** The recipes that builders of this Pyrsia follow, with what is written by hand in `mappings` (undefined: what comes with it). @throws usage.config */
  recipes(mappings: string | undefined): Promise<readonly RecipeRow[]>
  /** Imports an OSV database into a data directory. */
  osvImport(request: OsvImport): Promise<{
    readonly state: AdvisoriesState
    readonly taken: number
    readonly passedOver: number
  }>
  /** Which advisories a data directory holds. */
  osvState(data: string | undefined): Promise<AdvisoriesState>
  /** The trust network of a data directory; no node need run. */
  readonly networks: NetworkDoor
  /** Founding and joining networks; no node need run. */
  readonly ceremony: CeremonyDoor
  /** What builders signed, in files; no node need run. */
  readonly attestations: AttestDoor
  /** Explains a build from the log alone. @throws usage.request, absent.entry, absent.network, damaged.log, unavailable.node */
  explain(request: ExplainRequest): Promise<ExplainReport>
  /** Members, and votes for changing them. */
  readonly members: MembersDoor
}

/** What can be done with the trust network of a data directory. */
export interface NetworkDoor {
  /** Makes a solo network. @throws conflict.network, usage.network, usage.config */
  init(request: { readonly name: string | undefined; readonly data: string | undefined }): Promise<NetworkReport>
  /** Reads `file`, or the network of the data directory. @throws absent.network, usage.network, usage.key */
  show(request: { readonly file: string | undefined; readonly data: string | undefined }): Promise<NetworkReport>
  /** The public halves of the keys that lie in a data directory. @throws usage.config, damaged.identity */
  keys(data: string | undefined): Promise<KeysReport>
  /** Judges an artefact by a proof file and a pinned network. @throws untrusted.*, usage.network, absent.network, usage.request */
  verify(request: VerifyRequest): Promise<VerifyReport>
  /** Verifies the log of a data directory from its entries. @throws absent.network, usage.network, unavailable.storage */
  checkLog(data: string | undefined): Promise<LogCheckReport>
}

/** What `diff` is asked. */
export interface DiffRequest {
  readonly a: string
  readonly b: string
  /** How to read them: `zip`, `tar`, `layer` or `bytes`; undefined: as names and first bytes say. */
  readonly as: string | undefined
}

/** How two files relate. */
export interface DiffReport extends FileComparison {
  readonly a: string
  readonly b: string
  /** The format with its version. */
  readonly format: string
  readonly equal: boolean
  /** What is malformed, what rules changed, and the differences, in sentences; the files are called A and B. */
  readonly lines: readonly string[]
  /** Unified diffs of small texts. */
  readonly texts: readonly { readonly path: string; readonly diff: string }[]
}

/** What `verify` is asked. */
export interface VerifyRequest {
  /** The artefact; undefined: only what the proof says is judged. */
  readonly file: string | undefined
  readonly proof: string
  readonly purl: string | undefined
  /** A network.json; undefined: the data directory's. */
  readonly network: string | undefined
  readonly latest: boolean
  readonly data: string | undefined
}

/** A yes. */
export interface VerifyReport {
  readonly origin: string
  readonly solo: boolean
  readonly size: number
  /** Median time of the cosignatures that count, seconds since 1970. */
  readonly timeSeconds: number
  readonly cosigners: readonly { readonly organisation: string; readonly timeSeconds: number }[]
  readonly quorum: { readonly k: number; readonly of: number }
  readonly entries: readonly LogEntryView[]
  readonly subject: { readonly purl: string; readonly index: number; readonly says: string | undefined } | undefined
  /** Digests of the artefact that the log names. */
  readonly digests: readonly string[]
  /** Builders whose signed results are in the file, and were checked; undefined: none are. */
  readonly builders: readonly { readonly organisation: string; readonly stated: boolean }[] | undefined
  /** Organisations that signed the verification summary (VSA) in the file; undefined: there is none. */
  readonly summarisedBy?: readonly string[] | undefined
  /** The complete revocation list that the package is not on; undefined: the file carries none. */
  readonly notRevoked: { readonly index: number; readonly count: number; readonly asOfSeconds: number } | undefined
  /** What the yes does not say. */
  readonly remarks: readonly string[]
}

/** What a check of a whole log came to. */
export interface LogCheckReport {
  readonly directory: string
  readonly origin: string | undefined
  readonly size: number
  readonly entries: number
  readonly problems: readonly { readonly path: string; readonly problem: string }[]
}

/** A trust network, for people. */
export interface NetworkReport {
  /** Path of the file that it was read from, or written to. */
  readonly file: string
  readonly network: Network
  /** What is compared: `sha256:<hex>`. */
  readonly digest: string
  /** A network of one node alone. */
  readonly solo: boolean
  /** What is wrong, in sentences. */
  readonly notes: readonly string[]
}

/** Keys of a data directory; never a private one. */
export interface KeysReport {
  readonly keys: readonly {
    readonly role: string
    readonly file: string
    /** Base64 of 32 bytes; undefined: there is no such key. */
    readonly publicKey: string | undefined
    /** The verifier key, or the peer id, as others write it. */
    readonly text: string | undefined
    readonly does: string
    readonly lost: string
    readonly copied: string
  }[]
}

/** A file of `sync` for which the client's own tool may have to list what it wants. */
export interface ListRequest {
  /** `make`: the tool runs, and its list is kept; `reuse`: the kept list; `forget`: it is removed. */
  readonly action: 'make' | 'reuse' | 'forget'
  /** Absolute. */
  readonly path: string
  readonly text: string
  /** URLs of the node by the ids of ecosystems. */
  endpoints(): Promise<Readonly<Record<string, string>>>
  readonly data: string | undefined
  /** Called with the last line that the tool printed. */
  readonly onLine: (line: string) => void
}

/** The list, or undefined where the file itself is to be sent. */
export type ListOutcome = string | undefined

/** What `osv import` is asked to do. */
export interface OsvImport {
  /** Zip files, JSON records, or folders of them. */
  readonly paths: readonly string[]
  /** Keep what was imported before. */
  readonly add: boolean
  readonly data: string | undefined
}

/** What `service` is asked to do. */
export interface ServiceRequest {
  /** True: of the machine; false: of this user. */
  readonly system: boolean
  readonly data: string | undefined
}

/** What `service` did. */
export interface ServiceResult {
  /** Unit files that were written or removed. */
  readonly files: readonly string[]
  /** Commands that are left to the user, because systemd could not be told. */
  readonly left: readonly string[]
  /** Where the service has its data. */
  readonly data: string
}

/** What `doctor` is asked to do. */
export interface DoctorRequest {
  /** Names of clients; none: all. */
  readonly clients: readonly string[]
  /** Folder whose configuration counts, absolute or relative to the present one. */
  readonly project: string
  readonly data: string | undefined
}

/** What `setup` is asked to do. */
export interface SetupRequest {
  readonly clients: readonly string[]
  readonly undo: boolean
  readonly dryRun: boolean
  /** Folder whose own configuration is meant, absolute; undefined: the user's. */
  readonly project: string | undefined
  readonly data: string | undefined
}

/** What `setup` did, or with `dryRun` would do. */
export interface SetupResult {
  /** Files that change; the diff is empty where only the record of the setup does. */
  readonly changes: readonly { readonly path: string; readonly diff: string }[]
  /** What the user must do next. */
  readonly afterwards: readonly string[]
  /** What the user should know. */
  readonly notes: readonly string[]
}
