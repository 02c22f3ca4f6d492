import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { AppError } from '../base/errors.ts'
import type { BeaconChain } from './beacon.ts'
import { chainOf } from './chain-of.ts'

interface Recorded {
  readonly chainHash: string
  readonly publicKey: string
  readonly periodSeconds: number
  readonly genesisTime: number
  readonly beacons: ReadonlyArray<{ round: number; signature: string; randomness: string; valid: boolean }>
}

const file = new URL('../../test/vectors/drand/quicknet-scheme.json', import.meta.url)
const recorded = JSON.parse(readFileSync(file, 'utf8')) as Recorded & { scheme: string; quicknet: Recorded }
const CHAINS: readonly Recorded[] = [recorded, recorded.quicknet]

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const refusal = (code: string) => (error: unknown) => error instanceof AppError && error.code === code
const untrusted = refusal('untrusted.signature')

function pinned({ chainHash, publicKey, periodSeconds, genesisTime: genesisSeconds }: Recorded): BeaconChain {
  return chainOf({ kind: 'drand', chainHash, publicKey, periodSeconds, genesisSeconds, schemeId: recorded.scheme })
}

for (const chain of CHAINS) {
  for (const { round, signature, randomness, valid } of chain.beacons) {
    test(`a recorded ${valid ? 'beacon' : 'signature of another round'} of the chain ${chain.chainHash.slice(0, 8)} is ${valid ? 'verified' : 'refused'}`, () => {
      const verify = () => pinned(chain).verify(round, bytes(signature))
      if (valid) assert.equal(Buffer.from(verify()).toString('hex'), randomness)
      else assert.throws(verify, untrusted)
    })
  }
}

test('a recorded beacon is refused by the key of another chain, and for every other round', () => {
  const [here, other] = CHAINS.map(pinned)
  const { round, signature } = CHAINS[1]?.beacons[0] ?? assert.fail('no beacon')
  assert.throws(() => here?.verify(round, bytes(signature)), untrusted)
  for (const wrong of [round - 1, round + 1, 1, 2 ** 40])
    assert.throws(() => other?.verify(wrong, bytes(signature)), untrusted)
})

test('a signature is taken in its one encoding alone', () => {
  const chain = pinned(recorded.quicknet)
  const { round, signature } = recorded.quicknet.beacons[0] ?? assert.fail('no beacon')
  const good = bytes(signature)
  const point = bls12_381.G1.Point.fromBytes(good)
  const flags = [0x20, 0x40, 0x80].map((flag) => good.with(0, (good[0] ?? 0) ^ flag))
  const zero = new Uint8Array(48).with(0, 0xc0)
  for (const wrong of [...flags, point.toBytes(false), point.negate().toBytes(true), zero, new Uint8Array(48)]) {
    assert.throws(() => chain.verify(round, wrong), untrusted)
  }
})

test('a point outside of the subgroup is refused, though it lies on the curve', () => {
  // x = 4 has a y on the curve, y^2 = x^3 + 4, and that point is not of the order that the scheme works in.
  const { Fp } = bls12_381.fields
  const point = bls12_381.G1.Point.fromAffine({ x: 4n, y: Fp.sqrt(68n) })
  assert.equal(point.isTorsionFree(), false)
  const outside = new Uint8Array(48).with(0, 0x80).with(47, 4)
  assert.throws(() => pinned(recorded.quicknet).verify(123, outside), untrusted)
})

test('a chain is refused whose key is no point, zero, or of a scheme that is not known', () => {
  const { publicKey } = recorded.quicknet
  const zero = `c0${'00'.repeat(95)}`
  for (const key of [publicKey.slice(0, 96), zero, `00${publicKey.slice(2)}`]) {
    assert.throws(() => pinned({ ...recorded.quicknet, publicKey: key }), refusal('usage.network'))
  }
  const base = { kind: 'drand', chainHash: '00'.repeat(32), publicKey, periodSeconds: 3, genesisSeconds: 0 } as const
  assert.throws(() => chainOf({ ...base, schemeId: 'pedersen-bls-chained' }), refusal('usage.network'))
})

test('quicknet counts its rounds from its genesis', () => {
  const chain = pinned(recorded.quicknet)
  assert.equal(chain.roundAt(recorded.quicknet.genesisTime), 1)
  assert.equal(chain.roundAt(recorded.quicknet.genesisTime + 3 * 122), 123)
})
