/** What every predicate of a builder says: for which request it worked, and who it is. Pure. */
import { z } from 'zod'
import { type Hex32, hex32, originText, purlText, remark, wholeNumber, word } from '../entries/fields.ts'
import type { Environment } from '../entries/result.ts'

/** The request that a builder worked for. The package is all that whoever asked could choose. */
export interface AttestedRequest {
  readonly network: string
  readonly purl: string
  readonly request: Hex32
  readonly attempt: number
}

/** Who builds, and with what. */
export interface AttestedBuilder {
  /** Its attestation key. */
  readonly node: Hex32
  /** Version of Pyrsia. */
  readonly pyrsia: string
  readonly environment: Environment
}

/** When, in seconds since 1970, by the builder's own clock. */
export interface AttestedTimes {
  readonly startedSeconds: number
  readonly finishedSeconds: number
}

/** What `builder.id` begins with; the builder's attestation key in hex follows. */
export const BUILDER_ID_PREFIX = 'https://pyrsia.io/builder/'

/** SLSA's `builder`: an id that names the key, and versions. */
export interface BuilderPredicate {
  readonly id: string
  readonly version: { readonly pyrsia: string; readonly sandbox: string; readonly toolchains: string }
}

/** Schema of a builder in a predicate. */
export const builderPredicate: z.ZodType<BuilderPredicate> = z.strictObject({
  id: z.string().regex(/^https:\/\/pyrsia\.io\/builder\/[0-9a-f]{64}$/),
  version: z.strictObject({ pyrsia: word, sandbox: word, toolchains: z.string().max(1024) }),
})

/** The builder as predicates name it. */
export function builderOf({ node, pyrsia, environment }: AttestedBuilder): BuilderPredicate {
  const { sandbox, toolchains } = environment
  return { id: `${BUILDER_ID_PREFIX}${node}`, version: { pyrsia, sandbox, toolchains: toolchains.join(', ') } }
}

/** Schemas of the members that name a request beside its package. */
export const requestShape: {
  readonly network: z.ZodType<string>
  readonly request: z.ZodType<Hex32>
  readonly attempt: z.ZodType<number>
} = { network: originText, request: hex32, attempt: wholeNumber }
/** Schema of a package. */
export const purlShape: z.ZodType<string> = purlText
/** Schema of a line for people. */
export const remarkShape: z.ZodType<string> = remark
/** Schema of a time as RFC 3339 has it, in whole seconds of UTC. */
export const timeShape: z.ZodType<string> = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)

/** `2026-11-30T03:12:00Z`. */
export function timeText(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
}
