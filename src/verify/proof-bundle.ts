/**
 * The proof in one file (`pyrsia.proof/1`; 2-trust.md): canonical JSON with log entries, a tlog-proof for each, and the builders' signed
 * statements. `main/` writes it, `verify-bundle.ts` judges it, and any C2SP tool reads the `proof` texts in it. Pure.
 */
import { canonicalJson, type Json, parseCanonicalJson } from '../base/crypto/canonical-json.ts'
import { ENVELOPE_BYTES_MAX, type Envelope, envelopeJson, envelopeOfJson } from '../base/crypto/dsse.ts'
import type { RevokedItem } from '../base/entries/revocation-list.ts'
import { AppError } from '../base/errors.ts'
import { parseTlogProof, type TlogProof } from '../log/proof/tlog-proof.ts'

/** The version of the format. */
export const PROOF_FORMAT = 'pyrsia.proof/1'
/** Bytes of a whole file. */
export const PROOF_BYTES_MAX = 4_194_304
/** Entries of one file: a verdict, its request, selection and reveals, and changes of members. */
export const PROOF_ENTRIES_MAX = 256
/** Envelopes of one file. */
export const PROOF_ENVELOPES_MAX = 32
/** Items of a revocation list in a file; a longer one is left out. */
export const PROOF_REVOCATIONS_MAX = 8192
/** Bytes of such a list. */
export const PROOF_REVOCATIONS_BYTES_MAX = 1_048_576

/** One entry with the proof that the log holds it. */
export interface ProvenEntry {
  /** Its bytes: canonical JSON. */
  readonly entry: Uint8Array
  readonly proof: TlogProof
  /** The proof file's text, as it stands in the bundle. */
  readonly text: string
}

/** A proof file, read; nothing of it is verified. */
export interface ProofBundle {
  /** In no particular order. */
  readonly entries: readonly ProvenEntry[]
  readonly envelopes: readonly Envelope[]
  /** The complete revocation list in its order, which a `head` among the entries has the hash of; undefined: the file has none. */
  readonly revocations: readonly RevokedItem[] | undefined
}

/** What `formatProofBundle` is given. */
export interface ProofParts {
  /** `proof`: the bytes of a tlog-proof file (`formatTlogProof`). */
  readonly entries: readonly { readonly entry: Uint8Array; readonly proof: Uint8Array }[]
  readonly envelopes: readonly Envelope[]
  readonly revocations?: readonly RevokedItem[] | undefined
}

/** The bytes of a proof file. @throws usage.json, usage.log, untrusted.malformed if `parseProofBundle` would not read it again */
export function formatProofBundle({ entries, envelopes, revocations }: ProofParts): Uint8Array {
  const bytes = canonicalJson({
    format: PROOF_FORMAT,
    entries: entries.map(({ entry, proof }) => ({
      entry: parseCanonicalJson(entry),
      proof: Buffer.from(proof).toString('utf8'),
    })),
    envelopes: envelopes.map(envelopeJson),
    ...(revocations !== undefined && { revocations: revocations.map(({ purl, digests }) => ({ purl, digests })) }),
  })
  parseProofBundle(bytes)
  return bytes
}

/** The proof file in `bytes`. @throws untrusted.malformed for anything that is not to the letter or above a bound */
export function parseProofBundle(bytes: Uint8Array): ProofBundle {
  try {
    const members = membersOf(parseCanonicalJson(bytes, { bytesMax: PROOF_BYTES_MAX }))
    const { format, entries, envelopes, revocations, ...more } = members
    if (format !== PROOF_FORMAT) throw malformed(`the format ${PROOF_FORMAT}`)
    if (!isList(entries) || entries.length === 0 || entries.length > PROOF_ENTRIES_MAX) {
      throw malformed(`1 to ${PROOF_ENTRIES_MAX} entries`)
    }
    if (!isList(envelopes) || envelopes.length > PROOF_ENVELOPES_MAX) {
      throw malformed(`at most ${PROOF_ENVELOPES_MAX} envelopes`)
    }
    if (Object.keys(more).length > 0) throw malformed('format, entries, envelopes, revocations and nothing else')
    return {
      entries: entries.map(readEntry),
      envelopes: envelopes.map(readEnvelope),
      revocations: revocations === undefined ? undefined : readRevocations(revocations),
    }
  } catch (error) {
    if (error instanceof AppError && error.code === 'untrusted.malformed') throw error
    throw new AppError('untrusted.malformed', 'reading a proof', { cause: error })
  }
}

/** True if a revocation list is short enough for a proof file. */
export function fitsProof(list: readonly RevokedItem[]): boolean {
  if (list.length > PROOF_REVOCATIONS_MAX) return false
  return revocationsBytes(list) <= PROOF_REVOCATIONS_BYTES_MAX
}

function revocationsBytes(list: readonly RevokedItem[]): number {
  return canonicalJson(list.map(({ purl, digests }) => ({ purl, digests }))).byteLength
}

/** The SHA-256 that reveals and verdicts name an envelope by is that of these bytes. */
export function envelopeBytes(envelope: Envelope): Uint8Array {
  return canonicalJson(envelopeJson(envelope))
}

function readEntry(value: Json): ProvenEntry {
  const { entry, proof, ...more } = membersOf(value)
  if (entry === undefined || typeof proof !== 'string' || Object.keys(more).length > 0) {
    throw malformed('an entry and its proof, and nothing else')
  }
  return { entry: canonicalJson(entry), proof: parseTlogProof(Buffer.from(proof, 'utf8')), text: proof }
}

function readEnvelope(value: Json): Envelope {
  const envelope = envelopeOfJson(value)
  if (canonicalJson(value).byteLength > ENVELOPE_BYTES_MAX)
    throw malformed(`envelopes of at most ${ENVELOPE_BYTES_MAX} bytes`)
  return envelope
}

function readRevocations(value: Json): RevokedItem[] {
  if (!isList(value) || value.length > PROOF_REVOCATIONS_MAX) {
    throw malformed(`at most ${PROOF_REVOCATIONS_MAX} revocations`)
  }
  if (canonicalJson(value).byteLength > PROOF_REVOCATIONS_BYTES_MAX) {
    throw malformed(`revocations of at most ${PROOF_REVOCATIONS_BYTES_MAX} bytes`)
  }
  return value.map((item) => {
    const { purl, digests, ...more } = membersOf(item)
    const isSound = typeof purl === 'string' && isList(digests) && Object.keys(more).length === 0
    if (!isSound || !digests.every((digest) => typeof digest === 'string')) {
      throw malformed('a purl and digests of each revocation, and nothing else')
    }
    return { purl, digests }
  })
}

function membersOf(value: Json): { readonly [key: string]: Json } {
  if (typeof value === 'object' && value !== null && !isList(value)) return value
  throw malformed('a JSON object')
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

function malformed(wanted: string): AppError {
  return new AppError('untrusted.malformed', `reading a proof: wanted ${wanted}`)
}
