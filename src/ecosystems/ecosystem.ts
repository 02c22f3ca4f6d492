/**
 * The contract of an ecosystem: a folder that exports one value, free of effects (`1-house.md`, "An ecosystem"). The core
 * drives it and is blind to which one it is. `test/kit/ecosystem-suite.ts` holds every implementation to the same cases.
 */

import type { Format } from '../archive/archive.ts'
import type { Algorithm, Digest } from '../base/digest.ts'
import type { Level } from '../base/entries/result.ts'
import type {
  DocumentRequest,
  Got,
  Headers,
  Located,
  NativeReply,
  Need,
  Reason,
  Reference,
  Resolution,
  Want,
} from '../base/located.ts'
import type { Purl } from '../base/purl.ts'
import type {
  Confirmed,
  ListNeed,
  ReadNeed,
  Recipe,
  RecipeGot,
  SourceCandidate,
  SourceFound,
} from '../base/rebuild/build-plan.ts'
import type { UpstreamEvidence } from '../base/rebuild/upstream-evidence.ts'
import type { ShareLevel } from '../base/share.ts'

/**
 * Where an ecosystem is served: below a path of the registry port, or on a port of its own. `clientPath` is what stands behind
 * the origin in the base URL that clients are given (`ClientTarget.url`, `{base}`, endpoints): begins with a slash, ends
 * without. Absent: they are given the origin, and put the prefix there themselves.
 */
export type Mount =
  | { readonly kind: 'path'; readonly prefix: string; readonly clientPath?: string }
  | { readonly kind: 'port'; readonly setting: string; readonly defaultPort: number }

