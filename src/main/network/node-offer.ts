/** What this node offers to be in a network: an offer signed by its own keys, which are made if they are not there. */
import type { Random } from '../../base/clock.ts'
import type { Signer } from '../../base/crypto/ed25519.ts'
import { type Builds, type NodeKeys, type Offer, type OfferBody, offerMessage } from '../../base/entries/offer.ts'
import { isSolo, type Role } from '../../base/network/network.ts'
import { formatVkey, makeVkey } from '../../base/network/vkey.ts'
import type { KeyRole, RoleKeys } from './role-keys.ts'

/** What is offered. */
export interface OfferWish {
  /** The network's origin. */
  readonly network: string
  readonly organisation: string
  readonly roles: readonly Role[]
  /** What a builder builds; empty for others. */
  readonly builds: readonly Builds[]
  readonly peerId: string
  /** Makes two offers of one node different. */
  readonly serial: number
  /** The node that this one takes the place of, hex. */
  readonly replaces?: string | undefined
}

/** An offer with the signers of all its keys. */
export interface MadeOffer {
  readonly offer: Offer
  readonly signers: readonly Signer[]
}

/** Makes the offer. @throws usage.network for a name that no key can have; usage.config, damaged.identity, unavailable.storage */
export function makeOffer(keys: RoleKeys, random: Random, wish: OfferWish): MadeOffer {
  const { network, organisation, roles, builds, peerId, serial, replaces } = wish
  const authority = roles.includes('authority')
  const builder = roles.includes('builder')
  const signers: Partial<Record<KeyRole, Signer>> = {
    ...(authority ? { log: keys.make('log', random), consensus: keys.make('consensus', random) } : {}),
    ...(authority || roles.includes('witness') ? { cosigner: keys.make('cosigner', random) } : {}),
    ...(builder ? { attestation: keys.make('attestation', random) } : {}),
  }
  const { log, cosigner, consensus, attestation } = signers
  const own: NodeKeys = {
    ...(attestation === undefined ? {} : { attestation: hexOf(attestation) }),
    ...(consensus === undefined ? {} : { consensus: hexOf(consensus) }),
    ...(log === undefined ? {} : { log: formatVkey(makeVkey(network, 'ed25519', log.publicKey)) }),
    ...(cosigner === undefined
      ? {}
      : { cosigner: formatVkey(makeVkey(cosignerName(wish), 'cosignature', cosigner.publicKey)) }),
    peer: peerId,
  }
  const body: OfferBody = {
    network,
    organisation,
    roles,
    keys: own,
    builds: builder ? builds : [],
    ...(replaces === undefined ? {} : { replaces }),
    serial,
  }
  const signing = [attestation, consensus].filter((signer) => signer !== undefined)
  return { offer: signOffer(body, signing), signers: Object.values(signers) }
}

/** The offer under the signatures of these. */
export function signOffer(body: OfferBody, signers: readonly Signer[]): Offer {
  const message = offerMessage(body)
  const proofs = signers.map((signer) => ({
    key: hexOf(signer),
    signature: Buffer.from(signer.sign(message)).toString('hex'),
  }))
  return { body, proofs }
}

/** Each organisation's is its own; of a node's own network there is one. */
function cosignerName({ network, organisation }: OfferWish): string {
  return isSolo({ origin: network }) ? `${network}/cosigner` : `${network}/${organisation}`
}

function hexOf({ publicKey }: Signer): string {
  return Buffer.from(publicKey).toString('hex')
}
