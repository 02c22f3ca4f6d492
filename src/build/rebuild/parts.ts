/**
 * What a rebuild is made of: the parts that it is handed, and the registry as it was then, which `main/` makes of the node's own
 * routes and transforms. Types only; every step file takes what it needs of them.
 */
import type { Clock, Logger } from '../../base/clock.ts'
import type { Digest } from '../../base/digest.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import type { Got, Located, Need } from '../../base/located.ts'
import type { Purl } from '../../base/purl.ts'
import type { SourceCandidate } from '../../base/rebuild/build-plan.ts'
import type { Comparison, Ecosystem, ResolveContext } from '../../ecosystems/ecosystem.ts'
import type { LogReader } from '../../log/log.ts'
import type { JobLimits, RegistryReply, RegistryRequest, Sandbox } from '../../sandbox/sandbox.ts'
import type { Sources } from '../../sources/sources.ts'
import type { BlobInfo, Store } from '../../store/store.ts'

/** A file that the registry gave to a build. */
export interface RecordedFile {
  readonly purl: Purl | undefined
  /** The last part of its path. */
  readonly name: string
  readonly sha256: Hex32
  readonly sizeBytes: number
  /** A tool of the build, not a dependency that may get into the package. */
  readonly tool: boolean
  /** What the log said of it when the package was asked for: an outcome, or `none`. */
  readonly level: string
}

/** A file to be placed among the inputs of a job. */
export interface InputAsked {
  /** As a client would ask, below the mount. */
  readonly requestPath: string
  readonly digests: readonly Digest[]
  readonly asOfSeconds: number
  readonly tool: boolean
}

/** What became of an input. */
export type InputGiven =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array | AsyncIterable<Uint8Array> }
  | { readonly kind: 'nothing'; readonly reason: string }

/** The registry of one ecosystem for one job: everything it gives to the build is recorded. Documents come of upstream, never of peers. */
export interface RecordedRegistry {
  readonly context: ResolveContext
  /** Answers what `Rebuild.source` and `Witness.see` ask, as the registry is now. @throws aborted.caller */
  need(need: Need, signal: AbortSignal): Promise<Got>
  /** Answers a tool in the sandbox as the registry was at `asOfSeconds`. @throws aborted.caller, and what makes this machine unable to answer */
  answer(request: RegistryRequest, signal: AbortSignal): Promise<RegistryReply>
  /** @throws unavailable.upstream, untrusted.digest, aborted.caller */
  input(asked: InputAsked, signal: AbortSignal): Promise<InputGiven>
  /**
   * Has a file in the store, by digest; not recorded. Undefined if upstream does not have it. `anew`: from upstream, though it is kept here.
   * @throws unavailable.upstream, untrusted.digest, aborted.caller
   */
  fetch(located: Located, signal: AbortSignal, how?: { readonly anew: boolean }): Promise<BlobInfo | undefined>
  /** What was given so far, each file once, by name of the file and digest. */
  records(): readonly RecordedFile[]
  /** Why a build that used what was given must not count: a file that the log withdrew or knows with other bytes. */
  objection(): string | undefined
}

/** What was asked of the network, as the log has it. */
export interface Asked {
  readonly purl: Purl
  /** Index in the log of the request: what came later does not count for the build. */
  readonly index: number
  /** Consensus time, seconds since 1970. */
  readonly requestedAtSeconds: number
}

/** What was written by hand for a package, and reviewed. */
export interface Mapping {
  /** The file as it is: digested into the recipe. */
  readonly bytes: Uint8Array
  readonly reason: string
  /** Where the source is. */
  readonly source: (SourceCandidate & { readonly type: 'git' }) | undefined
  /** For the ecosystem's recipe. */
  readonly recipe: Readonly<Record<string, unknown>> | undefined
}

/** Compares a built file with upstream's, off the loop that serves. */
export interface ExamineJob {
  /** Id of the ecosystem. */
  readonly ecosystem: string
  readonly name: string
  /** Both are given away. */
  readonly built: Uint8Array
  readonly upstream: Uint8Array | undefined
  /** Of what was not built, only seen: it is read by this type, and compared with nothing. */
  readonly seenAs?: string | undefined
}

/** What an examination finds. */
export type Examined =
  | { readonly kind: 'read'; readonly canonical: Hex32; readonly comparison: Comparison | undefined }
  /** What was built is malformed. */
  | { readonly kind: 'malformed'; readonly reason: string }

/** What rebuilding is handed. */
export interface RebuildParts {
  readonly ecosystems: readonly Ecosystem[]
  readonly sandbox: Sandbox
  readonly sources: Sources
  readonly log: Pick<LogReader, 'find'>
  readonly store: Pick<Store, 'begin' | 'pin' | 'open'>
  readonly clock: Clock
  readonly logger: Logger
  /** What this builder brings of its own, e.g. an interpreter, with versions. */
  readonly toolchains: readonly string[]
  readonly limits: JobLimits
  openRegistry(ecosystem: Ecosystem, asked: Asked): RecordedRegistry
  /** What was written for a package; undefined: nothing. @throws usage.config for a file that cannot be read */
  mapping(purl: Purl, version: string): Mapping | undefined
  /** @throws exhausted.size, unavailable.timeout, aborted.caller */
  examine(job: ExamineJob, signal: AbortSignal): Promise<Examined>
  /** Told how far a job is. */
  progress(purl: Purl, stage: RebuildStage): void
}

/** How far a rebuild is. */
export type RebuildStage =
  | { readonly kind: 'looking' }
  | { readonly kind: 'source'; readonly from: string }
  | { readonly kind: 'step'; readonly name: string; readonly count: number }
  | { readonly kind: 'comparing'; readonly name: string }
  | { readonly kind: 'over' }
