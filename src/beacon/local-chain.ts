/**
 * A beacon of the authority's own: hash chains that are walked from their end to their beginning, so that a value that is shown could
 * not be chosen after its chain's anchor was signed. **Unfit for strangers**: its owner knows every round from the first day on, may
 * tell a friend, and may sign another anchor for a segment to come. It is for networks of one owner, for tests and for the first start.
 *
 * Time is cut into rounds of 3 s from 1970 on, and rounds into segments of 1,024 (51 minutes). Each segment has a chain of its own: a
 * secret start, 1,024 links, and an anchor signed by the beacon's key. The proof of a round is value, anchor and that signature, so it
 * is checked by itself with at most 1,024 hashes, and no chain ever ends.
 */
import { createHmac } from 'node:crypto'
import { domainHash, encodeParts } from '../base/crypto/domain-hash.ts'
import { type Signer, signerOfSeed, verifyEd25519 } from '../base/crypto/ed25519.ts'
import { AppError } from '../base/errors.ts'
import { type BeaconSchedule, roundAt } from '../base/network/beacon-schedule.ts'
import type { BeaconChain, BeaconRound } from './beacon.ts'
import { isRound } from './unborn.ts'

/** All local chains have it. */
export const LOCAL_SCHEDULE: BeaconSchedule = { genesisSeconds: 0, periodSeconds: 3 }
/** Rounds of one segment. */
export const SEGMENT_ROUNDS = 1024

const HASH_BYTES = 32
const PROOF_BYTES = HASH_BYTES + HASH_BYTES + 64

/** The chain of this beacon key (Ed25519, 32 bytes; whoever registers it has checked it). */
export function localChain(publicKey: Uint8Array): BeaconChain {
  return {
    chainHash: domainHash('pyrsia/beacon-local/1', [publicKey]),
    schedule: LOCAL_SCHEDULE,
    roundAt: (timeSeconds) => roundAt(LOCAL_SCHEDULE, timeSeconds),
    verify(round, signature) {
      const value = signature.subarray(0, HASH_BYTES)
      const anchor = signature.subarray(HASH_BYTES, 2 * HASH_BYTES)
      const { segment, position } = placeOf(round)
      const whole = signature.length === PROOF_BYTES && isRound(round)
      const signed =
        whole && verifyEd25519(publicKey, anchorMessage(segment, anchor), signature.subarray(2 * HASH_BYTES))
      if (!signed || Buffer.compare(linked(value, position + 1), anchor) !== 0) {
        throw new AppError('untrusted.signature', `wanted the local beacon's proof of round ${round}, found another`, {
          data: { round },
        })
      }
      return randomnessOf(value)
    },
  }
}

/** Makes the rounds of the chain whose key comes from this seed (32 bytes, secret). @throws usage.key */
export function localRounds(seed: Uint8Array): { readonly publicKey: Uint8Array; round(round: number): BeaconRound } {
  const signer = signerOfSeed(seed)
  return { publicKey: signer.publicKey, round: (round) => roundOf(seed, signer, round) }
}

function roundOf(seed: Uint8Array, signer: Signer, round: number): BeaconRound {
  const { segment, position } = placeOf(round)
  // Keyed by the seed itself: a key never signs in the domain of these starts, and a start tells nothing about the key.
  const start = createHmac('sha256', seed)
    .update(encodeParts('pyrsia/beacon-local/start/1', [segment]))
    .digest()
  const value = linked(start, SEGMENT_ROUNDS - 1 - position)
  const anchor = linked(value, position + 1)
  const signature = Buffer.concat([value, anchor, signer.sign(anchorMessage(segment, anchor))])
  return { round, signature: new Uint8Array(signature), randomness: randomnessOf(value) }
}

function placeOf(round: number): { segment: number; position: number } {
  return { segment: Math.floor((round - 1) / SEGMENT_ROUNDS), position: (round - 1) % SEGMENT_ROUNDS }
}

function anchorMessage(segment: number, anchor: Uint8Array): Uint8Array {
  return encodeParts('pyrsia/beacon-local/anchor/1', [segment, anchor])
}

/** A value so many links further, towards the anchor. */
function linked(value: Uint8Array, links: number): Uint8Array {
  let at = value
  for (let left = links; left > 0; left -= 1) at = domainHash('pyrsia/beacon-local/link/1', [at])
  return at
}

/** Another hash than the links': the link of a value is the value of the round before, which is known. */
function randomnessOf(value: Uint8Array): Uint8Array {
  return domainHash('pyrsia/beacon-local/randomness/1', [value])
}
