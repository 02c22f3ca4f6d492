import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerHost } from './peers.ts'
import { shareMemory } from './remembered.ts'

/** A host that only remembers; nothing else of it is asked here. */
function hostOver(kept: Map<string, unknown>): PeerHost {
  const host: Pick<PeerHost, 'remember' | 'recall'> = {
    remember: (peerId, facts) =>
      void (facts === undefined ? kept.delete(peerId) : kept.set(peerId, structuredClone(facts))),
    recall: () => [...kept],
  }
  return host as PeerHost
}

test('shareMemory() keeps the halves of both planes apart, across restarts', () => {
  const kept = new Map<string, unknown>()
  const before = shareMemory(hostOver(kept))
  before.rememberRecord('a', Uint8Array.of(1, 2), 10)
  before.dataHost.remember('a', { rate: 5 })
  before.dataHost.remember('b', { rate: 6 })
  before.rememberRecord('c', Uint8Array.of(3), 20)
  const after = shareMemory(hostOver(kept))
  assert.deepEqual(after.dataHost.recall(), [
    ['a', { rate: 5 }],
    ['b', { rate: 6 }],
  ])
  assert.deepEqual(after.recallRecords(), [Uint8Array.of(3), Uint8Array.of(1, 2)])
})

test('shareMemory() forgets what it cannot read', () => {
  const kept = new Map<string, unknown>([
    ['a', 'text'],
    ['b', { record: '*', facts: 1 }],
    ['c', { facts: 1 }],
  ])
  const memory = shareMemory(hostOver(kept))
  assert.deepEqual([memory.recallRecords(), memory.dataHost.recall()], [[], [['c', 1]]])
})

test('shareMemory() keeps so many records, and forgets peers of which nothing else is known', () => {
  const kept = new Map<string, unknown>()
  const memory = shareMemory(hostOver(kept))
  memory.dataHost.remember('liar', { dropped: true })
  for (let count = 0; count < 2_000; count++) memory.rememberRecord(`p${count}`, Uint8Array.of(1), count)
  assert.ok(kept.size <= 1_025, `${kept.size} peers are kept`)
  memory.dataHost.remember('p1999', undefined)
  memory.dataHost.remember('liar', undefined)
  assert.deepEqual([kept.has('p1999'), kept.has('liar')], [true, false])
})

test('shareMemory() goes on when nothing can be written, and says so', () => {
  const lost: unknown[] = []
  const full = { ...hostOver(new Map()), remember: () => assert.fail('the disk is full') }
  const memory = shareMemory(full as PeerHost, (error) => lost.push(error))
  memory.dataHost.remember('a', { rate: 5 })
  memory.rememberRecord('b', Uint8Array.of(3), 20)
  assert.deepEqual(memory.dataHost.recall(), [['a', { rate: 5 }]])
  assert.equal(lost.length, 2)
})
