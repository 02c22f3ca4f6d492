import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beaconSuite } from '../../test/kit/beacon-suite.ts'
import { domainHash } from '../base/crypto/domain-hash.ts'
import { AppError } from '../base/errors.ts'
import { createLocalBeacon } from './local.ts'
import { localChain, localRounds, SEGMENT_ROUNDS } from './local-chain.ts'

const SEED = new Uint8Array(32).fill(1)
const untrusted = (error: unknown) => error instanceof AppError && error.code === 'untrusted.signature'
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')

beaconSuite('the local beacon', (clock) => createLocalBeacon({ seed: SEED }, { clock }))

test('a round of the local chain is one link before the next, within its segment', () => {
  const { publicKey, round } = localRounds(SEED)
  const value = (at: number) => round(at).signature.subarray(0, 32)
  const last = 5 * SEGMENT_ROUNDS
  assert.equal(hex(domainHash('pyrsia/beacon-local/link/1', [value(last)])), hex(value(last - 1)))
  const chain = localChain(publicKey)
  for (const at of [1, SEGMENT_ROUNDS, SEGMENT_ROUNDS + 1, last]) {
    assert.equal(hex(chain.verify(at, round(at).signature)), hex(round(at).randomness))
  }
})

test('what is shown of a local round tells nothing about the next one, and its randomness is no link of the chain', () => {
  const { round } = localRounds(SEED)
  const [here, next] = [round(100), round(101)]
  const shown = hex(here.signature)
  assert.ok(!shown.includes(hex(next.signature.subarray(0, 32))))
  assert.notEqual(hex(next.randomness), hex(here.signature.subarray(0, 32)))
})

test('a local chain refuses the rounds of another key, and an anchor that its key did not sign', () => {
  const mine = localRounds(SEED)
  const other = localRounds(new Uint8Array(32).fill(2))
  const chain = localChain(mine.publicKey)
  assert.throws(() => chain.verify(7, other.round(7).signature), untrusted)
  const mixed = Buffer.concat([other.round(7).signature.subarray(0, 64), mine.round(7).signature.subarray(64)])
  assert.throws(() => chain.verify(7, mixed), untrusted)
})

test("a local chain refuses a segment's chain for the same place of another segment", () => {
  const { publicKey, round } = localRounds(SEED)
  assert.throws(() => localChain(publicKey).verify(SEGMENT_ROUNDS + 7, round(7).signature), untrusted)
})