/** What an ecosystem may see of a request. `path` is still percent-encoded, without query. Header names in lower case. */
export interface RequestView {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Headers
  /** Scheme, host and port under which the client reached this node, e.g. `http://127.0.0.1:4873`; one of a closed list. */
  readonly base: string
  /** True where `variant` is asked while the policy may keep releases of this ecosystem from clients. */
  readonly hides?: boolean
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

/** What is passed on to upstream with a request of kind `relay`. */
export interface RelayBody {
  readonly headers: Headers
  readonly body: Uint8Array
}

/** What the node tells `resolve`. */
export interface ResolveContext {
  /** Names of the configured upstreams. */
  readonly upstreams: readonly string[]
  /** For how long mutable pointers and indexes are fresh, seconds (a setting). */
  readonly freshSeconds: number
  /** Base URL of a configured upstream: documents may state URLs relative to where they were read. Undefined: not configured. */
  readonly baseUrl?: (upstream: string) => string | undefined
  /** Verifies a Sigstore bundle that upstream serves with a file of these digests; given to `Rebuild.source`. @throws untrusted.attestation */
  readonly verifyAttestation?: (bundle: unknown, digests: readonly Digest[]) => UpstreamEvidence
}

/** What `transform` made. */
export interface Transformed {
  readonly bytes: Uint8Array
  readonly mediaType: string
  /** Content-Encoding of `bytes`, if any. */
  readonly encoding: string | undefined
  /** Reply headers that say something of just these bytes, kept with them; an `etag` among them takes the place of the core's own. */
  readonly headers?: Headers
}

/** Facts for a transform. */
export interface TransformFacts {
  readonly mediaType: string
  readonly headers: Headers
  /**
   * Releases that the policy keeps from clients; absent or empty: none, and always so for views. Leave them out of the client's
   * form, with every tag, file and "latest" that points at them (the next best takes its place), or, where the format has a
   * word for it that makes clients pass them over and print why (yanked), mark them with the reason. They are refused at the
   * file as well: a lockfile skips the index.
   */
  readonly hidden?: readonly HiddenRelease[]
}

/** A release that the policy keeps from clients, or that cannot be had while upstream cannot be asked. */
export interface HiddenRelease {
  /** In a list of many packages: which one, as `ReleasesView.packagesView` writes it. */
  readonly package?: string
  /** As the view of `Ecosystem.releases` writes it. */
  readonly version: string
  /** One sentence for the client's user; the same from one request to the next. */
  readonly reason: string
  /**
   * The files of the release that are hidden, by the digests that the view states of them; absent: all of them. Ecosystems whose
   * releases have one file each may pass over it.
   */
  readonly files?: readonly Digest[]
}

/** How the core learns which releases a package has and when they were published. */
export interface ReleasesView {
  /**
   * The key for which `transform` makes, of an index document of the package, what `formatReleases` of `base/releases.ts` writes.
   * Where it states the digests of the files, releases that cannot be had are hidden like those of the policy while upstream
   * cannot be asked.
   */
  readonly view: string
  /** False: the index never states times, so that a minimum age is applied only to files whose `releasedAtMs` is known. */
  readonly statesTimes: boolean
  /**
   * The key for which `transform` makes, of a document that lists releases of many packages (`Resolution.listsPackages`), lines
   * `<package> TAB <version> TAB <version> ...`, the package as `coordinates.toPurl` reads it. Absent: there is no such document.
   */
  readonly packagesView?: string
  /**
   * True: an index of which nothing is left is given nonetheless, because `transform` marks hidden releases with their reason or
   * because it is one page of several; else it is refused.
   */
  readonly marksHidden?: boolean
  /**
   * The index document of a package at this upstream, the very one that `resolve` asks for; asked for the release time of a file
   * that was located without it (a lockfile). Undefined: there is none.
   */
  index(purl: Purl, upstream: string, context: ResolveContext): DocumentRequest | undefined
}

/**
 * One thing that an install from a lockfile asks for: a file, or a document (an index page) that clients read beside the
 * files. `keep/sync` makes the request as a client would, keeps what the answer rests on, and proves that the node answers it
 * without upstream and peers.
 */
export interface LockedFile {
  readonly purl: Purl
  /**
   * What the lockfile says the bytes hash to; several of one function are alternatives; empty: it does not say. They are held
   * against the file that the request locates; for a document they are nothing but what `follow` may choose by.
   */
  readonly digests: readonly Digest[]
  /** The request path that a client of this lockfile will use, below the mount, as it stands in `RequestView.path`; a query may follow. */
  readonly requestPath: string
  /** Request headers, names in lower case, that its clients send and that take part in the answer: lock data, accept. */
  readonly headers?: Headers
  /** The answer names further files that are wanted too: `follow` is given its bytes, as clients get them (at most 64 MiB). */
  readonly leads?: true
}

/** What clients will most likely ask for after a file, as paths below the mount. */
export interface AheadPaths {
  /** To be had whole. */
  readonly files: readonly string[]
  /** Of which only what upstream states is worth having before anybody asks. */
  readonly statements: readonly string[]
}

/** Reads a lockfile format. */
export interface LockfileReader {
  /** File names it reads. */
  readonly fileName: RegExp
  /** @throws usage.request */
  read(bytes: Uint8Array): LockedFile[]
  /**
   * Present: the file itself names no files; the client's own tool, run through the node, fills an empty directory with what a
   * build of it asks for, and the paths of those files (one in each line, relative) are what `read` is given.
   */
  readonly listing?: LockfileListing
}

/** How a client's tool lists what a file that is no lockfile wants. Pure; `main/offline/` runs it. */
export interface LockfileListing {
  /** What is run, and what of the project's it loads: one sentence for `--help`. */
  readonly what: string
  /** The next program to run, or undefined when all have run. At most some: whoever runs them stops after ten. */
  next(place: ListingPlace): ListingRun | undefined
  /**
   * Further files that have a say in the list, by paths relative to the folder of a file with this text, and those of their
   * own in turn: a kept list counts only while none of them changed. A path may lead to no file.
   */
  beside(text: string): readonly string[]
}

/** What a listing goes by. */
export interface ListingPlace {
  /** Absolute path of the file. */
  readonly path: string
  readonly text: string
  /** Base URL of this ecosystem's mount, as `ClientTarget.url`. */
  readonly url: string
  /** A directory for this listing alone, absolute, removed afterwards. */
  readonly directory: string
  /** Programs that have run. */
  readonly doneCount: number
  /** Paths of the files that are listed so far, relative to `LISTED` in `directory`. */
  readonly listed: readonly string[]
  /** What the last program wrote into the file that its `output` names; empty if there is none. */
  readonly output: string
}

/** The folder in `ListingPlace.directory` whose files are listed. */
export const LISTED = 'listed'

/** A program to run in the folder of the file; it must end with 0. */
export interface ListingRun {
  readonly program: string
  readonly args: readonly string[]
  /** Files to write before, by paths relative to `ListingPlace.directory`. */
  readonly files: Readonly<Record<string, string>>
  /** A file that the program writes and that the next step is to read, by its path relative to `ListingPlace.directory`. */
  readonly output?: string
  /** Files that the program is to find in `LISTED` and that are not listed, by their paths there. */
  readonly standIns?: Readonly<Record<string, string>>
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
  /** What the user must do after a change, be it setup or its undo, e.g. restart a daemon. */
  readonly afterwards: string | undefined
  /** What of a client that is pointed here goes past this node all the same, because this node's address would get into a lockfile; said by `setup` and `doctor`. */
  readonly past?: string
  /** Environment variables that point the client at this node without any file, for a CI job. Absent: it has none. */
  variables?(target: ClientTarget): Readonly<Record<string, string>>
  /** How `pyrsia doctor` examines it. Absent: nothing but its files is looked at. */
  readonly doctor?: ClientDoctor
}

/** How to find out where a client really goes. All pure: `clients/doctor/` reads the files and runs the programs. */
export interface ClientDoctor {
  /** Files beside `ClientSetup.files` that say where it goes, the project's (`env.project`) among them. */
  files(env: ClientEnvironment): ClientFile[]
  /** What goes past this node. @throws usage.config for a file that cannot be parsed */
  leaks(view: ClientView): ClientLeak[]
  /** Arguments with which the client itself says where it goes, and the URLs in what it prints; absent: it has no such command. */
  readonly where?: {
    /** Instead of `ClientSetup.program`. */
    readonly program?: string
    readonly args: readonly string[]
    read(stdout: string): string[]
  }
  /** Arguments with which it asks its registry for something small, cache left aside; absent: nothing small can be asked. */
  readonly ask?: readonly string[]
  /** A command that gets past this node in an emergency, changing nothing. */
  readonly bypass: string
}

/** What a client goes by. */
export interface ClientView {
  /** Base URL of this node's mount, as `ClientTarget.url`. */
  readonly url: string
  /** The files that exist, the client's own first. */
  readonly files: ReadonlyArray<{ readonly file: ClientFile; readonly text: string }>
  readonly variables: Readonly<Record<string, string>>
}

/** Something by which a client asks others than this node. */
export interface ClientLeak {
  /** True: the registry itself is another; false: beside this node, others are asked too. */
  readonly replaces: boolean
  /** The file or environment variable. */
  readonly where: string
  /** What stands there; a URL without password. */
  readonly found: string
  /** What to do; a command where one does it. */
  readonly mend: string
}

/** A leak that an environment variable makes. */
export function variableLeak(name: string, value: string, replaces: boolean): ClientLeak {
  return {
    replaces,
    where: `the environment variable ${name}`,
    found: withoutPasswords(value),
    mend: `unset ${name}`,
  }
}

/** `text` without the passwords of URLs in it. */
export function withoutPasswords(text: string): string {
  return text.replace(/(:\/\/)[^\s/@]*@/g, '$1***@')
}

/** True if `url` leads to the mount at `base`, however slashes end it. */
export function leadsTo(url: string, base: string): boolean {
  const bare = (text: string) => text.trim().replace(/\/+$/, '')
  return bare(url) === bare(base) || bare(url).startsWith(`${bare(base)}/`)
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
  /** Base URL of this ecosystem's mount, without trailing slash: the origin, with the mount's `clientPath` if it has one. */
  readonly url: string
  /** True if the ecosystem's upstream is the one that stock clients have by default. */
  readonly defaultUpstream: boolean
  /** What `upstreams` found before, without this node: kept behind it where the client can hold several. */
  readonly behind: readonly ClientUpstream[]
}

/** What stands behind the origin in the base URL that clients are given. */
export function clientPathOf(mount: Mount): string {
  return mount.kind === 'path' ? (mount.clientPath ?? '') : ''
}

/** The order by which ranges of versions are read. */
export function precedenceOf(
  ecosystem: Pick<Ecosystem, 'compareVersions' | 'precedence'>,
): Ecosystem['compareVersions'] {
  return (a, b) => ecosystem.precedence?.(a, b) ?? ecosystem.compareVersions(a, b)
}

/** The contract. */
export interface Ecosystem {
  /** The purl type. */
  readonly id: string
  /** What OSV calls it (`affected[].package.ecosystem` of an advisory, without what follows a colon); absent: OSV does not know it. */
  readonly osvName?: string
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
    /** A name in a rule, in which `*` stands for any text, as `fromPurl` spells names. Absent: as it is. */
    namePattern?(text: string): string
  }
  /** A total order on native versions: negative, zero or positive. */
  compareVersions(a: string, b: string): number
  /**
   * The same order, in which versions are equal that mean the same although their texts differ (`1.0` and `1.0.0`): rules and
   * advisories are read by it. Absent: only equal texts mean the same.
   */
  precedence?(a: string, b: string): number
  /** Asks by yielding, is answered by `next`; ends with what is wanted. Never throws for what upstream or a peer sent: malformed input ends as `absent` or `unavailable` with the reason. */
  resolve(want: Want, request: RequestView, context: ResolveContext): Generator<Need, Resolution, Got>
  /**
   * A short key out of a closed set: how this client wants a document (form, encoding, base URL). The empty key stands for
   * the document as upstream gave it: `transform` is not called for it.
   */
  variant(request: RequestView, want: Want): string
  /**
   * The package that a want is about, as far as the request alone tells, with the version if it names one; undefined if it is
   * about none (a search). The policy is asked about it before anything is asked of anybody: blocked packages and private names
   * end here, so return it for every want that carries a name (documents, files, signatures), with the name in canonical form.
   */
  subject?(want: Want): Purl | undefined
  /**
   * Further packages that a want may be about, where its path can be read in more than one way. An upstream that must not be
   * asked for one of them is not asked at all: a private name would be told with the path. Where `subject` is undefined, a
   * denial of any of them is one of the want. Absent: none.
   */
  readings?(want: Want): readonly Purl[]
  /** Absent: releases are refused at their files only, and a minimum age is not applied. */
  readonly releases?: ReleasesView
  /**
   * A body that is passed on to upstream, without the packages that must not be named to it; asked only where the policy keeps
   * names private. Absent: bodies name no packages. @throws usage.request if it cannot be read: it is not passed on then
   */
  relayBody?(sent: RelayBody, mayName: (purl: Purl) => boolean): RelayBody
  /** Headers beside a successful reply by which this client shows its user one line of text; absent: it has no way. */
  notice?(text: string, request: RequestView): Headers
  /**
   * The document in the client's own format. Pure and synchronous; runs in a worker, once per body, variant and set of hidden
   * releases (with some hidden, also for the empty key). Also makes the views that `Need.view` and `releases.view` name. @throws untrusted.reply if the document is malformed
   */
  transform(document: Uint8Array, facts: TransformFacts, variant: string): Transformed
  /** The reply by which this client's user sees why. */
  refuse(reason: Reason, request: RequestView): NativeReply
  /** What a file refers to: a manifest's children and blobs. Empty for files that refer to nothing. @throws untrusted.reply if malformed */
  references(file: { readonly bytes: Uint8Array; readonly mediaType: string | undefined }): Reference[]
  /** What clients ask for after the file at this path below the mount, which `leads`. @throws untrusted.reply if it is malformed */
  ahead?(path: string, bytes: Uint8Array): AheadPaths
  readonly lockfiles: readonly LockfileReader[]
  /**
   * What is wanted beside a file or document that `leads`: an image's manifest for `platform` and its layers, the files of an
   * index page that a requirement's hashes name. `platform` is `os/architecture`, e.g. `linux/amd64`. Each may lead on.
   * @throws untrusted.reply if the bytes are malformed; absent.document if they do not have what is wanted
   */
  follow?(
    file: LockedFile,
    reply: { readonly bytes: Uint8Array; readonly mediaType: string },
    platform: string,
  ): LockedFile[]
  readonly clients: readonly ClientSetup[]
  /** How a file of this name is read strictly and compared; undefined: it is none of this ecosystem. Absent: none is. */
  readonly formatOf?: (fileName: string) => Format | undefined
  /** How releases are rebuilt from source; absent: they are not. */
  readonly rebuild?: Rebuild
  /** How a release is only witnessed: what the registry gives for it, seen by several; absent: it is not. */
  readonly witness?: Witness
}

