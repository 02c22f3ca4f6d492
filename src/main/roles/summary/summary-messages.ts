/** What nodes say to each other about verification summaries, over the data plane beside the messages for the order: canonical JSON. Pure. */
import { z } from 'zod'
import { canonicalJson, parseCanonicalJson } from '../../../base/crypto/canonical-json.ts'
import { type Hex32, type Hex64, hex32, hex64, originText, wholeNumber } from '../../../base/entries/fields.ts'
import { AppError } from '../../../base/errors.ts'
import { TRANSACTION_MESSAGE_BYTES_MAX } from '../../../peers/peers.ts'

/** Asks for the signatures on the summary of a verdict; `hops` says how often it may still be passed on. */
export interface SummaryQuestion {
  readonly network: string
  readonly hops: number
  /** Index in the log of the verdict. */
  readonly summaryOf: number
}

/** A builder's signature on the summary. */
export interface SummarySignature {
  /** Its attestation key. */
  readonly node: Hex32
  readonly signature: Hex64
}

/** Signatures of one answer. */
export const SUMMARY_SIGNATURES_MAX = 16

const question = z.strictObject({ network: originText, hops: z.int().min(0).max(1), summaryOf: wholeNumber })
const answer = z.strictObject({
  signatures: z.array(z.strictObject({ node: hex32, signature: hex64 })).max(SUMMARY_SIGNATURES_MAX),
})

/** The question's bytes. */
export function formatQuestion(asked: SummaryQuestion): Uint8Array {
  return canonicalJson({ ...asked })
}

/** The question in these bytes; undefined for a message of another kind. */
export function questionIn(bytes: Uint8Array): SummaryQuestion | undefined {
  try {
    return question.safeParse(parseCanonicalJson(bytes, { bytesMax: TRANSACTION_MESSAGE_BYTES_MAX })).data
  } catch {
    return undefined
  }
}

/** The answer's bytes. */
export function formatSignatures(signatures: readonly SummarySignature[]): Uint8Array {
  return canonicalJson({ signatures: signatures.map(({ node, signature }) => ({ node, signature })) })
}

/** The signatures in an answer; none of them is checked. @throws usage.message */
export function parseSignatures(bytes: Uint8Array): readonly SummarySignature[] {
  try {
    return answer.parse(parseCanonicalJson(bytes, { bytesMax: TRANSACTION_MESSAGE_BYTES_MAX })).signatures
  } catch (cause) {
    throw new AppError('usage.message', 'wanted signatures on a summary, found something else', { cause })
  }
}
