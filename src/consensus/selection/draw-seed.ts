/** The seed of a draw: everything that decides who builds, hashed into 32 bytes. 2-trust.md, "Random selection", 3. */
import { domainHash } from '../../base/crypto/domain-hash.ts'
import { assert } from '../../base/errors.ts'

/** What a draw depends on; all of it is in the log, so anybody can compute the seed again. */
export interface DrawInputs {
  /** The log's origin, which names the network. */
  readonly network: string
  /** Which beacon chain, 32 bytes. */
  readonly chainHash: Uint8Array
  /** The beacon's round. */
  readonly round: number
  /** What the beacon gave for that round, 32 bytes. */
  readonly randomness: Uint8Array
  /** The hash of the request's leaf in the log, 32 bytes. */
  readonly requestLeafHash: Uint8Array
  /** 1 for the first attempt at this request. A redraw of one attempt differs by its round alone. */
  readonly attempt: number
  /** The root of the membership as of the request, 32 bytes. */
  readonly membershipRoot: Uint8Array
}

/** Names this hash and the order of its fields. Another order or another field needs another number. */
export const DRAW_DOMAIN = 'pyrsia/draw/1'

/** The seed, 32 bytes. @throws bug.assertion for a hash that has not 32 bytes or a count that is no whole number */
export function drawSeed(inputs: DrawInputs): Uint8Array {
  const { network, chainHash, round, randomness, requestLeafHash, attempt, membershipRoot } = inputs
  for (const bytes of [chainHash, randomness, requestLeafHash, membershipRoot]) {
    assert(bytes.length === 32, `wanted 32 bytes for each hash of a draw, found ${bytes.length}`)
  }
  const parts = [network, chainHash, round, randomness, requestLeafHash, attempt, membershipRoot]
  return domainHash(DRAW_DOMAIN, parts)
}
