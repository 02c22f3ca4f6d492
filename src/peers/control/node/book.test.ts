import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../base/errors.ts'
import { identityOfSeed } from '../../identity.ts'
import { membershipMac } from '../../membership.ts'
import { signRecord } from '../../record.ts'
import { RecordBook } from './book.ts'

const NOW = 1_800_000_000_000
const LIVE_MS = 1000
const self = identityOfSeed(new Uint8Array(32).fill(1))
const peer = identityOfSeed(new Uint8Array(32).fill(2))
const at = (monotonicMs: number) => ({ nowMs: NOW + monotonicMs, monotonicMs })

function envelope(issuedAtMs: number, identity = peer, membership?: Uint8Array): Uint8Array {
  const addresses = ['/ip4/127.0.0.1/tcp/4001']
  return signRecord(identity, { issuedAtMs, addresses, dataPort: undefined, zone: undefined, membership }).envelope
}

function book(options: { networkKey?: Uint8Array; recordsMax?: number } = {}): RecordBook {
  const { networkKey, recordsMax = 10 } = options
  return new RecordBook({ self: self.peerId, networkKey, recordsMax, liveMs: LIVE_MS })
}

function live(of: RecordBook, monotonicMs: number): boolean {
  const entry = of.get(peer.peerId)
  return entry !== undefined && of.live(entry, monotonicMs)
}

test('RecordBook keeps the newest record of a peer', () => {
  const kept = book()
  assert.equal(kept.learn(envelope(NOW + 1), 'relayed', at(0)).news, true)
  assert.equal(kept.learn(envelope(NOW), 'relayed', at(0)).news, false)
  assert.equal(kept.learn(envelope(NOW + 1), 'relayed', at(0)).news, false)
  assert.equal(kept.get(peer.peerId)?.record.issuedAtMs, NOW + 1)
})

test('RecordBook takes a peer that told its record itself for introduced, whoever was quicker', () => {
  const kept = book()
  kept.learn(envelope(NOW), 'relayed', at(0))
  kept.learn(envelope(NOW), 'direct', at(0))
  assert.equal(kept.get(peer.peerId)?.source, 'direct')
  kept.learn(envelope(NOW + 1), 'relayed', at(0))
  assert.equal(kept.get(peer.peerId)?.source, 'direct')
})

test('RecordBook does not list this node itself', () => {
  const kept = book()
  assert.equal(kept.learn(envelope(NOW, self), 'relayed', at(0)).news, false)
  assert.deepEqual([...kept.entries()], [])
})

test('RecordBook: a peer is live for a while after a renewal, and not after it was only remembered', () => {
  const kept = book()
  kept.learn(envelope(NOW - 1), 'remembered', at(0))
  assert.equal(live(kept, 0), false)
  kept.learn(envelope(NOW), 'relayed', at(0))
  assert.deepEqual([live(kept, LIVE_MS), live(kept, LIVE_MS + 1)], [true, false])
})

test('RecordBook: what others pass on does not call a peer back that is gone; itself does', () => {
  const kept = book()
  kept.learn(envelope(NOW), 'direct', at(0))
  kept.markGone(peer.peerId, 10)
  kept.learn(envelope(NOW + 1), 'relayed', at(20))
  assert.equal(live(kept, 20), false)
  kept.learn(envelope(NOW + 2), 'direct', at(30))
  assert.equal(live(kept, 30), true)
})

test('RecordBook: a record that went round for too long does not make a peer live', () => {
  const kept = book()
  kept.learn(envelope(NOW - 3_600_000), 'relayed', at(0))
  assert.equal(live(kept, 0), false)
})

test('RecordBook of a private network refuses records without proof of membership', () => {
  const networkKey = Buffer.alloc(32, 9)
  const kept = book({ networkKey })
  const untrusted = (error: unknown) => error instanceof AppError && error.code === 'untrusted.signature'
  assert.throws(() => kept.learn(envelope(NOW), 'relayed', at(0)), untrusted)
  const borrowed = membershipMac(networkKey, self.peerId)
  assert.throws(() => kept.learn(envelope(NOW, peer, borrowed), 'relayed', at(0)), untrusted)
  kept.learn(envelope(NOW, peer, membershipMac(networkKey, peer.peerId)), 'relayed', at(0))
  assert.equal(kept.get(peer.peerId)?.member, true)
})

test('RecordBook stays within its bound and lets hearsay go before those it met', () => {
  const kept = book({ recordsMax: 3 })
  kept.learn(envelope(NOW), 'direct', at(0))
  for (let n = 10; n < 20; n += 1) {
    kept.learn(envelope(NOW, identityOfSeed(new Uint8Array(32).fill(n))), 'relayed', at(0))
  }
  assert.equal([...kept.entries()].length, 3)
  assert.ok(kept.get(peer.peerId))
})

test('RecordBook: fresh hearsay does not push out a peer that it met and that is away, nor one that is named', () => {
  const named = identityOfSeed(new Uint8Array(32).fill(3))
  const options = { self: self.peerId, networkKey: undefined, recordsMax: 4, liveMs: LIVE_MS }
  const kept = new RecordBook({ ...options, trustPeers: [named.peerId] })
  kept.learn(envelope(NOW), 'direct', at(0))
  kept.markGone(peer.peerId, 1)
  kept.learn(envelope(NOW, named), 'relayed', at(0))
  for (let n = 10; n < 20; n += 1) {
    kept.learn(envelope(NOW, identityOfSeed(new Uint8Array(32).fill(n))), 'relayed', at(2))
  }
  assert.ok(kept.get(peer.peerId))
  assert.ok(kept.get(named.peerId))
  assert.equal([...kept.entries()].length, 4)
})