/** Rebuilding releases. 2-trust.md, "Sandbox" and "Canonical forms". */
export interface Rebuild {
  /** What the registry says of a release, and where its source may be. Asks as `resolve` does. */
  source(purl: Purl, context: ResolveContext): Generator<Need, SourceFound, Got>
  /** Whether a tree is this release's: its manifest names package and version. */
  confirm(purl: Purl, candidate: SourceCandidate): Generator<ReadNeed | ListNeed, Confirmed, RecipeGot>
  readonly recipe: Recipe
  /** Compares what was built with what the registry has under that name. Pure; runs in a worker. */
  compare(name: string, built: Uint8Array, upstream: Uint8Array): Comparison
  /** SHA-256 of the canonical form, hex. @throws untrusted.archive if the file is malformed */
  canonicalDigest(name: string, bytes: Uint8Array): string
}

/** How two files relate. */
export interface Comparison {
  readonly level: Level
  /** The format rules that fired, by name and version. */
  readonly rules: readonly string[]
  /** For people: what differs, at most 100 lines. */
  readonly differences: readonly string[]
}

/** Witnessing a release. */
export interface Witness {
  /** Asks as `resolve` does, for documents and blobs; ends with everything that the registry gives for it. */
  see(purl: Purl, context: ResolveContext): Generator<Need, Seen, Got>
  /** Reads a file strictly. Pure; runs in a worker. @throws untrusted.archive, exhausted.size */
  check(mediaType: string | undefined, bytes: Uint8Array): void
}

/** How witnessing ends. */
export type Seen =
  | { readonly kind: 'seen'; readonly tag: boolean; readonly files: readonly Located[] }
  | { readonly kind: 'malformed'; readonly reason: Reason }
  | { readonly kind: 'absent'; readonly reason: Reason }
  | { readonly kind: 'unavailable'; readonly reason: Reason }
