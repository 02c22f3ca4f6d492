import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  keysOf,
  type TestAuthority,
  TestSource,
  TileLog,
  tampered,
  testAuthorities,
} from '../../../test/kit/tile-log.ts'
import { silentLogger } from '../../base/clock.ts'
import { createMemoryMirror } from '../memory.ts'
import { createFollower, type EvidenceStore, type FollowDependencies, type Follower } from './follow.ts'
import { followedMirror } from './mirror.ts'
import { type Evidence, formatEvidence, parseEvidence } from './split-view.ts'

const ORIGIN = 'log.example'
const authorities = testAuthorities(4)
const [a0, a1, a2, a3] = authorities as [TestAuthority, TestAuthority, TestAuthority, TestAuthority]
const keys = keysOf(ORIGIN, authorities, 3)
const quorum = { log: [a0], cosigners: [a0, a1, a2] }
const { signal } = new AbortController()

class MemoryEvidence implements EvidenceStore {
  readonly kept: string[] = []
  all = (): Evidence[] => this.kept.map(parseEvidence)
  async add(_id: string, evidence: Evidence): Promise<void> {
    this.kept.push(formatEvidence(evidence))
  }
}

function follow(
  sources: readonly TestSource[],
  options: Partial<FollowDependencies> = {},
): { follower: Follower; mirror: ReturnType<typeof createMemoryMirror>; evidence: MemoryEvidence } {
  const mirror = createMemoryMirror({
    origin: ORIGIN,
    keysOf: () => ({ kind: undefined, purls: [], digests: [] }),
  })
  const evidence = new MemoryEvidence()
  const log = followedMirror(mirror)
  const follower = createFollower({ log, keys, sources: () => sources, evidence, logger: silentLogger, ...options })
  return { follower, mirror, evidence }
}

function honest(log: TileLog, name = 'honest'): TestSource {
  return new TestSource(name, (path) => log.file(path))
}

test('offer() accepts a checkpoint of a quorum with all its entries, and the next one that begins with it', async () => {
  const log = new TileLog(ORIGIN).grow(700)
  const { follower, mirror } = follow([honest(log)])
  assert.equal(await follower.offer(log.note(700, quorum), signal), 'accepted')
  assert.equal(Buffer.from(await mirror.entry(699)).toString(), 'entry 699')
  log.grow(1_300)
  assert.equal(await follower.offer(log.note(2_000, quorum), signal), 'accepted')
  assert.deepEqual(mirror.newest()?.root, log.root())
})

test('offer() waits for cosignatures that come one by one', async () => {
  const log = new TileLog(ORIGIN).grow(5)
  const { follower } = follow([honest(log)])
  assert.equal(await follower.offer(log.note(5, { log: [a0], cosigners: [a0] }), signal), 'pending')
  assert.equal(await follower.offer(log.note(5, { log: [a1], cosigners: [a1] }), signal), 'pending')
  assert.equal(follower.state().pendingCount, 1)
  assert.equal(await follower.offer(log.note(5, { log: [], cosigners: [a3] }), signal), 'accepted')
  assert.equal(follower.state().pendingCount, 0)
})

test('offer() keeps newer cosignatures of what it has accepted, so that an idle log stays fresh', async () => {
  const log = new TileLog(ORIGIN).grow(5)
  const { follower, mirror } = follow([honest(log)])
  await follower.offer(log.note(5, quorum), signal)
  assert.equal(await follower.offer(log.note(5, { ...quorum, timeSeconds: 1_700_000_900 }), signal), 'same')
  assert.deepEqual(
    mirror.newest()?.cosignatures.map(({ timeSeconds }) => timeSeconds),
    [1_700_000_900, 1_700_000_900, 1_700_000_900],
  )
  assert.equal(await follower.offer(log.note(5, quorum), signal), 'same')
  assert.equal(mirror.newest()?.cosignatures[0]?.timeSeconds, 1_700_000_900)
})

test('one liar among three sources is blamed and left, and everything arrives', async () => {
  const log = new TileLog(ORIGIN).grow(3_000)
  const liar = new TestSource('liar', (path) =>
    path.startsWith('tile/entries') ? tampered(log.file(path)) : log.file(path),
  )
  const sources = [liar, honest(log, 'b'), honest(log, 'c')]
  const { follower, mirror } = follow(sources)
  assert.equal(await follower.offer(log.note(3_000, quorum), signal), 'accepted')
  assert.deepEqual(mirror.newest()?.root, log.root())
  assert.equal(liar.blamed.length, 1)
  assert.deepEqual(
    sources.slice(1).map(({ blamed }) => blamed),
    [[], []],
  )
  assert.ok(sources.slice(1).some(({ asked }) => asked.some((path) => path.includes('entries'))))
})

