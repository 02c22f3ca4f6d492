/**
 * DSSE v1 envelopes (github.com/secure-systems-lab/dsse, envelope.md and protocol.md): a payload, its type, and signatures over
 * both. What counts is how many different trusted keys signed; key ids are hints that nobody signed, and are not even needed.
 */
import { AppError } from '../errors.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import type { Json } from './canonical-json.ts'
import { type Signer, verifyEd25519 } from './ed25519.ts'

/** Signatures that one envelope may carry. */
export const ENVELOPE_SIGNATURES_MAX = 16
/** Bytes of an envelope's JSON; a proof carries one per builder (`2-trust.md`, "The proof in one file"). */
export const ENVELOPE_BYTES_MAX = 16_384

/** One signature of an envelope. */
export interface EnvelopeSignature {
  /** Which key it may be of: a hint, unauthenticated, may be empty. */
  readonly keyid: string
  /** 64 bytes if it is one of Ed25519. */
  readonly sig: Uint8Array
}

/** A signed payload. */
export interface Envelope {
  readonly payloadType: string
  readonly payload: Uint8Array
  readonly signatures: readonly EnvelopeSignature[]
}

/** The bytes that are signed: `DSSEv1 SP len SP type SP len SP payload`, lengths in bytes. protocol.md, "PAE". */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = Buffer.from(payloadType, 'utf8')
  const head = Buffer.from(`DSSEv1 ${type.byteLength} ${payloadType} ${payload.byteLength} `, 'utf8')
  return Buffer.concat([head, payload])
}

/** An envelope signed by each of `signers`. */
export function signEnvelope(
  payloadType: string,
  payload: Uint8Array,
  signers: readonly { readonly keyid: string; readonly signer: Signer }[],
): Envelope {
  const message = preAuthEncoding(payloadType, payload)
  return {
    payloadType,
    payload,
    signatures: signers.map(({ keyid, signer }) => ({ keyid, sig: signer.sign(message) })),
  }
}

/**
 * Which of the trusted public keys (32 bytes each) signed the envelope, each once however often it signed and under whatever
 * name. Signatures of others are ignored. @throws untrusted.signature if fewer than `needed` did, or there are too many to try
 */
export function verifyEnvelope(envelope: Envelope, trusted: readonly Uint8Array[], needed: number): Uint8Array[] {
  if (envelope.signatures.length > ENVELOPE_SIGNATURES_MAX) {
    const found = envelope.signatures.length
    throw new AppError('untrusted.signature', `wanted at most ${ENVELOPE_SIGNATURES_MAX} signatures, found ${found}`)
  }
  const message = preAuthEncoding(envelope.payloadType, envelope.payload)
  const keys = new Map(trusted.map((key) => [Buffer.from(key).toString('hex'), key]))
  const found: Uint8Array[] = []
  for (const { sig } of envelope.signatures) {
    for (const [name, key] of keys) {
      if (!verifyEd25519(key, message, sig)) continue
      found.push(key)
      keys.delete(name)
      break
    }
  }
  if (found.length >= needed && needed > 0) return found
  throw new AppError(
    'untrusted.signature',
    `wanted ${needed} trusted signatures on an envelope, found ${found.length}`,
    {
      data: { wanted: needed, found: found.length },
    },
  )
}

/** The envelope's JSON form. envelope.md. */
export function envelopeJson(envelope: Envelope): Json {
  return {
    payload: encodeBase64(envelope.payload),
    payloadType: envelope.payloadType,
    signatures: envelope.signatures.map(({ keyid, sig }) => ({ keyid, sig: encodeBase64(sig) })),
  }
}

/** The envelope of a JSON value. Members that DSSE does not name are ignored, as envelope.md demands. @throws usage.json */
export function envelopeOfJson(value: unknown): Envelope {
  const { payload, payloadType, signatures } = (isObject(value) ? value : {}) as Record<string, unknown>
  const bytes = bytesOf(payload)
  if (bytes === undefined || typeof payloadType !== 'string' || !Array.isArray(signatures)) {
    throw new AppError('usage.json', 'wanted a DSSE envelope: payload, payloadType, signatures')
  }
  return { payloadType, payload: bytes, signatures: signatures.map(signatureOfJson) }
}

function signatureOfJson(value: unknown): EnvelopeSignature {
  const { keyid = '', sig } = (isObject(value) ? value : {}) as Record<string, unknown>
  const bytes = bytesOf(sig)
  if (bytes === undefined || typeof keyid !== 'string') {
    throw new AppError('usage.json', 'wanted a DSSE signature: keyid, sig')
  }
  return { keyid, sig: bytes }
}

/** envelope.md lets a writer use either alphabet of base64, so a reader takes both. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined
  return decodeBase64(value.replaceAll('-', '+').replaceAll('_', '/'))
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
