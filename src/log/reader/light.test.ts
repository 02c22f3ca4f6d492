import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  keysOf as keysOfLog,
  type TestAuthority,
  TestSource,
  TileLog,
  tampered,
  testAuthorities,
} from '../../../test/kit/tile-log.ts'
import { silentLogger } from '../../base/clock.ts'
import { type Entry, encodeEntry, parseEntry } from '../../base/entries/entry.ts'
import { entryKeys } from '../../base/entries/entry-keys.ts'
import { revocationHash } from '../../base/entries/revocation-list.ts'
import type { AcceptedCheckpoint, KeysOf, LogHit } from '../log.ts'
import { createMemoryMirror } from '../memory.ts'
import { leafHash } from '../tree/hash.ts'
import { verifyConsistency, verifyInclusion } from '../tree/proof.ts'
import { createFollower } from './follow.ts'
import { type CheckpointStore, createLightLog, type LightLog } from './light.ts'
import { answerSearch } from './search.ts'

const ORIGIN = 'log.example'
const authorities = testAuthorities(1)
const [a0] = authorities as [TestAuthority]
const signed = { log: [a0], cosigners: [a0] }
const { signal } = new AbortController()
const at = { heightBlock: 1, timeSeconds: 1_790_000_000 }

const keysOf: KeysOf = (bytes) => {
  try {
    const entry = parseEntry(bytes)
    const { purls, digests } = entryKeys(entry)
    return { kind: entry.kind, purls, digests }
  } catch {
    return { kind: undefined, purls: [], digests: [] }
  }
}

function revocation(place: number): Entry {
  const purl = `pkg:generic/bad@${place}`
  return { kind: 'revocation', v: 1, at, step: 'effective', purl, digests: [], reason: 'bad', votes: [0], place }
}

function headOf(...places: readonly number[]): Entry {
  const items = places.map((place) => ({ purl: `pkg:generic/bad@${place}`, digests: [] }))
  return { kind: 'head', v: 1, at, revocations: { count: items.length, hash: revocationHash(items) } }
}

/** A source that holds the log in full and answers searches. `hide` keeps entries from its index. */
async function fullNode(
  name: string,
  log: TileLog,
  hide: (index: number) => boolean = () => false,
): Promise<TestSource> {
  const mirror = createMemoryMirror({ origin: ORIGIN, keysOf })
  const size = log.entries.length
  const note = Buffer.from(log.note(size, signed)).toString()
  const files = { fetch: async (path: string) => log.file(path) ?? new Uint8Array(0), reject: () => assert.fail() }
  await mirror.ingest({ origin: ORIGIN, size, root: log.root(), note, cosignatures: [] }, files, signal)
  const shown = {
    find: async (query: Parameters<typeof mirror.find>[0]) =>
      (await mirror.find(query)).filter(({ index }) => !hide(index)),
  }
  return new TestSource(name, async (path) => (await answerSearch(shown, path)) ?? log.file(path))
}

async function join(
  log: TileLog,
  sources: readonly TestSource[],
): Promise<{ light: LightLog; store: CheckpointStore }> {
  let kept: AcceptedCheckpoint | undefined
  let revoked: readonly LogHit[] = []
  const store: CheckpointStore = {
    read: () => kept,
    async write(checkpoint) {
      kept = checkpoint
    },
    readRevocations: () => revoked,
    async writeRevocations(hits) {
      revoked = hits
    },
  }
  const light = createLightLog({ origin: ORIGIN, store, sources: () => sources, keysOf, logger: silentLogger })
  const follower = createFollower({
    log: light,
    keys: keysOfLog(ORIGIN, authorities, 1),
    sources: () => sources,
    evidence: { all: () => [], add: async () => {} },
    logger: silentLogger,
  })
  assert.equal(await follower.offer(log.note(log.entries.length, signed), signal), 'accepted')
  return { light, store }
}

test('a light log joins by the edge alone, and fetches an entry with its proof when it is asked for', async () => {
  const log = new TileLog(ORIGIN).grow(66_000)
  const source = new TestSource('full', (path) => log.file(path))
  const { light, store } = await join(log, [source])
  const files = source.asked.filter((path) => !path.startsWith('find/'))
  assert.ok(files.length <= 4 && files.every((path) => !path.includes('entries')), source.asked.join())
  for (const index of [0, 255, 256, 65_999]) {
    const entry = await light.entry(index)
    assert.equal(Buffer.from(entry).toString(), `entry ${index}`)
    const proof = await light.inclusion(index, 66_000)
    verifyInclusion({ index, size: 66_000, leafHash: leafHash(entry), proof, root: log.root() })
  }
  const proof = await light.consistency(700, 66_000)
  verifyConsistency({ size1: 700, root1: await light.rootAt(700), size2: 66_000, root2: log.root(), proof })
  assert.ok(source.asked.length < 30, `${source.asked.length} files`)
  assert.equal(store.read()?.size, 66_000)
  await assert.rejects(light.entry(66_000), { code: 'absent.entry' })
  await assert.rejects(light.consistency(1, 66_001), { code: 'absent.entry' })
})