test('a source whose tiles are of another tree is blamed before an entry is asked for', async () => {
  const [log, other] = [new TileLog(ORIGIN).grow(300), new TileLog(ORIGIN).grow(300, 'forged')]
  const liar = honest(other, 'liar')
  const { follower } = follow([liar, honest(log)])
  assert.equal(await follower.offer(log.note(300, quorum), signal), 'accepted')
  assert.deepEqual([liar.blamed.length, liar.asked.some((path) => path.includes('entries'))], [1, false])
})

test('a checkpoint that nobody has the tiles of is tried again, and blames nobody', async () => {
  const log = new TileLog(ORIGIN).grow(300)
  let here = false
  const source = new TestSource('late', (path) => (here ? log.file(path) : undefined))
  const { follower } = follow([source])
  assert.equal(await follower.offer(log.note(300, quorum), signal), 'unavailable')
  here = true
  await follower.retry(signal)
  assert.equal(follower.state().pendingCount, 0)
  assert.deepEqual(source.blamed, [])
})

test('G2 rollback: an older checkpoint of a quorum is never taken for the newest', async () => {
  const log = new TileLog(ORIGIN).grow(500)
  const { follower, mirror } = follow([honest(log)])
  await follower.offer(log.note(500, quorum), signal)
  assert.equal(await follower.offer(log.note(400, quorum), signal), 'older')
  assert.equal(await follower.offer(log.note(0, quorum), signal), 'older')
  assert.equal(mirror.newest()?.size, 500)
  assert.equal(follower.state().stopped, undefined)
})

test('G2 rollback: nothing older than the checkpoint of network.json is accepted, nor what does not begin with it', async () => {
  const log = new TileLog(ORIGIN).grow(500)
  const pinned = Buffer.from(log.note(400, quorum)).toString()
  const first = follow([honest(log)], { pinned })
  assert.equal(await first.follower.offer(log.note(300, quorum), signal), 'older')
  assert.equal(await first.follower.offer(log.note(400, quorum), signal), 'accepted')
  assert.equal(await first.follower.offer(log.note(500, quorum), signal), 'accepted')
  const fork = new TileLog(ORIGIN).grow(500, 'forged')
  const second = follow([honest(fork)], { pinned })
  assert.equal(await second.follower.offer(fork.note(500, quorum), signal), 'stopped')
  assert.equal(second.mirror.newest(), undefined)
})

test('G3 forked log: two checkpoints of one size, both with a quorum, stop the node, also after a restart', async () => {
  const [log, fork] = [new TileLog(ORIGIN).grow(300), new TileLog(ORIGIN).grow(300, 'forged')]
  const told: Evidence[] = []
  const { follower, evidence, mirror } = follow([honest(log)], { onEvidence: (one) => told.push(one) })
  await follower.offer(log.note(300, quorum), signal)
  assert.equal(await follower.offer(fork.note(300, { log: [a1], cosigners: [a1, a2, a3] }), signal), 'contradicts')
  assert.match(follower.state().stopped ?? '', /a1, a2 signed checkpoints that contradict each other/)
  log.grow(10)
  assert.equal(await follower.offer(log.note(310, quorum), signal), 'stopped')
  assert.equal(mirror.newest()?.size, 300)
  const again = follow([honest(log)], { evidence })
  assert.match(again.follower.state().stopped ?? '', /two histories/)
  // What was passed on stops others as well: both sides carry a quorum.
  const other = follow([honest(log)])
  assert.equal(await other.follower.learn(told[0] as Evidence), true)
  assert.notEqual(other.follower.state().stopped, undefined)
})

test('G3 forked log: a longer fork with a quorum is proven by its own tiles and stops the node', async () => {
  const log = new TileLog(ORIGIN).grow(1_000)
  const fork = new TileLog(ORIGIN, log.entries.slice(0, 900)).grow(600, 'forged')
  let served = log
  const source = new TestSource('both', (path) => served.file(path))
  const { follower, evidence, mirror } = follow([source])
  await follower.offer(log.note(1_000, quorum), signal)
  served = fork
  assert.equal(await follower.offer(fork.note(1_500, quorum), signal), 'stopped')
  assert.equal(mirror.newest()?.size, 1_000)
  assert.equal(evidence.kept.length, 1)
  assert.deepEqual(source.blamed, [])
})

