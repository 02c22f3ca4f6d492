import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../base/errors.ts'
import { identityOfSeed } from './identity.ts'
import { membershipMac } from './membership.ts'
import { hostOf, isPlainAddress, openRecord, RECORD_LIFE_MS, signRecord } from './record.ts'

const identity = identityOfSeed(new Uint8Array(32).fill(7))
const NOW = 1_800_000_000_000
const facts = {
  issuedAtMs: NOW,
  addresses: ['/ip4/127.0.0.1/tcp/4001', '/ip6/::1/tcp/4001'],
  dataPort: 4002,
  zone: 'rack-1',
  membership: membershipMac(Buffer.alloc(32, 1), identity.peerId),
}
const withCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code

test('openRecord() gives back what signRecord() signed', () => {
  const { envelope } = signRecord(identity, facts)
  assert.deepEqual(openRecord(envelope, NOW).record, { ...facts, peerId: identity.peerId })
})

test('openRecord() gives back a record that says nothing but who it is', () => {
  const bare = { issuedAtMs: NOW, addresses: [], dataPort: undefined, zone: undefined, membership: undefined }
  const { envelope } = signRecord(identity, bare)
  assert.deepEqual(openRecord(envelope, NOW).record, { ...bare, peerId: identity.peerId })
})

test('openRecord() refuses a record with any bit flipped', () => {
  const { envelope } = signRecord(identity, facts)
  fc.assert(
    fc.property(fc.nat(envelope.byteLength * 8 - 1), (bit) => {
      const mutated = Uint8Array.from(envelope)
      mutated[bit >> 3] = (mutated[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.throws(() => openRecord(mutated, NOW), AppError)
    }),
    { numRuns: 100 },
  )
})

test('openRecord() refuses any bytes with usage or untrusted, never another error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
      assert.throws(() => openRecord(bytes, NOW), AppError)
    }),
    { numRuns: 100 },
  )
})

test('openRecord() refuses a record that another peer signed', () => {
  const other = identityOfSeed(new Uint8Array(32).fill(8))
  const forged = signRecord({ ...other, peerId: identity.peerId }, facts)
  assert.throws(() => openRecord(forged.envelope, NOW), withCode('untrusted.signature'))
})

test('openRecord() refuses an expired record, unless this node kept it itself', () => {
  const { envelope } = signRecord(identity, facts)
  const later = NOW + RECORD_LIFE_MS + 1
  assert.throws(() => openRecord(envelope, later), withCode('unavailable.timeout'))
  assert.equal(openRecord(envelope, later, { expired: 'allowed' }).record.peerId, identity.peerId)
})

test('openRecord() refuses a record from far ahead', () => {
  const { envelope } = signRecord(identity, { ...facts, issuedAtMs: NOW * 2 })
  assert.throws(() => openRecord(envelope, NOW), withCode('unavailable.timeout'))
})

test('signRecord() refuses names, relays and peer ids as addresses, and a zone with spaces', () => {
  for (const address of ['/dns4/example.com/tcp/1', '/ip4/1.2.3.4/udp/1', '/ip4/1.2.3.4/tcp/0', '/ip4/1.2.3.4', 'x']) {
    assert.equal(isPlainAddress(address), false, address)
    assert.throws(() => signRecord(identity, { ...facts, addresses: [address] }), withCode('usage.config'))
  }
  assert.throws(() => signRecord(identity, { ...facts, zone: 'a b' }), withCode('usage.config'))
})

test('hostOf() gives the IP literal of an address', () => {
  assert.equal(hostOf('/ip4/10.0.0.1/tcp/1/p2p/x'), '10.0.0.1')
  assert.equal(hostOf('/ip6/::1/tcp/1'), '::1')
  assert.equal(hostOf('/dns4/example.com/tcp/1'), undefined)
})
