/**
 * What a rebuild is made of: where a release's source is said to be, what runs in the sandbox, and how a recipe asks for it. A recipe
 * is free of effects: it asks, and is answered by `build/`, which fetches, runs and records. 2-trust.md, "Sandbox" and "Agreement".
 */
import type { Digest } from '../digest.ts'
import type { Located, Reason } from '../located.ts'
import type { Purl } from '../purl.ts'

/** How sure it is that this is the source, best first: upstream's attestation, upstream's own metadata, a reviewed override, a tag that fits. */
export type SourceGrade = 'attested' | 'stated' | 'override' | 'guessed'

/** Where a release's source may be. */
export type SourceCandidate = {
  readonly grade: SourceGrade
  /** For people: which document, field or rule said so. */
  readonly how: string
} & (
  | {
      readonly type: 'git'
      /** An https URL. */
      readonly repository: string
      /** A full commit id, or names of tags, best first; the first that exists is taken. */
      readonly revisions: readonly [string, ...string[]]
      /** Folder of the package in the repository; empty: its root, or wherever `confirm` finds it. */
      readonly directory: string
    }
  /** An archive that the registry itself hosts; the verdict is `repackaged` at best. */
  | { readonly type: 'archive'; readonly file: Located }
)

/** What the registry says of a release. */
export interface ReleaseFacts {
  /** Best first; may be empty. */
  readonly candidates: readonly SourceCandidate[]
  /** The files that the registry has of it: what is rebuilt is compared with them. */
  readonly files: readonly Located[]
  /** When it was published, seconds since 1970. */
  readonly releasedAtSeconds: number | undefined
  /** SPDX expression, if it states one. */
  readonly licence: string | undefined
  /** What was published of the tools that made it, e.g. versions by name of the tool. */
  readonly tools: Readonly<Record<string, string>>
}

/** How `Ecosystem.source` ends. */
export type SourceFound =
  | { readonly kind: 'release'; readonly facts: ReleaseFacts }
  | { readonly kind: 'absent'; readonly reason: Reason }
  | { readonly kind: 'unavailable'; readonly reason: Reason }

/** Asks for a file of the job; the path is relative to the job's root (`source/…`, `out/…`). */
export interface ReadNeed {
  readonly kind: 'read'
  readonly path: string
  readonly bytesMax: number
}

/** Asks for the names in a folder of the job, sorted by bytes, folders with a slash at their end; at most 10,000. */
export interface ListNeed {
  readonly kind: 'list'
  readonly path: string
}

/** Writes a file of the job, e.g. a driver script below `work/`. */
export interface WriteNeed {
  readonly kind: 'write'
  readonly path: string
  readonly bytes: Uint8Array
}

/**
 * Places a file of the registry at `inputs/<as>`: asked by the path below the mount as a client would, as the registry was at
 * `asOfSeconds`; recorded with its digest as a dependency.
 */
export interface InputNeed {
  readonly kind: 'input'
  readonly requestPath: string
  readonly as: string
  /** What it must hash to, where known. */
  readonly digests: readonly Digest[]
  readonly asOfSeconds: number
  /** True: a tool of the build, not a dependency that may get into the package. */
  readonly tool: boolean
}

/** Runs a program in the sandbox, the job's root being `/build`. */
export interface SandboxStep {
  /** For people and logs, e.g. `build the wheel`. */
  readonly name: string
  readonly argv: readonly [string, ...string[]]
  /** Relative to the job's root. */
  readonly directory: string
  /** Beside the fixed ones (TZ, LANG, HOME, PATH, SOURCE_DATE_EPOCH, umask). */
  readonly env: Readonly<Record<string, string>>
  /**
   * Absent: no network whatever, as for everything that runs code of the project. Present: the registry as it was then, read-only
   * and recorded, at `REGISTRY_URL` on the sandbox's own loopback, for tools that run no code of the project (resolving, fetching).
   */
  readonly registry?: { readonly asOfSeconds: number }
  readonly timeoutSeconds?: number
}

/** Where the recorded registry answers inside the sandbox: the ecosystem's mount is below it, as its clients are given it. */
export const REGISTRY_URL = 'http://127.0.0.1:4873'

/** The folders of a job, below its root; `/build` inside the sandbox. */
export const JOB_FOLDERS = ['source', 'inputs', 'tools', 'work', 'out'] as const

/** What a recipe asks. */
export type RecipeNeed =
  | ReadNeed
  | ListNeed
  | WriteNeed
  | InputNeed
  | { readonly kind: 'run'; readonly step: SandboxStep }

/** What it is answered. */
export type RecipeGot =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'done' }
  /** There is no such file, or the registry has no such thing. */
  | { readonly kind: 'nothing'; readonly reason: string }
  | { readonly kind: 'ran'; readonly exitCode: number; readonly failure: StepFailure | undefined; readonly log: string }

/** Why a step was ended from outside. */
export type StepFailure = 'time' | 'memory' | 'processes' | 'output' | 'signal' | 'network'

/** How `Ecosystem.confirm` ends: the folder of the package in the tree, or why this tree is not this release's. */
export type Confirmed =
  | { readonly kind: 'confirmed'; readonly directory: string; readonly licence: string | undefined }
  | { readonly kind: 'refused'; readonly reason: string }

/** What a recipe is told. */
export interface RecipeJob {
  readonly purl: Purl
  readonly facts: ReleaseFacts
  readonly source: SourceCandidate
  /** Folder of the package, relative to the job's root: `source`, or below it. */
  readonly directory: string
  /** Consensus time of the request, seconds since 1970: the registry is as of then, or as of the release. */
  readonly requestedAtSeconds: number
  /** What SOURCE_DATE_EPOCH is in the sandbox: the commit's time, or the release's. */
  readonly sourceDateSeconds: number
  /** Digested recipe of `mappings/`, if one was written for this package; parsed by the ecosystem. */
  readonly override: Readonly<Record<string, unknown>> | undefined
}

/** How a recipe ends. */
export type RecipeEnd =
  | {
      readonly kind: 'built'
      /** Files by the names under which the registry has them, with their paths below the job's root. */
      readonly files: ReadonlyArray<{ readonly name: string; readonly path: string }>
      /** Path of the lock that dependencies were taken from, below the job's root. */
      readonly lock: string | undefined
      /** Tools and versions, e.g. `node 24.21.0`. */
      readonly toolchains: readonly string[]
    }
  | { readonly kind: 'unbuildable'; readonly reason: string }
  | { readonly kind: 'malformed'; readonly reason: string }

/** A recipe: its name and version are digested into the result, so raise the version with every change of what it does. */
export interface Recipe {
  readonly name: string
  readonly version: number
  steps(job: RecipeJob): Generator<RecipeNeed, RecipeEnd, RecipeGot>
}
