/** Four founders; by the tree of 15 three of them are gone and two others came. Nobody but the log says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TEST_ORIGIN, testNetwork, testOffer, votedChange } from '../../../test/kit/proof-log.ts'
import { signerOf } from '../../../test/kit/sample-entries.ts'
import { type TestAuthority, TestSource, TileLog } from '../../../test/kit/tile-log.ts'
import { silentLogger } from '../../base/clock.ts'
import { encodeEntry } from '../../base/entries/entry.ts'
import { indexKeys } from '../../base/entries/index-keys.ts'
import type { Change } from '../../base/entries/transaction.ts'
import { createMemoryMirror } from '../memory.ts'
import { createFollower } from './follow.ts'
import { type MemberKeys, memberKeysOf } from './member-keys.ts'
import { followedMirror } from './mirror.ts'
import { answerSearch } from './search.ts'

const { signal } = new AbortController()
const network = testNetwork(['a', 'b', 'c', 'd'])
const admit = (name: string): Change => ({ action: 'admit', offer: testOffer(name) })
const remove = (organisation: string): Change => ({ action: 'remove', organisation, serial: 1 })
const CHANGES: readonly (readonly [Change, readonly string[]])[] = [
  [admit('e'), ['a', 'b', 'c']],
  [admit('f'), ['a', 'b', 'c', 'd']],
  [remove('a'), ['b', 'c', 'd', 'e', 'f']],
  [remove('b'), ['c', 'd', 'e', 'f']],
  [remove('c'), ['d', 'e', 'f']],
]

function members(...names: readonly string[]): TestAuthority[] {
  return names.map((organisation) => ({
    organisation,
    log: signerOf(`${organisation}/log`),
    cosigner: signerOf(`${organisation}/cosigner`),
  }))
}

const OLD = { log: members('a'), cosigners: members('a', 'b', 'c') }
const NEW = { log: members('e'), cosigners: members('d', 'e', 'f') }

/** The log: ten entries, five changes of members, and what follows. */
function logOf(size: number, word = 'entry'): TileLog {
  const log = new TileLog(TEST_ORIGIN).grow(10, word)
  log.append(...CHANGES.map(([change, voters]) => encodeEntry(votedChange(change, voters))))
  return log.grow(size - 15, word)
}

/** Somebody who holds the log in full and answers searches. */
async function fullNode(name: string, log: TileLog, finds = true): Promise<TestSource> {
  const mirror = createMemoryMirror({ origin: TEST_ORIGIN, keysOf: indexKeys })
  const size = log.entries.length
  const note = Buffer.from(log.note(size, NEW)).toString()
  const files = { fetch: async (path: string) => log.file(path) ?? new Uint8Array(0), reject: () => assert.fail() }
  await mirror.ingest({ origin: TEST_ORIGIN, size, root: log.root(), note, cosignatures: [] }, files, signal)
  const shown = { find: finds ? mirror.find.bind(mirror) : async () => [] }
  return new TestSource(name, async (path) => (await answerSearch(shown, path)) ?? log.file(path))
}

function follow(sources: readonly TestSource[], keys: MemberKeys) {
  const mirror = createMemoryMirror({ origin: TEST_ORIGIN, keysOf: indexKeys })
  const follower = createFollower({
    log: followedMirror(mirror),
    keys,
    ahead: keys.ahead,
    sources: () => sources,
    evidence: { all: () => [], add: async () => {} },
    logger: silentLogger,
  })
  return { mirror, follower }
}

const founders = (): MemberKeys => memberKeysOf(network, [], silentLogger)

test('a reader that was away while most members were replaced takes their checkpoint, by the votes in the log', async () => {
  const log = logOf(300)
  const keys = founders()
  const source = await fullNode('full', log)
  const { mirror, follower } = follow([source], keys)
  assert.equal(await follower.offer(log.note(10, OLD), signal), 'accepted')
  assert.equal(await follower.offer(log.note(300, NEW), signal), 'accepted')
  assert.equal(keys.changes().length, 0, 'what is not accepted is not learnt')
  await keys.learn(mirror, signal)
  assert.deepEqual(
    keys.changes().map(({ index }) => index),
    [10, 11, 12, 13, 14],
  )
  assert.deepEqual([keys.policyAt(300).authorities, keys.policyAt(10).authorities], [3, 4])
  log.grow(5)
  assert.equal(await follower.offer(log.note(305, NEW), signal), 'accepted')
})

