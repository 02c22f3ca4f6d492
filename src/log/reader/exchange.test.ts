import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SteppedClock, steppedClock } from '../../../test/kit/stepped-clock.ts'
import { keysOf, type TestAuthority, TestSource, TileLog, testAuthorities } from '../../../test/kit/tile-log.ts'
import { type Clock, silentLogger } from '../../base/clock.ts'
import type { LogMirror } from '../log.ts'
import { createMemoryMirror } from '../memory.ts'
import { type Exchange, type Gossip, originHash, startExchange, topicsOf } from './exchange.ts'
import { createFollower, type Follower } from './follow.ts'
import { followedMirror } from './mirror.ts'
import type { Evidence } from './split-view.ts'

const ORIGIN = 'log.example'
const authorities = testAuthorities(4)
const [a0, a1, a2, a3] = authorities as [TestAuthority, TestAuthority, TestAuthority, TestAuthority]
const quorum = { log: [a0], cosigners: [a0, a1, a2] }
const keys = keysOf(ORIGIN, authorities, 3)

/** Gossip between nodes of one process; a message has reached everybody when `publish` resolves. */
class Hub {
  readonly #listeners: {
    readonly topic: string
    readonly node: string
    hear(message: Uint8Array, from: string): void
  }[] = []

  for(node: string): Gossip {
    return {
      publish: async (topic, message) => {
        for (const one of this.#listeners) if (one.topic === topic && one.node !== node) one.hear(message, node)
      },
      subscribe: (topic, hear) => {
        const one = { topic, node, hear }
        this.#listeners.push(one)
        return () => void this.#listeners.splice(this.#listeners.indexOf(one), 1)
      },
    }
  }
}

/** A clock on which nobody's pause ends before `wake` is called. */
function sleeper(): { clock: Clock; pauses: number[]; wake(): void } {
  const pauses: number[] = []
  let wake = Promise.withResolvers<void>()
  const clock: SteppedClock = steppedClock()
  return {
    pauses,
    wake() {
      wake.resolve()
      wake = Promise.withResolvers()
    },
    clock: {
      ...clock,
      async sleep(ms, signal) {
        pauses.push(ms)
        const left = new Promise<void>((_, reject) =>
          signal?.addEventListener('abort', () => reject(new Error('left'))),
        )
        await Promise.race([wake.promise, left])
      },
    },
  }
}

interface Node {
  readonly mirror: LogMirror
  readonly follower: Follower
  readonly exchange: Exchange
  readonly blamed: string[]
  readonly pauses: number[]
  /** Somebody connects. */
  arrive(): void
  wake(): void
  /** Resolves when this node accepted something newer. */
  news(): Promise<void>
}

function start(t: { after(fn: () => Promise<void>): void }, name: string, hub: Hub, sources: TestSource[]): Node {
  const mirror = createMemoryMirror({ origin: ORIGIN, keysOf: () => ({ kind: undefined, purls: [], digests: [] }) })
  const blamed: string[] = []
  let exchange: Exchange | undefined
  const follower = createFollower({
    log: followedMirror(mirror),
    keys,
    sources: () => sources,
    evidence: { all: () => [], add: async () => {} },
    onEvidence: (evidence: Evidence) => exchange?.tell(evidence),
    logger: silentLogger,
  })
  const { clock, pauses, wake } = sleeper()
  let arrive: () => void = () => assert.fail('nobody waits for others')
  const random = { bytes: () => new Uint8Array(0), fraction: () => 0.5 }
  const made = startExchange(
    {},
    {
      log: mirror,
      follower,
      gossip: hub.for(name),
      sources: () => sources,
      arrivals(listener) {
        arrive = listener
        return () => undefined
      },
      blame: (from) => void blamed.push(from),
      clock,
      random,
      logger: silentLogger,
    },
  )
  exchange = made
  t.after(() => made.stop())
  const news = () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const end = mirror.watch(() => {
      end()
      resolve()
    })
    return promise
  }
  return { mirror, follower, exchange: made, blamed, pauses, wake, news, arrive: () => arrive() }
}

