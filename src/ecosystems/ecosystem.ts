/**
 * The contract of an ecosystem: a folder that exports one value, free of effects (`1-house.md`, "An ecosystem"). The core
 * drives it and is blind to which one it is. `test/kit/ecosystem-suite.ts` holds every implementation to the same cases.
 */
import type { Algorithm, Digest } from '../base/digest.ts'
import type { Got, Headers, NativeReply, Need, Reason, Reference, Resolution, Want } from '../base/located.ts'
import type { Purl } from '../base/purl.ts'
import type { ShareLevel } from '../base/share.ts'

/** Where an ecosystem is served: below a path of the registry port, or on a port of its own. */
export type Mount =
  | { readonly kind: 'path'; readonly prefix: string }
  | { readonly kind: 'port'; readonly setting: string; readonly defaultPort: number }

/** What an ecosystem may see of a request. `path` is still percent-encoded, without query. Header names in lower case. */
export interface RequestView {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Headers
  /** Scheme, host and port under which the client reached this node, e.g. `http://127.0.0.1:4873`; one of a closed list. */
  readonly base: string
}

/** One row of the routing table. The first row that matches wins; a path that matches none is answered by `refuse`. */
export interface Route {
  readonly methods: readonly string[]
  /** Matched against the whole path below the mount; groups are still percent-encoded. */
  readonly pattern: RegExp
  /** @throws usage.request if a name or digest in it is malformed */
  want(groups: Readonly<Record<string, string>>, request: RequestView): Want
}

/** An upstream that the ecosystem knows by itself. */
export interface DefaultUpstream {
  readonly name: string
  /** Base URL; undefined: the user must give one before it is asked. */
  readonly url: string | undefined
  readonly share: ShareLevel
}

/** What the node tells `resolve`. */
export interface ResolveContext {
  /** Names of the configured upstreams. */
  readonly upstreams: readonly string[]
  /** For how long mutable pointers and indexes are fresh, seconds (a setting). */
  readonly freshSeconds: number
}

/** What `transform` made. */
export interface Transformed {
  readonly bytes: Uint8Array
  readonly mediaType: string
  /** Content-Encoding of `bytes`, if any. */
  readonly encoding: string | undefined
}

/** Facts for a transform. */
export interface TransformFacts {
  readonly mediaType: string
  readonly headers: Headers
}

/** One file of a lockfile. */
export interface LockedFile {
  readonly purl: Purl
  readonly digests: readonly Digest[]
  /** The request path that a client of this lockfile will use. */
  readonly requestPath: string
}

/** Reads a lockfile format. */
export interface LockfileReader {
  /** File names it reads. */
  readonly fileName: RegExp
  /** @throws usage.request */
  read(bytes: Uint8Array): LockedFile[]
}

/** One stock client: where its configuration is, the edit, and how to ask it where it goes. All pure; `clients/` does the I/O. */
export interface ClientSetup {
  /** What `pyrsia setup` calls it. */
  readonly name: string
  readonly title: string
  /** The program whose presence means that the client is installed. */
  readonly program: string
  /** Configuration files of this client for this user or project; `~`-free absolute paths made from `env`. Each is read and edited; one that `edit` leaves as it is, is not touched. The first is named in `find`. */
  files(env: ClientEnvironment): ClientFile[]
  /**
   * The text after pointing the client at this node. `undefined` text: the file does not exist; `undefined` result: it need not.
   * Idempotent; keeps comments, order and every other key.
   * @throws usage.config if the present text cannot be parsed
   */
  edit(text: string | undefined, target: ClientTarget, file: ClientFile): string | undefined
  /** The text with just our keys removed and those of `before` (the text that `edit` found) in their place, or undefined if nothing is left of the file. @throws usage.config */
  undo(text: string, target: ClientTarget, file: ClientFile, before: string | undefined): string | undefined
  /** The registries that the user's present configuration names, best first, to become this node's upstreams; this node itself may be among them. */
  upstreams(text: string, file: ClientFile): readonly ClientUpstream[]
  /** What the user must do after a change, e.g. restart a daemon. */
  readonly afterwards: string | undefined
}

/** A registry that a client's configuration names. */
export interface ClientUpstream {
  /** Name of the upstream that it stands for. */
  readonly name: string
  readonly url: string
}

/** What locating a client's configuration may depend on. */
export interface ClientEnvironment {
  readonly home: string
  readonly user: 'root' | 'user'
  readonly platform: string
  readonly variables: Readonly<Record<string, string>>
  /** Project directory for project-wide configuration, if asked for. */
  readonly project: string | undefined
}

/** A configuration file of a client. */
export interface ClientFile {
  readonly path: string
  /** Mode for a new file. */
  readonly mode: number
  readonly role: string
}

/** Where a client is to be pointed. */
export interface ClientTarget {
  /** Base URL of this ecosystem's mount, e.g. `http://127.0.0.1:7888` or `http://127.0.0.1:4873/`. */
  readonly url: string
  /** True if the ecosystem's upstream is the one that stock clients have by default. */
  readonly defaultUpstream: boolean
  /** What `upstreams` found before, without this node: kept behind it where the client can hold several. */
  readonly behind: readonly ClientUpstream[]
}

/** The contract. */
export interface Ecosystem {
  /** The purl type. */
  readonly id: string
  readonly mount: Mount
  /** One line per client that a person may try, with `{base}` for the mount's URL and `{program}` for our command. */
  readonly tryLines: readonly string[]
  readonly upstreams: readonly DefaultUpstream[]
  /** Aliases that its clients ask by, beside sha256. */
  readonly aliases: readonly Algorithm[]
  readonly routes: readonly Route[]
  readonly coordinates: {
    /** Native name and version, e.g. `@scope/name@1.0.0`, to a purl. @throws usage.purl */
    toPurl(text: string): Purl
    fromPurl(purl: Purl): string
  }
  /** A total order on native versions: negative, zero or positive. */
  compareVersions(a: string, b: string): number
  /** Asks by yielding, is answered by `next`; ends with what is wanted. Never throws for what upstream or a peer sent: malformed input ends as `absent` or `unavailable` with the reason. */
  resolve(want: Want, request: RequestView, context: ResolveContext): Generator<Need, Resolution, Got>
  /**
   * A short key out of a closed set: how this client wants a document (form, encoding, base URL). The empty key stands for
   * the document as upstream gave it: `transform` is not called for it.
   */
  variant(request: RequestView, want: Want): string
  /**
   * The document in the client's own format. Pure and synchronous; runs in a worker, once per body, variant and policy revision.
   * Also makes the views that `Need.view` names. @throws untrusted.reply if the document is malformed
   */
  transform(document: Uint8Array, facts: TransformFacts, variant: string): Transformed
  /** The reply by which this client's user sees why. */
  refuse(reason: Reason, request: RequestView): NativeReply
  /** What a file refers to: a manifest's children and blobs. Empty for files that refer to nothing. @throws untrusted.reply if malformed */
  references(file: { readonly bytes: Uint8Array; readonly mediaType: string | undefined }): Reference[]
  readonly lockfiles: readonly LockfileReader[]
  readonly clients: readonly ClientSetup[]
}
