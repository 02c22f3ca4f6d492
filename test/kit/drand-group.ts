/** A drand group of one for tests: signs the rounds of a chain of its own as the real group does, and answers its HTTP. */
import { createHash } from 'node:crypto'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import type { DrandChainOptions } from '../../src/beacon/drand-chain.ts'

/** The group. */
export interface DrandGroup {
  readonly chain: DrandChainOptions
  sign(round: number): Uint8Array
  /** What an endpoint answers about a round. */
  body(round: number): string
}

/** The group of this name; every other name is another group. */
export function drandGroup(name: string): DrandGroup {
  const { shortSignatures } = bls12_381
  const { secretKey, publicKey } = shortSignatures.keygen(createHash('sha512').update(name).digest().subarray(0, 48))
  const signed = new Map<number, Uint8Array>()
  const sign = (round: number): Uint8Array => {
    const kept = signed.get(round)
    if (kept !== undefined) return kept
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(BigInt(round))
    const message = new Uint8Array(createHash('sha256').update(bytes).digest())
    const point = shortSignatures.hash(message, 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_')
    const made = shortSignatures.sign(point, secretKey).toBytes(true)
    signed.set(round, made)
    return made
  }
  return {
    chain: {
      chainHash: new Uint8Array(createHash('sha256').update(name).digest()),
      publicKey: publicKey.toBytes(true),
      schedule: { genesisSeconds: 1_600_000_000, periodSeconds: 3 },
    },
    sign,
    body(round) {
      const signature = Buffer.from(sign(round))
      const randomness = createHash('sha256').update(signature).digest('hex')
      return JSON.stringify({ round, randomness, signature: signature.toString('hex') })
    },
  }
}
