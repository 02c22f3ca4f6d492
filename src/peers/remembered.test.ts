import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerHost } from './peers.ts'
import { shareMemory } from './remembered.ts'

/** A host that only remembers; nothing else of it is asked here. */
function hostOver(kept: Map<string, unknown>): PeerHost {
  const host: Pick<PeerHost, 'remember' | 'recall'> = {
    remember: (peerId, facts) => void kept.set(peerId, structuredClone(facts)),
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
