import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleNetwork } from '../../../test/kit/sample-network.ts'
import { logKeysOf } from './network-keys.ts'
import { viewOf } from './view.ts'

const network = sampleNetwork({ authorities: 4 })
const input = {
  network,
  keys: logKeysOf(network),
  mode: 'full',
  writes: false,
  newest: undefined,
  follow: { stopped: undefined, evidence: [], pendingCount: 2, outcomes: {} },
  witnessed: [],
  notes: ['a key is missing'],
  nowSeconds: network.created,
} as const

test('viewOf() says what is wrong in sentences: a split view, evidence, an expiry, no checkpoint', () => {
  const follow = { ...input.follow, stopped: 'two histories', evidence: ['a signed two'] }
  const { notes, stopped, pendingCount } = viewOf({ ...input, follow, nowSeconds: network.expires })
  assert.deepEqual([stopped, pendingCount, notes.length], [true, 2, 5])
  assert.match(notes[0] ?? '', /is followed no further: two histories/)
  assert.match(notes[1] ?? '', /^Split view of .*: a signed two$/)
  assert.match(notes[2] ?? '', /has expired/)
  assert.match(notes[3] ?? '', /^No checkpoint/)
  assert.equal(notes[4], 'a key is missing')
})

test('logKeysOf() counts authorities alone, each once', () => {
  const { log, cosigners, witnesses, quorum } = logKeysOf(network).keysAt(0)
  assert.deepEqual([log.length, cosigners.length, witnesses.length, quorum], [4, 4, 0, network.quorum.k])
})
