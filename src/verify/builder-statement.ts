/** A builder's signed statement: a DSSE envelope by its attestation key around an in-toto Statement about the files it built. Pure. */
import { type Envelope, verifyEnvelope } from '../base/crypto/dsse.ts'
import type { VerdictEntry } from '../base/entries/entry.ts'
import { AppError } from '../base/errors.ts'

/** The payload type of in-toto statements (in-toto Attestation Framework, "Envelope"). */
export const STATEMENT_PAYLOAD_TYPE = 'application/vnd.in-toto+json'
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'

/**
 * Returns only if `key` signed the envelope and the statement in it is about every file that the verdict names, by sha256 as built.
 * What its predicate says is for the part that knows builds. @throws untrusted.signature, untrusted.builders
 */
export function checkStatement(envelope: Envelope, key: Uint8Array, { agreed }: VerdictEntry): void {
  verifyEnvelope(envelope, [key], 1)
  if (envelope.payloadType !== STATEMENT_PAYLOAD_TYPE) throw refused(`found a payload of type ${envelope.payloadType}`)
  const named = new Set(subjectsOf(envelope.payload))
  const files = agreed !== null && 'files' in agreed ? agreed.files : []
  const missing = files.find(({ sha256 }) => !named.has(sha256))
  if (missing !== undefined) throw refused(`it says nothing of the file ${missing.name} (sha256 ${missing.sha256})`)
}

/** The sha256 digests of a statement's subjects, in hex. */
function subjectsOf(payload: Uint8Array): unknown[] {
  let statement: { readonly _type?: unknown; readonly subject?: unknown } | null
  try {
    statement = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (error) {
    throw new AppError('untrusted.builders', 'reading a statement: wanted JSON in UTF-8', { cause: error })
  }
  if (statement?._type !== STATEMENT_TYPE || !Array.isArray(statement.subject)) {
    throw refused(`wanted an in-toto statement (${STATEMENT_TYPE}) with subjects`)
  }
  return statement.subject.map((one: { readonly digest?: { readonly sha256?: unknown } } | null) => one?.digest?.sha256)
}

function refused(found: string): AppError {
  return new AppError('untrusted.builders', `checking a builder's statement: ${found}`)
}
