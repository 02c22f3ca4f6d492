import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { digestBytes } from '../../../base/digest.ts'
import { placeOf, rendezvous, ringMember } from './rendezvous.ts'

const names = Array.from({ length: 300 }, (_, n) => digestBytes('sha256', Buffer.from(`name ${n}`)))
const ring = Array.from({ length: 10 }, (_, n) => ringMember(`peer ${n}`, `place ${n}`))

test('rendezvous() does not depend on the order of the members', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(ring, { minLength: 10 }), (shuffled) => {
      for (const name of names.slice(0, 20)) {
        assert.deepEqual(rendezvous(name, shuffled, 3), rendezvous(name, ring, 3))
      }
    }),
    { numRuns: 10 },
  )
})

test('rendezvous() moves only what a member that left had', () => {
  const gone = ring[4]?.peerId ?? ''
  const left = ring.filter(({ peerId }) => peerId !== gone)
  for (const name of names) {
    const before = rendezvous(name, ring, 3)
    const after = rendezvous(name, left, 3)
    for (const peerId of before) assert.ok(peerId === gone || after.includes(peerId))
  }
})

test('rendezvous() spreads names evenly enough', () => {
  const counts = new Map<string, number>()
  for (const name of names)
    for (const peerId of rendezvous(name, ring, 3)) counts.set(peerId, (counts.get(peerId) ?? 0) + 1)
  assert.equal(counts.size, 10)
  for (const count of counts.values()) assert.ok(count > 45 && count < 150, `${count} of about 90`)
})

test('rendezvous() takes a second member of a place only when no other place is left', () => {
  const crowded = [
    ...Array.from({ length: 20 }, (_, n) => ringMember(`ground ${n}`, 'one place')),
    ringMember('a', 'second'),
    ringMember('b', 'third'),
  ]
  for (const name of names.slice(0, 50)) {
    const chosen = rendezvous(name, crowded, 3)
    assert.ok(chosen.includes('a') && chosen.includes('b'))
    assert.equal(rendezvous(name, crowded.slice(0, 20), 3).length, 3)
  }
})

test('placeOf() is the subnet of the first address that is not loopback', () => {
  assert.equal(placeOf(['/ip4/127.0.0.1/tcp/1', '/ip4/10.1.2.3/tcp/1']), '10.1.2')
  assert.equal(placeOf(['/ip6/fd00:1:2:3::4/tcp/1']), 'fd00:1:2')
  assert.equal(placeOf(['/ip4/127.0.0.1/tcp/1']), '127.0.0')
  assert.equal(placeOf([]), '')
})