test('G3 forked log: a smaller checkpoint of another history is evidence against who signed it, and stops nobody', async () => {
  const log = new TileLog(ORIGIN).grow(1_000)
  const fork = new TileLog(ORIGIN).grow(333, 'forged')
  const { follower, evidence } = follow([honest(log)])
  await follower.offer(log.note(1_000, { log: [a0], cosigners: [a0, a1, a2] }), signal)
  assert.equal(await follower.offer(fork.note(333, { log: [a3] }), signal), 'contradicts')
  assert.deepEqual(follower.state().evidence, ['a3 signed checkpoints that contradict each other (333 and 1000)'])
  assert.equal(follower.state().stopped, undefined)
  assert.equal(evidence.kept.length, 1)
})

test('one Byzantine authority cannot stop nodes from accepting good checkpoints', async () => {
  const log = new TileLog(ORIGIN).grow(300)
  const { follower, mirror, evidence } = follow([honest(log)])
  await follower.offer(log.note(300, quorum), signal)
  for (let at = 0; at < 50; at += 1) {
    const fork = new TileLog(ORIGIN).grow(300 + (at % 3), `forged ${at}`)
    await follower.offer(fork.note(300 + (at % 3), { log: [a3], cosigners: [a3] }), signal)
  }
  log.grow(5)
  // The good one comes in single cosignatures, the forks of the bad one between them.
  for (const good of [a0, a1]) {
    assert.equal(await follower.offer(log.note(305, { log: [good], cosigners: [good] }), signal), 'pending')
    for (let at = 0; at < 10; at += 1) {
      const fork = new TileLog(ORIGIN).grow(305, `forged again ${at}`)
      await follower.offer(fork.note(305, { log: [a3], cosigners: [a3] }), signal)
    }
  }
  assert.equal(await follower.offer(log.note(305, { log: [], cosigners: [a2] }), signal), 'accepted')
  assert.equal(mirror.newest()?.size, 305)
  assert.equal(follower.state().stopped, undefined)
  assert.ok(evidence.kept.length > 0 && evidence.kept.length <= 4)
  assert.ok(follower.state().pendingCount <= 4)
})

test('offer() refuses what is none of this log: another origin, nobody who is known, a broken signature', async () => {
  const log = new TileLog(ORIGIN).grow(3)
  const { follower } = follow([honest(log)])
  const strangers = testAuthorities(1, 'strangers')
  const stranger = log.note(3, { log: strangers, cosigners: strangers })
  await assert.rejects(follower.offer(stranger, signal), { code: 'untrusted.signature' })
  const elsewhere = new TileLog('other.example').grow(3).note(3, quorum)
  await assert.rejects(follower.offer(elsewhere, signal), { code: 'untrusted.origin' })
  const broken = Buffer.from(log.note(3, quorum)).toString().replace(/^3$/m, '4')
  await assert.rejects(follower.offer(Buffer.from(broken), signal), { code: 'untrusted.signature' })
  await assert.rejects(follower.offer(Buffer.from('no note'), signal), { code: 'usage.log' })
})

test('learn() refuses evidence that shows nothing', async () => {
  const log = new TileLog(ORIGIN).grow(300)
  const fork = new TileLog(ORIGIN).grow(300, 'forged')
  const { follower } = follow([honest(log)])
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
  const smaller = text(log.note(200, { log: [a3] }))
  const larger = text(log.note(300, quorum))
  const proof = log.consistency(200, 300)
  const agreeing = { smaller, larger, rootThen: log.root(200), proof }
  await assert.rejects(follower.learn(agreeing), { code: 'untrusted.proof' })
  const unproven = { smaller, larger, rootThen: fork.root(200), proof }
  await assert.rejects(follower.learn(unproven), { code: 'untrusted.proof' })
  const empty = { ...agreeing, smaller: text(log.note(0, { log: [a3] })) }
  await assert.rejects(follower.learn(empty), { code: 'untrusted.proof' })
  const strangers = testAuthorities(1, 'strangers')
  const unsigned = { ...agreeing, smaller: text(fork.note(200, { log: strangers })) }
  await assert.rejects(follower.learn(unsigned), { code: 'untrusted.signature' })
  const shown = { ...agreeing, smaller: text(fork.note(200, { log: [a3] })) }
  assert.equal(await follower.learn(shown), true)
  assert.equal(await follower.learn(shown), false)
  assert.throws(() => parseEvidence('{}'), { code: 'usage.log' })
})
