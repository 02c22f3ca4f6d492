/**
 * What a builder reports. `agreedPart` is what q builders must report alike; where and with what they built is told beside it, so
 * that diversity can be counted. 2-trust.md, "Agreement".
 */
import { z } from 'zod'
import { canonicalJson, type Json } from '../crypto/canonical-json.ts'
import { domainHash } from '../crypto/domain-hash.ts'
import { type Hex32, type Hex64, hex32, hex64, remark, wholeNumber, word } from './fields.ts'

/** How the built bytes relate to upstream's, best first. 2-trust.md, "Canonical forms". */
export const LEVELS = ['exact', 'container', 'canonical', 'metadata', 'excluded', 'mismatch', 'malformed'] as const
/** One of `LEVELS`. */
export type Level = (typeof LEVELS)[number]

/** Where it was built from. An archive that the registry itself hosts makes the result `repackaged`. */
export type Source =
  | {
      readonly type: 'git'
      readonly repository: string
      /** The commit, 40 or 64 hex digits. */
      readonly commit: string
      /** Digest of the tree's content. */
      readonly tree: Hex32
    }
  | { readonly type: 'archive'; readonly sha256: Hex32 }

/** Names and digests of a file's bytes. */
export interface FileDigests {
  readonly name: string
  readonly sha256: Hex32
  readonly sha512: Hex64
  /** 40 hex digits; finds, never proves. */
  readonly sha1: string
  readonly sizeBytes: number
}

/** A file as built, and what upstream has under that name; null if nothing. */
export interface BuiltFile extends FileDigests {
  /** Digest of the canonical form. */
  readonly canonical: Hex32
  readonly upstream: null | {
    readonly sha256: Hex32
    readonly level: Level
    /** The format rules that fired. */
    readonly rules: readonly string[]
  }
}

/** Where and with what a builder built. */
export interface Environment {
  readonly toolchains: readonly string[]
  readonly sandbox: string
}

/** Built from source, or from an archive. */
export interface Built {
  readonly outcome: 'built'
  readonly source: Source
  /** Digest of the lock, null if there is none. */
  readonly lock: Hex32 | null
  readonly recipe: Hex32
  /** Digest of the complete list of dependencies (canonical JSON; the envelope lists each), and how many there are of each level. */
  readonly dependencies: { readonly list: Hex32; readonly levels: Readonly<Record<string, number>> }
  readonly files: readonly BuiltFile[]
  readonly environment: Environment
}

/** Could not be built. The reason is for people and need not be the same. */
export interface NotBuilt {
  readonly outcome: 'unbuildable' | 'malformed'
  readonly reason: string
  readonly environment: Environment
}

/** Not built, only seen: this is what the registry gives for the purl. What a tag says expires. */
export interface Witnessed {
  readonly outcome: 'witnessed'
  readonly tag: boolean
  readonly files: readonly FileDigests[]
  readonly environment: Environment
}

/** What a builder reports. */
export type BuildResult = Built | NotBuilt | Witnessed

/** What builders must report alike. */
export type AgreedResult =
  | Omit<Built, 'environment'>
  | Omit<Witnessed, 'environment'>
  | { readonly outcome: NotBuilt['outcome'] }

/** The part of a result on which builders must agree. */
export function agreedPart(result: BuildResult): AgreedResult {
  if (result.outcome === 'unbuildable' || result.outcome === 'malformed') return { outcome: result.outcome }
  const { environment: _, ...agreed } = result
  return agreed
}

/**
 * What a builder logs before it tells its result: SHA-256(domain, network, request, attempt, builder, result, salt), so that nobody
 * copies another's. `builder` is the node's name.
 */
export function commitmentOf(inputs: {
  readonly network: string
  readonly request: Hex32
  readonly attempt: number
  readonly builder: Hex32
  readonly result: BuildResult
  readonly salt: Hex32
}): Hex32 {
  const { network, request, attempt, builder, result, salt } = inputs
  const resultBytes = canonicalJson(result as unknown as Json)
  return Buffer.from(
    domainHash('pyrsia/commitment/1', [network, request, attempt, builder, resultBytes, salt]),
  ).toString('hex')
}

const fileFields = {
  name: remark,
  sha256: hex32,
  sha512: hex64,
  sha1: z.string().regex(/^[0-9a-f]{40}$/),
  sizeBytes: wholeNumber,
}
const source = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('git'),
    repository: remark,
    commit: z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/),
    tree: hex32,
  }),
  z.strictObject({ type: z.literal('archive'), sha256: hex32 }),
])
const upstream = z.strictObject({ sha256: hex32, level: z.enum(LEVELS), rules: z.array(word).max(32) })
const builtFields = {
  outcome: z.literal('built'),
  source,
  lock: hex32.nullable(),
  recipe: hex32,
  dependencies: z.strictObject({ list: hex32, levels: z.record(word, wholeNumber) }),
  files: z
    .array(z.strictObject({ ...fileFields, canonical: hex32, upstream: upstream.nullable() }))
    .min(1)
    .max(64)
    .refine(ascending, 'files in the order of their names, each once'),
}
const witnessedFields = {
  outcome: z.literal('witnessed'),
  tag: z.boolean(),
  files: z
    .array(z.strictObject(fileFields))
    .min(1)
    .max(64)
    .refine(ascending, 'files in the order of their names, each once'),
}
const failure = z.enum(['unbuildable', 'malformed'])

/** Schema of `Environment`. */
export const environment: z.ZodType<Environment> = z.strictObject({ toolchains: z.array(word).max(8), sandbox: word })
/** Schema of `BuildResult`. */
export const buildResult: z.ZodType<BuildResult> = z.discriminatedUnion('outcome', [
  z.strictObject({ ...builtFields, environment }),
  z.strictObject({ outcome: failure, reason: remark, environment }),
  z.strictObject({ ...witnessedFields, environment }),
])
/** Schema of `AgreedResult`. */
export const agreedResult: z.ZodType<AgreedResult> = z.discriminatedUnion('outcome', [
  z.strictObject(builtFields),
  z.strictObject({ outcome: failure }),
  z.strictObject(witnessedFields),
])

function ascending(files: readonly { readonly name: string }[]): boolean {
  return files.every(({ name }, at) => at === 0 || (files[at - 1]?.name ?? '') < name)
}