test('a light log gives out no entry that a source made up', async () => {
  const log = new TileLog(ORIGIN).grow(300)
  const liar = new TestSource('liar', (path) => (path.includes('entries') ? tampered(log.file(path)) : log.file(path)))
  const { light } = await join(log, [liar])
  await assert.rejects(light.entry(7), { code: 'unavailable.peer' })
  assert.equal(liar.blamed.length, 1)
  const sources = [liar, new TestSource('full', (path) => log.file(path))]
  const second = await join(log, sources)
  assert.equal(Buffer.from(await second.light.entry(7)).toString(), 'entry 7')
  const read: number[] = []
  for await (const { index } of second.light.entries(250, 400)) read.push(index)
  assert.deepEqual([read.length, read[0], read.at(-1)], [50, 250, 299])
})

test('a light log finds by purl what any of those who hold all of it know, and only what is so', async () => {
  const log = new TileLog(ORIGIN).append(...[revocation(0), headOf(0)].map(encodeEntry)).grow(20)
  const quiet = await fullNode('quiet', log, () => true)
  const good = await fullNode('good', log)
  const inventive = new TestSource('inventive', (path) =>
    path.startsWith('find/') ? Buffer.from('{"indexes":[5,999999]}') : log.file(path),
  )
  const { light } = await join(log, [quiet, inventive, good])
  const hits = await light.find({ purl: 'pkg:generic/bad@0' })
  assert.deepEqual(
    hits.map(({ index }) => index),
    [0],
  )
  await assert.rejects(light.find({}), { code: 'usage.request' })
  const nobody = await join(log, [
    new TestSource('silent', (path) => (path.startsWith('find/') ? undefined : log.file(path))),
  ])
  await assert.rejects(nobody.light.find({ purl: 'pkg:generic/bad@0' }), { code: 'unavailable.peer' })
})

test('who answers a search with entries that it does not want is blamed, and a thousand of them cost one fetch', async () => {
  const log = new TileLog(ORIGIN).append(...[revocation(0), headOf(0)].map(encodeEntry)).grow(3000)
  const good = await fullNode('good', log)
  const indexes = Array.from({ length: 1000 }, (_, at) => at * 3 + 2)
  const flooding = new TestSource('flooding', (path) =>
    path.startsWith('find/') ? Buffer.from(JSON.stringify({ indexes })) : log.file(path),
  )
  const { light } = await join(log, [flooding, good])
  const fetched = () => [flooding, good].flatMap(({ asked }) => asked).filter((path) => path.includes('entries'))
  const [before, blamed] = [fetched().length, flooding.blamed.length]
  const hits = await light.find({ purl: 'pkg:generic/bad@0' })
  assert.deepEqual([hits[0]?.index, hits.length], [0, 1])
  assert.ok(fetched().length - before <= 2, 'one for the made up hit, one for the real one')
  assert.deepEqual([flooding.blamed.length - blamed, good.blamed], [1, []])
})

test('an answer to a search that is none blames who gave it', async () => {
  const log = new TileLog(ORIGIN).grow(3)
  for (const answer of ['{"indexes":["a"]}', 'no']) {
    const bad = new TestSource('bad', (path) => (path.startsWith('find/') ? Buffer.from(answer) : log.file(path)))
    const { light } = await join(log, [bad])
    await assert.rejects(light.find({ kind: 'head' }), { code: 'unavailable.peer' })
    assert.deepEqual([...new Set(bad.blamed)], ['the answer to a search of the log'])
  }
})

test('a light log has the complete revocation list or says that it has not', async () => {
  const entries = [revocation(0), headOf(0), revocation(1), headOf(0, 1)].map(encodeEntry)
  const log = new TileLog(ORIGIN).append(...entries).grow(10)
  const good = await fullNode('good', log)
  const { light } = await join(log, [good])
  assert.deepEqual(
    (await light.revocations()).map(({ index }) => index),
    [2, 0],
  )
  // Whoever hides one is found out as soon as anybody shows the newest head.
  const hiding = await join(log, [await fullNode('hiding', log, (index) => index === 2)])
  await assert.rejects(hiding.light.revocations(), { code: 'untrusted.proof' })
  const both = await join(log, [await fullNode('hiding', log, (index) => index >= 2 && index < 4), good])
  assert.equal((await both.light.revocations()).length, 2)
})

test('answerSearch() refuses what is no query', async () => {
  const log = { find: async () => assert.fail('it searched') }
  for (const text of ['', '{', '{"limit":0}', '{"other":1}', `{"purl":"${'a'.repeat(2_000)}"}`]) {
    const path = `find/${Buffer.from(text).toString('base64url')}`
    await assert.rejects(answerSearch(log, path), { code: 'usage.request' })
  }
  assert.equal(await answerSearch(log, 'tile/0/000'), undefined)
})

test('the revocation list of a light log comes with the checkpoint, and answers also when nobody can be asked', async () => {
  const log = new TileLog(ORIGIN).append(...[revocation(0), headOf(0)].map(encodeEntry)).grow(5)
  const sources = [await fullNode('good', log)]
  const { light, store } = await join(log, sources)
  assert.deepEqual(
    store.readRevocations().map(({ index }) => index),
    [0],
  )
  const asked = sources[0]?.asked.length
  assert.equal((await light.revocations()).length, 1)
  assert.equal(sources[0]?.asked.length, asked)
  const alone = createLightLog({ origin: ORIGIN, store, sources: () => [], keysOf, logger: silentLogger })
  assert.equal((await alone.revocations()).length, 1)
  assert.equal((await alone.find({ purl: 'pkg:generic/bad@0' })).length, 1)
  await assert.rejects(alone.find({ purl: 'pkg:generic/good@0' }), { code: 'unavailable.peer' })
})
