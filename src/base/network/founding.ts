/**
 * What a network was founded with, and whether `network.json` names the same members as the offers that these signed. Pure. What the
 * state machine makes of it is `main/network/genesis.ts`.
 */
import { canonicalJson, type Json } from '../crypto/canonical-json.ts'
import { verifyEd25519 } from '../crypto/ed25519.ts'
import { type Offer, offerMessage } from '../entries/offer.ts'
import { AppError } from '../errors.ts'
import type { Founding, Network, Organisation } from './network.ts'

/** The organisation that an offer makes: the same keys in the spelling of `network.json`. */
export function organisationOf({ body }: Offer): Organisation {
  const { organisation: name, roles, keys } = body
  const { log, cosigner, consensus, attestation, peer } = keys
  return {
    name,
    roles,
    keys: {
      ...(log === undefined ? {} : { log }),
      ...(cosigner === undefined ? {} : { cosigner }),
      ...(consensus === undefined ? {} : { consensus: base64(consensus) }),
      ...(attestation === undefined ? {} : { attestation: base64(attestation) }),
      ...(peer === undefined ? {} : { peer }),
    },
  }
}

/** Checks that the founding is that of this network's organisations; signatures are not looked at. @throws usage.network */
export function checkFounding({ founding, organisations, origin, beaconDelaySeconds }: Network): void {
  if (founding === undefined) return
  const { offers, rules } = founding
  if (offers.length !== organisations.length) {
    throw refused(`an offer of each of ${organisations.length} organisations`, `${offers.length} offers`)
  }
  for (const [at, offer] of offers.entries()) {
    const { organisation, network } = offer.body
    if (network !== origin) throw refused(`an offer of ${organisation} to ${origin}`, `one to ${network}`)
    const listed = organisations[at]
    if (listed === undefined || !isSame(organisationOf(offer), listed)) {
      throw refused(`${listed?.name} as its founding offer has it`, `another ${organisation} there`)
    }
  }
  if (rules.beaconDelaySeconds !== beaconDelaySeconds) {
    throw refused(
      `the beacon's delay of ${beaconDelaySeconds} s in the founding rules`,
      `${rules.beaconDelaySeconds} s`,
    )
  }
}

/** Checks that each founding offer is signed by the keys in it. About 0.1 ms a signature. @throws usage.network */
export function checkFoundingSignatures(founding: Founding | undefined): void {
  for (const offer of founding?.offers ?? []) {
    const { attestation, consensus } = offer.body.keys
    for (const key of [attestation, consensus]) {
      if (key !== undefined && !isSignedBy(offer, key)) {
        throw refused(`the founding offer of ${offer.body.organisation} signed by its key ${key}`, 'no such signature')
      }
    }
  }
}

/** True if the offer carries a signature of this key (hex) under its body. */
export function isSignedBy({ body, proofs }: Offer, key: string): boolean {
  const message = offerMessage(body)
  return proofs.some(
    (proof) =>
      proof.key === key && verifyEd25519(Buffer.from(key, 'hex'), message, Buffer.from(proof.signature, 'hex')),
  )
}

function isSame(a: Organisation, b: Organisation): boolean {
  const bytes = (value: Organisation) => canonicalJson(JSON.parse(JSON.stringify(value)) as Json)
  return Buffer.compare(bytes(a), bytes(b)) === 0
}

function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}

function refused(wanted: string, found: string): AppError {
  return new AppError('usage.network', `the network: wanted ${wanted}, found ${found}`)
}