test('attack F4 "revoked keys": a reader that has learnt of it takes nothing newer of members that were removed', async () => {
  const log = logOf(40)
  const keys = founders()
  const { mirror, follower } = follow([await fullNode('full', log)], keys)
  await follower.offer(log.note(40, NEW), signal)
  await keys.learn(mirror, signal)
  log.grow(3)
  await assert.rejects(follower.offer(log.note(43, OLD), signal), { code: 'untrusted.signature' })
  const two = { log: members('d'), cosigners: members('a', 'b', 'c', 'd') }
  assert.equal(await follower.offer(log.note(43, two), signal), 'pending')
})

test('nobody gets ahead by changes that are hidden, made up, or of another tree, and no honest source is blamed', async () => {
  const log = logOf(40)
  const quiet = await fullNode('quiet', log, false)
  const hidden = follow([quiet], founders())
  assert.equal(await hidden.follower.offer(log.note(40, NEW), signal), 'pending')

  const honest = await fullNode('honest', log)
  const fork = logOf(40, 'forged')
  const other = follow([honest], founders())
  assert.equal(await other.follower.offer(fork.note(40, NEW), signal), 'pending')
  assert.deepEqual([quiet.blamed, honest.blamed], [[], []])

  // One founder writes a log in which his friends were let in by him alone.
  const made = new TileLog(TEST_ORIGIN).grow(10)
  for (const name of ['e', 'f']) made.append(encodeEntry(votedChange(admit(name), ['d'])))
  const liar = follow([await fullNode('liar', made)], founders())
  assert.equal(await liar.follower.offer(made.note(12, NEW), signal), 'pending')
  assert.equal(liar.mirror.newest(), undefined)
})

test('what waited counts as soon as the change of members is known by which it does', async () => {
  const log = logOf(40)
  const keys = founders()
  const { mirror, follower } = follow([await fullNode('quiet', log, false)], keys)
  const signed = { log: members('d'), cosigners: members('d', 'e', 'f') }
  assert.equal(await follower.offer(log.note(40, signed), signal), 'pending')
  keys.take(log.entries.map((entry, index) => ({ index, entry })))
  await follower.retry(signal)
  assert.equal(mirror.newest(), undefined, 'signatures of strangers were not kept, so they must come again')
  assert.equal(await follower.offer(log.note(40, signed), signal), 'accepted')
})

test('take() puts changes in their order, whenever it hears of them, and passes over what does not hold', () => {
  const log = logOf(20)
  const hits = log.entries.map((entry, index) => ({ index, entry }))
  const whole = founders()
  whole.take(hits)
  const piecemeal = founders()
  for (const hit of hits.toReversed()) piecemeal.take([hit, hit])
  assert.deepEqual([...piecemeal.policyAt(20).members.keys()], [...whole.policyAt(20).members.keys()])
  assert.deepEqual([...whole.policyAt(20).members.keys()], ['d', 'e', 'f'])
  whole.take([{ index: 20, entry: encodeEntry(votedChange(remove('d'), ['d'])) }])
  assert.deepEqual([...whole.policyAt(21).members.keys()], ['d', 'e', 'f'])
})

test('a checkpoint that founders signed after they were removed is not taken, though by network.json it would count', async () => {
  const log = logOf(40)
  const { follower, mirror } = follow([await fullNode('full', log)], founders())
  assert.equal(await follower.offer(log.note(40, OLD), signal), 'pending')
  assert.equal(mirror.newest(), undefined)
  assert.equal(await follower.offer(log.note(40, NEW), signal), 'accepted')
})

test('a founder who makes up checkpoints has others searched twice between two rounds, and stops nobody for longer', async () => {
  const log = logOf(40)
  const source = await fullNode('full', log)
  const { follower } = follow([source], founders())
  for (let at = 0; at < 20; at += 1) {
    const fork = new TileLog(TEST_ORIGIN).grow(40, `fork ${at}`)
    assert.equal(await follower.offer(fork.note(40, { log: members('d') }), signal), 'pending')
  }
  assert.equal(source.asked.filter((path) => path.startsWith('find/')).length, 2)
  assert.equal(await follower.offer(log.note(40, NEW), signal), 'pending')
  await follower.retry(signal)
  assert.equal(await follower.offer(log.note(40, NEW), signal), 'accepted')
})
