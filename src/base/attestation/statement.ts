/**
 * in-toto Statement v1 (in-toto Attestation Framework, spec/v1/statement.md and resource_descriptor.md): which files, by digest, a
 * predicate is about. Written and read as canonical JSON, so that no member stands in it twice. Pure.
 */
import { z } from 'zod'
import { canonicalJson, type Json, parseCanonicalJson } from '../crypto/canonical-json.ts'
import { ENVELOPE_BYTES_MAX } from '../crypto/dsse.ts'
import { AppError } from '../errors.ts'

/** The payload type of in-toto statements ("Envelope"). */
export const STATEMENT_PAYLOAD_TYPE = 'application/vnd.in-toto+json'
/** What `_type` says. */
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'

/** Something by its digests: an input, or evidence. */
export interface ResourceDescriptor {
  readonly name?: string
  readonly uri?: string
  /** Lower-case hex by algorithm (`sha256`, `gitCommit`, ...). */
  readonly digest: Readonly<Record<string, string>>
  readonly mediaType?: string
  readonly annotations?: Readonly<Record<string, Json>>
}

/** A file that the statement is about. */
export interface StatementSubject {
  readonly name: string
  readonly digest: Readonly<Record<string, string>>
}

/** A statement; what its predicate may hold is its type's to say. */
export interface Statement {
  readonly subject: readonly StatementSubject[]
  readonly predicateType: string
  readonly predicate: Json
}

const line = z.string().min(1).max(1024)
const digests = z
  .record(z.string().regex(/^[A-Za-z0-9_]{1,32}$/), z.string().regex(/^[0-9a-f]{1,256}$/))
  .refine((found) => Object.keys(found).length > 0, 'at least one digest')
const statement = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z
    .array(z.strictObject({ name: line, digest: digests }))
    .min(1)
    .max(64),
  predicateType: line,
  predicate: z.record(z.string(), z.json()),
})

/** Schema of `ResourceDescriptor`, nothing else in it. */
export const resourceDescriptor: z.ZodType<ResourceDescriptor> = z.strictObject({
  name: line.optional(),
  uri: line.optional(),
  digest: digests,
  mediaType: line.optional(),
  annotations: z.record(z.string(), z.json()).optional(),
}) as z.ZodType<ResourceDescriptor>

/** A statement's bytes. */
export function formatStatement({ subject, predicateType, predicate }: Statement): Uint8Array {
  return canonicalJson({ _type: STATEMENT_TYPE, subject, predicateType, predicate } as unknown as Json)
}

/** The statement in a payload. @throws untrusted.attestation for anything but canonical JSON of a Statement v1, to the letter */
export function parseStatement(payload: Uint8Array): Statement {
  const { subject, predicateType, predicate } = readShape('statement', statement, parsed(payload))
  return { subject, predicateType, predicate: predicate as Json }
}

/** `value` by its schema; `what` is for the message. @throws untrusted.attestation */
export function readShape<T>(what: string, schema: z.ZodType<T>, value: unknown): T {
  const found = schema.safeParse(value)
  if (found.success) return found.data
  throw new AppError('untrusted.attestation', `reading a ${what}: ${z.prettifyError(found.error)}`)
}

function parsed(payload: Uint8Array): Json {
  try {
    return parseCanonicalJson(payload, { bytesMax: ENVELOPE_BYTES_MAX })
  } catch (cause) {
    throw new AppError('untrusted.attestation', 'reading a statement: wanted canonical JSON', { cause })
  }
}
