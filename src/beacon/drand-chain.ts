/**
 * Checks rounds of a drand chain of the scheme bls-unchained-g1-rfc9380 (quicknet is one): a BLS signature on G1 over the round's
 * number, by a key that the group holds together. Offline, for ever. https://docs.drand.love/docs/cryptography and RFC 9380.
 */
import { hash } from 'node:crypto'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { AppError } from '../base/errors.ts'
import { type BeaconSchedule, roundAt } from '../base/network/beacon-schedule.ts'
import type { BeaconChain } from './beacon.ts'
import { isRound } from './unborn.ts'

/** The one scheme that is checked here. */
export const DRAND_SCHEME = 'bls-unchained-g1-rfc9380'

/** What pins a chain; in `network.json` in hex. */
export interface DrandChainOptions {
  /** 32 bytes. */
  readonly chainHash: Uint8Array
  /** A point of G2, compressed: 96 bytes. */
  readonly publicKey: Uint8Array
  readonly schedule: BeaconSchedule
}

/** RFC 9380, 8.8.1, for signatures of the basic scheme. */
const DOMAIN = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_'
const SIGNATURE_BYTES = 48
const PUBLIC_KEY_BYTES = 96

const { shortSignatures, G2 } = bls12_381
type Point<T extends { fromBytes: (bytes: Uint8Array) => unknown }> = ReturnType<T['fromBytes']>

/** The chain of this key. @throws usage.network for a key that is no point of the right group, or the zero point */
export function drandChain({ chainHash, publicKey, schedule }: DrandChainOptions): BeaconChain {
  const key = keyOf(publicKey)
  return {
    chainHash,
    schedule,
    roundAt: (timeSeconds) => roundAt(schedule, timeSeconds),
    verify(round, signature) {
      const point = isRound(round) ? pointOf(signature) : undefined
      if (point === undefined || !shortSignatures.verify(point, shortSignatures.hash(messageOf(round), DOMAIN), key)) {
        throw new AppError('untrusted.signature', `wanted the beacon's signature of round ${round}, found another`, {
          data: { round },
        })
      }
      return new Uint8Array(hash('sha256', signature, 'buffer'))
    },
  }
}

/** What the group signs: the SHA-256 of the round's number in 8 bytes, big-endian. Nothing before it: the scheme is unchained. */
function messageOf(round: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(round))
  return new Uint8Array(hash('sha256', bytes, 'buffer'))
}

function keyOf(publicKey: Uint8Array): Point<typeof G2.Point> {
  try {
    if (publicKey.length !== PUBLIC_KEY_BYTES) throw new Error(`found ${publicKey.length} bytes`)
    const point = G2.Point.fromBytes(publicKey)
    point.assertValidity()
    if (point.is0()) throw new Error('found the zero point')
    return point
  } catch (error) {
    throw new AppError('usage.network', "wanted the beacon's key: a point of G2, compressed, in its subgroup", {
      cause: error,
    })
  }
}

/**
 * The point of a signature, or undefined. The randomness is the hash of these bytes, so no point may have two encodings: what does not
 * come out again as it went in is refused.
 */
function pointOf(signature: Uint8Array): ReturnType<typeof shortSignatures.Signature.fromBytes> | undefined {
  if (signature.length !== SIGNATURE_BYTES) return undefined
  try {
    const point = shortSignatures.Signature.fromBytes(signature)
    point.assertValidity()
    return !point.is0() && Buffer.compare(point.toBytes(true), signature) === 0 ? point : undefined
  } catch {
    return undefined
  }
}
