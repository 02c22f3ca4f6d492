/**
 * A part: what one organisation brings to the founding of a network, or a node to one that runs. Its offer, where it can be reached, and
 * the key of its randomness; signed by every key that it names, so that nobody brings a key of somebody else. A file that travels by
 * any way. Pure. 2-trust.md, "Parties and keys".
 */
import { z } from 'zod'
import { canonicalJson, type Json } from '../crypto/canonical-json.ts'
import { checkPublicKey, type Signer, verifyEd25519 } from '../crypto/ed25519.ts'
import { type Hex32, hex32, hex64 } from '../entries/fields.ts'
import { type Offer, type OfferProof, offer } from '../entries/offer.ts'
import { AppError } from '../errors.ts'
import { isSignedBy } from './founding.ts'
import { readVkey } from './vkey.ts'

/** The version of the format. */
export const PART_FORMAT = 'pyrsia.part/1'

/** What is signed of a part. */
export interface PartBody {
  readonly offer: Offer
  /** Ed25519 key of the randomness that this node can make, for networks without a public beacon. Authorities. */
  readonly beacon?: Hex32
  /** Multiaddrs of the node, for those who begin with it. */
  readonly bootstrap: readonly string[]
}

/** A part. */
export interface Part extends PartBody {
  readonly format: typeof PART_FORMAT
  readonly proofs: readonly OfferProof[]
}

/** Most bytes of the file. */
export const PART_BYTES_MAX = 65_536

const DOMAIN = Buffer.from('pyrsia.part/1\n', 'utf8')

const schema: z.ZodType<Part> = z.strictObject({
  format: z.literal(PART_FORMAT),
  offer,
  beacon: hex32.exactOptional(),
  bootstrap: z.array(z.string().regex(/^\/[\x21-\x7e]{1,255}$/, 'wanted a multiaddr')).max(8),
  proofs: z.array(z.strictObject({ key: hex32, signature: hex64 })).max(8),
})

/** The part, signed by `signers`: those of all its keys. */
export function signPart(body: PartBody, signers: readonly Signer[]): Part {
  const message = messageOf(body)
  const proofs = signers.map((signer) => ({
    key: Buffer.from(signer.publicKey).toString('hex'),
    signature: Buffer.from(signer.sign(message)).toString('hex'),
  }))
  return { format: PART_FORMAT, ...body, proofs }
}

/** The file's text. */
export function formatPart(part: Part): string {
  return `${JSON.stringify(part, null, 2)}\n`
}

/** Reads a part; its signatures are `checkPart`'s. @throws usage.part */
export function parsePart(text: string): Part {
  if (Buffer.byteLength(text) > PART_BYTES_MAX) {
    throw new AppError('usage.part', `wanted a part of at most ${PART_BYTES_MAX} bytes, found more`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new AppError('usage.part', 'wanted a part as JSON, as pyrsia network init --org writes it', { cause })
  }
  const read = schema.safeParse(value)
  if (read.success) return read.data
  const [issue] = read.error.issues
  const where = issue === undefined || issue.path.length === 0 ? 'the part' : issue.path.join('.')
  throw new AppError('usage.part', `${where}: ${issue?.message ?? 'is not as wanted'}`)
}

/**
 * Checks that every key of the part signed it, and is a point that can be trusted. `peerKey` is the key of its peer id (hex), if it has
 * one: to take it out of the peer id is the peers' business.
 * @throws usage.part with the key that did not sign; usage.network for a malformed verifier key
 */
export function checkPart(part: Part, peerKey: Hex32 | undefined): void {
  const { format: _format, proofs, ...body } = part
  const message = messageOf(body)
  const { organisation, keys } = part.offer.body
  const { attestation, consensus } = keys
  for (const [role, key] of [...keysOf(part), ['peer', peerKey] as const]) {
    if (key === undefined) continue
    try {
      checkPublicKey(Buffer.from(key, 'hex'))
    } catch (cause) {
      throw new AppError('usage.part', `the ${role} key of ${organisation} cannot be trusted with anything`, { cause })
    }
    const proof = proofs.find((each) => each.key === key)
    if (proof === undefined || !verifyEd25519(Buffer.from(key, 'hex'), message, Buffer.from(proof.signature, 'hex'))) {
      throw new AppError('usage.part', `the part of ${organisation} is not signed by its ${role} key ${key}`)
    }
  }
  const missing = [attestation, consensus].find((key) => key !== undefined && !isSignedBy(part.offer, key))
  if (missing !== undefined) {
    throw new AppError('usage.part', `the offer of ${organisation} is not signed by its key ${missing}`)
  }
}

/** The keys of a part but its peer's, in hex. @throws usage.network */
function keysOf({ offer: { body }, beacon }: PartBody): (readonly [role: string, key: Hex32 | undefined])[] {
  const ofVkey = (text: string | undefined) =>
    text === undefined ? undefined : Buffer.from(readVkey(text).publicKey).toString('hex')
  const { log, cosigner, consensus, attestation } = body.keys
  return [
    ['log', ofVkey(log)],
    ['cosigner', ofVkey(cosigner)],
    ['consensus', consensus],
    ['attestation', attestation],
    ['beacon', beacon],
  ]
}

function messageOf({ offer: made, beacon, bootstrap }: PartBody): Uint8Array {
  const body = { offer: made, ...(beacon === undefined ? {} : { beacon }), bootstrap }
  return Buffer.concat([DOMAIN, canonicalJson(body as unknown as Json)])
}