test('a checkpoint that one node accepts reaches the others by gossip, with its tiles from any of them', async (t) => {
  const log = new TileLog(ORIGIN).grow(300)
  const hub = new Hub()
  const source = new TestSource('files', (path) => (path === 'checkpoint' ? undefined : log.file(path)))
  const [first, second] = [start(t, 'first', hub, [source]), start(t, 'second', hub, [source])]
  const arrived = second.news()
  await first.follower.offer(log.note(300, quorum), new AbortController().signal)
  await arrived
  assert.equal(second.mirror.newest()?.size, 300)
})

test('a node that heard nothing asks others for their checkpoint, at once and then ever more seldom', async (t) => {
  const log = new TileLog(ORIGIN).grow(5)
  const source = new TestSource('peer', (path) =>
    path === 'checkpoint' ? log.note(log.entries.length, quorum) : log.file(path),
  )
  const node = start(t, 'node', new Hub(), [source])
  await node.exchange.pull()
  assert.equal(node.mirror.newest()?.size, 5)
  for (const wanted of [1_000, 2_000, 4_000]) {
    while (node.pauses.at(-1) !== wanted) await new Promise((resolve) => setImmediate(resolve))
    node.wake()
  }
  log.grow(1)
  await node.exchange.pull()
  assert.equal(node.mirror.newest()?.size, 6)
})

test('a node that was cut off asks as soon as somebody is there again, however long its pause', async (t) => {
  const log = new TileLog(ORIGIN).grow(5)
  let asked = 0
  const source = new TestSource('peer', (path) => {
    if (path !== 'checkpoint') return log.file(path)
    asked += 1
    return log.note(log.entries.length, quorum)
  })
  const node = start(t, 'node', new Hub(), [source])
  const pausing = async (ms: number): Promise<void> => {
    while (node.pauses.at(-1) !== ms) await new Promise((resolve) => setImmediate(resolve))
  }
  for (const ms of [1_000, 2_000, 4_000, 8_000]) {
    await pausing(ms)
    if (ms < 8_000) node.wake()
  }
  log.grow(1)
  const before = asked
  node.arrive()
  // Others come at the same time: one round for all of them.
  node.arrive()
  await pausing(500)
  node.arrive()
  node.wake()
  await pausing(1_000)
  assert.deepEqual([node.mirror.newest()?.size, asked - before], [6, 1])
})

test('what is malformed is blamed on who sent it, what is signed by strangers is not', async (t) => {
  const hub = new Hub()
  const node = start(t, 'node', hub, [])
  const strangers = testAuthorities(1, 'strangers')
  const topics = topicsOf(ORIGIN)
  const other = hub.for('other')
  await other.publish(topics.checkpoints, new TileLog(ORIGIN).grow(1).note(1, { log: strangers }))
  await other.publish(topics.checkpoints, Buffer.from('no note'))
  await other.publish(topics.evidence, Buffer.from('{}'))
  await node.exchange.pull()
  assert.deepEqual(node.blamed, ['other', 'other'])
})

test('G3 forked log: two clients that are shown two histories learn of it from each other, and both stop', async (t) => {
  const [log, fork] = [new TileLog(ORIGIN).grow(300), new TileLog(ORIGIN).grow(300, 'forged')]
  const hub = new Hub()
  const source = (of: TileLog) => new TestSource('files', (path) => (path === 'checkpoint' ? undefined : of.file(path)))
  const [left, right] = [start(t, 'left', hub, [source(log)]), start(t, 'right', hub, [source(fork)])]
  // Each hears its own first: the news of the other comes after that and is a contradiction.
  const { signal } = new AbortController()
  await Promise.all([
    left.follower.offer(log.note(300, quorum), signal),
    right.follower.offer(fork.note(300, { log: [a3], cosigners: [a1, a2, a3] }), signal),
  ])
  while (left.follower.state().stopped === undefined || right.follower.state().stopped === undefined) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const { follower } of [left, right]) assert.match(follower.state().stopped ?? '', /a1, a2/)
  assert.deepEqual([left.mirror.newest()?.root, right.mirror.newest()?.root], [log.root(), fork.root()])
})

test('topicsOf() names logs apart in a form that gossip takes', () => {
  const [one, two] = [topicsOf('a.example'), topicsOf('b.example')]
  for (const topic of [...Object.values(one), ...Object.values(two)])
    assert.match(topic, /^pyrsia\/[a-z0-9-]{1,64}\/1$/)
  assert.equal(new Set([...Object.values(one), ...Object.values(two)]).size, 4)
  assert.match(originHash('a.example'), /^[0-9a-f]{64}$/)
})
