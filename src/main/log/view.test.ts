import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleNetwork } from '../../../test/kit/sample-network.ts'
import { keysOf, TileLog, testAuthorities } from '../../../test/kit/tile-log.ts'
import { silentLogger } from '../../base/clock.ts'
import { memberKeysOf } from '../../log/reader/member-keys.ts'
import { viewOf } from './view.ts'

const network = sampleNetwork({ authorities: 4 })
const input = {
  network,
  keys: memberKeysOf(network, [], silentLogger),
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

test('memberKeysOf() counts authorities alone, each once', () => {
  const { logs, cosigners, counted, k } = memberKeysOf(network, [], silentLogger).policyAt(7)
  assert.deepEqual([logs.length, cosigners.length, counted.size, k], [4, 4, 4, network.quorum.k])
})

test('G2 freeze: a log that somebody holds back looks old, and the node says so although every signature is good', () => {
  const authorities = testAuthorities(4)
  const log = new TileLog(network.origin).grow(3)
  const note = log.note(3, {
    log: authorities.slice(0, 1),
    cosigners: authorities.slice(0, 3),
    timeSeconds: 1_800_000_000,
  })
  const newest = {
    origin: network.origin,
    size: 3,
    root: log.root(),
    note: Buffer.from(note).toString(),
    cosignatures: [],
  }
  const known = { ...input, keys: keysOf(network.origin, authorities, 3), newest, notes: [] }
  const limit = 1_800_000_000 + network.freshnessSeconds
  assert.deepEqual(viewOf({ ...known, nowSeconds: limit }).notes, [])
  const frozen = viewOf({ ...known, nowSeconds: limit + 1 })
  assert.match(frozen.notes.join(), /The newest checkpoint of .* is 86401 s old: more than the 86400 s of its network/)
  assert.equal(frozen.checkpoint?.ageSeconds, 86_401)
})
