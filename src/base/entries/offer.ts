/**
 * What a node offers to be: its organisation, its roles and its keys, signed by the node itself. The network's authorities vote on
 * the offer; without it nobody can make somebody else's key a member's. 2-trust.md, "Random selection", 4.
 */
import { hash } from 'node:crypto'
import { z } from 'zod'
import { canonicalJson } from '../crypto/canonical-json.ts'
import { type Hex32, type Hex64, hex32, hex64, organisationName, originText, purlType, word } from './fields.ts'

/** What a member may do. 2-trust.md, "Parties and keys". */
export type Role = 'authority' | 'builder' | 'witness'

/** A purl type that a node builds, and with what. */
export interface Builds {
  readonly type: string
  /** Names with versions, for people and for counting diversity. */
  readonly toolchains: readonly string[]
}

/** The keys of one node, one per role. A builder has an attestation key, an authority a consensus key. */
export interface NodeKeys {
  /** Signs transactions about requests, and the builder's envelopes. */
  readonly attestation?: Hex32
  /** Signs transactions about members, policy and revocations. */
  readonly consensus?: Hex32
  /** The verifier key of the log (signed-note's text form). */
  readonly log?: string
  /** The verifier key of the cosigner (signed-note's text form). */
  readonly cosigner?: string
  /** The peer id. */
  readonly peer?: string
}

/** What is signed. */
export interface OfferBody {
  readonly network: string
  readonly organisation: string
  readonly roles: readonly Role[]
  readonly keys: NodeKeys
  readonly builds: readonly Builds[]
  /** The node that this one takes the place of: rotation of keys, or new toolchains under the same keys. */
  readonly replaces?: Hex32
  /** Chosen by the node; makes two offers of one node different. */
  readonly serial: number
}

/** One signature under an offer. */
export interface OfferProof {
  readonly key: Hex32
  readonly signature: Hex64
}

/**
 * An offer: signed by each attestation and consensus key that it names, and, if the organisation is a member already, by a key of
 * one of its present nodes, so that nobody joins an organisation that does not want it.
 */
export interface Offer {
  readonly body: OfferBody
  readonly proofs: readonly OfferProof[]
}

const DOMAIN = Buffer.from('pyrsia.offer/1\n', 'utf8')

/** The bytes that an offer's keys sign. */
export function offerMessage(body: OfferBody): Uint8Array {
  return Buffer.concat([
    DOMAIN,
    canonicalJson({ ...body, keys: { ...body.keys }, builds: body.builds.map(buildsJson) }),
  ])
}

/** The name of the node of an offer: its attestation key, its consensus key if it does not build, the hash of its keys if it is a witness. */
export function nodeOf({ keys }: OfferBody): Hex32 {
  return keys.attestation ?? keys.consensus ?? hash('sha256', canonicalJson({ ...keys }), 'hex')
}

function buildsJson({ type, toolchains }: Builds): { type: string; toolchains: readonly string[] } {
  return { type, toolchains }
}

const noteKey = z.string().regex(/^[\x21-\x7e]{1,400}$/)
const keys = z.strictObject({
  attestation: hex32.exactOptional(),
  consensus: hex32.exactOptional(),
  log: noteKey.exactOptional(),
  cosigner: noteKey.exactOptional(),
  peer: z
    .string()
    .regex(/^[A-Za-z0-9]{1,128}$/)
    .exactOptional(),
})

/** Schema of `Offer`. */
export const offer: z.ZodType<Offer> = z.strictObject({
  body: z.strictObject({
    network: originText,
    organisation: organisationName,
    roles: z
      .array(z.enum(['authority', 'builder', 'witness']))
      .min(1)
      .max(3),
    keys,
    builds: z.array(z.strictObject({ type: purlType, toolchains: z.array(word).max(16) })).max(32),
    replaces: hex32.exactOptional(),
    serial: z.int().min(0),
  }),
  proofs: z.array(z.strictObject({ key: hex32, signature: hex64 })).max(4),
})
