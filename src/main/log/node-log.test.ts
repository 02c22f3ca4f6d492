import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { appendTestEntries, joinTestNetwork, makeTestNetwork } from '../../../test/kit/network-log.ts'
import { TileLog, testAuthorities } from '../../../test/kit/tile-log.ts'
import { silentLogger } from '../../base/clock.ts'
import { signerOfSeed } from '../../base/crypto/ed25519.ts'
import { makeVkey } from '../../base/network/vkey.ts'
import { logLayout } from '../../log/disk/layout.ts'
import type { AcceptedCheckpoint } from '../../log/log.ts'
import { cosign } from '../../log/note/cosignature.ts'
import { formatNote, parseNote } from '../../log/note/note.ts'
import { originHash } from '../../log/reader/exchange.ts'
import { searchPath } from '../../log/reader/search.ts'
import { formatAddCheckpoint } from '../../log/witness/request.ts'
import type { PeerInfo } from '../../peers/peers.ts'
import { systemClock, systemRandom } from '../effects.ts'
import { readNodeNetwork } from '../network/node-network.ts'
import { checkOwnLog } from '../network/verify-file.ts'
import { type NodeLog, type NodeLogDependencies, type NodeLogOptions, openNodeLog } from './node-log.ts'

const ORIGIN = 'log.acme.example'
const near = { peerId: 'p', sameSubnet: true, member: false }

const noPeers: NodeLogDependencies['peers'] = {
  list: () => [],
  onConnected: () => () => undefined,
  logFile: async () => undefined,
  blame: () => {},
  publish: async () => {},
  subscribe: () => () => {},
}

async function directoryFor(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pyrsia-node-log-'))
  t.after(() => rm(directory, { recursive: true }))
  return directory
}

const friend: PeerInfo = {
  peerId: 'friend',
  trust: 'named',
  connected: true,
  dataAddress: undefined,
  addresses: [],
  zone: undefined,
  sameSubnet: true,
  roundTripMs: undefined,
  rateBytesPerSecond: undefined,
  receivedBytes: 0,
  sentBytes: 0,
  standing: 'good',
  faults: [],
}

/** Resolves when the node has cosigned its newest checkpoint. */
async function cosignedBy(log: NodeLog): Promise<void> {
  while (log.view().checkpoint?.cosigners.length !== 1) await setTimeout(20)
}

function opened(directory: string, options: Partial<NodeLogOptions> = {}, peers = noPeers): Promise<NodeLog> {
  return openNodeLog(
    { directory, mode: 'full', sources: [], witness: false, witnessLogs: [], askWitnesses: [], ...options },
    { clock: systemClock, random: systemRandom, logger: silentLogger, peers },
  )
}

function asked(log: NodeLog, path: string, origin: string): Promise<Uint8Array | undefined> {
  return log.logFile({ originHash: originHash(origin), path }, near)
}

test('a node on its own signs and cosigns its log, and gives peers nothing of it', async (t) => {
  const directory = await directoryFor(t)
  await using log = await opened(directory)
  const view = log.view()
  assert.deepEqual([view.solo, view.writes, view.checkpoint?.cosigners.length, view.notes], [true, true, 1, []])
  await log.writer?.append([Buffer.from('{"kind":"test"}')])
  assert.equal(await asked(log, 'checkpoint', view.origin), undefined)
  assert.match(Buffer.from((await log.served.tile('tile/entries/000.p/1')) ?? []).toString(), /test/)
})

test('however many witnesses date a checkpoint into the future, its time is that of the authorities alone (G2 freeze)', async (t) => {
  const keys = [1, 2, 3].map((seed) => signerOfSeed(new Uint8Array(32).fill(seed)))
  const askWitnesses = keys.map(({ publicKey }, at) => ({
    url: 'http://127.0.0.1:1',
    key: makeVkey(`w${at}.example`, 'cosignature', publicKey),
  }))
  await using log = await opened(await directoryFor(t), { askWitnesses })
  const newest = log.reader.newest() as AcceptedCheckpoint
  const { text, signatures } = parseNote(Buffer.from(newest.note))
  const timeSeconds = 4_000_000_000
  const theirs = keys.map((signer, at) => cosign(text, `w${at}.example`, signer, timeSeconds))
  const note = Buffer.from(formatNote({ text, signatures: [...signatures, ...theirs] })).toString()
  const cosignatures = [...newest.cosignatures, ...theirs.map(({ name }) => ({ name, timeSeconds }))]
  const witnessed = { ...newest, note, cosignatures }
  assert.equal(log.trusted.timeOf(witnessed), newest.cosignatures[0]?.timeSeconds)
})

test('the log of a network is given to peers who know its origin: checkpoint, tiles and searches', async (t) => {
  const directory = await directoryFor(t)
  await makeTestNetwork(directory, ORIGIN)
  await appendTestEntries(directory, 3)
  await using log = await opened(directory)
  assert.match(Buffer.from((await asked(log, 'checkpoint', ORIGIN)) ?? []).toString(), /^log\.acme\.example\n3\n/)
  assert.equal((await asked(log, 'tile/0/000.p/3', ORIGIN))?.byteLength, 96)
  assert.equal(await asked(log, 'tile/0/001', ORIGIN), undefined)
  const found = await asked(log, searchPath({ kind: 'head' }), ORIGIN)
  assert.equal(Buffer.from(found ?? []).toString(), '{"indexes":[]}')
  assert.equal(await asked(log, 'checkpoint', 'other.example'), undefined)
})

test('a log or a cosigner memory that is lost is not begun anew with the same key', async (t) => {
  for (const lost of ['log', 'cosigner']) {
    const directory = await directoryFor(t)
    await using first = await opened(directory)
    await first.writer?.append([Buffer.from('{"kind":"test"}')])
    await first[Symbol.asyncDispose]()
    await rm(join(directory, lost), { recursive: true })
    await assert.rejects(opened(directory), { code: lost === 'log' ? 'damaged.log' : 'damaged.cosigner' })
  }
})

test('a node that joined a network says that it has found no checkpoint yet, in full and light', async (t) => {
  const author = await directoryFor(t)
  await makeTestNetwork(author, ORIGIN)
  for (const mode of ['full', 'light'] as const) {
    const directory = await directoryFor(t)
    await joinTestNetwork(directory, author)
    await using log = await opened(directory, { mode })
    const { writes, checkpoint, notes } = log.view()
    assert.deepEqual(
      [writes, checkpoint, notes],
      [false, undefined, [`No checkpoint of the log ${ORIGIN} was found yet`]],
    )
    assert.equal(log.view().mode, mode)
    await using sharing = log.start()
    assert.ok(sharing)
    assert.throws(() => log.start(), { code: 'bug.assertion' })
  }
})

test('a kept checkpoint that nobody stands for any more is forgotten', async (t) => {
  const author = await directoryFor(t)
  await makeTestNetwork(author, ORIGIN)
  const directory = await directoryFor(t)
  await joinTestNetwork(directory, author)
  const strangers = testAuthorities(1)
  const note = new TileLog(ORIGIN).grow(3).note(3, { log: strangers, cosigners: strangers })
  for (const text of [note, 'no note']) {
    await writeFile(join(directory, 'checkpoint'), text)
    await using log = await opened(directory, { mode: 'light' })
    assert.equal(log.view().checkpoint, undefined)
  }
})

test('a witness cosigns the logs that it was told of under a name of its own, and remembers over restarts', async (t) => {
  const author = await directoryFor(t)
  await makeTestNetwork(author, ORIGIN)
  const directory = await directoryFor(t)
  await joinTestNetwork(directory, author)
  const [authority] = testAuthorities(1)
  assert(authority !== undefined)
  const log = new TileLog('other.example').grow(9)
  const key = makeVkey('other.example', 'ed25519', authority.log.publicKey)
  const options = { witness: true, witnessLogs: [{ origin: 'other.example', keys: [key] }] }
  const request = (oldSize: number, size: number) =>
    formatAddCheckpoint(oldSize, log.consistency(oldSize, size), log.note(size, { log: [authority] }))
  {
    await using node = await opened(directory, options)
    assert.deepEqual(node.view().witnessed, [ORIGIN, 'other.example'])
    const reply = await node.witness?.addCheckpoint(request(0, 5))
    assert.equal(reply?.status, 200)
    assert.match(reply?.body ?? '', /^\u2014 witness\/[0-9a-f]{32} /)
  }
  await using again = await opened(directory, options)
  assert.equal((await again.witness?.addCheckpoint(request(0, 9)))?.body, '5\n')
  assert.equal((await again.witness?.addCheckpoint(request(5, 9)))?.status, 200)
  const keyFile = await readFile(join(directory, 'keys', 'cosigner.key'), 'utf8')
  assert.match(keyFile, /PRIVATE KEY/)
})

test('an authority whose old copy was restored learns it from others, cosigns nothing any more and says why', async (t) => {
  const directory = await directoryFor(t)
  await makeTestNetwork(directory, ORIGIN)
  await appendTestEntries(directory, 3)
  const old = await directoryFor(t)
  await cp(directory, old, { recursive: true })
  await appendTestEntries(directory, 2)
  let note = ''
  {
    await using log = await opened(directory)
    await using sharing = log.start()
    assert.ok(sharing)
    await cosignedBy(log)
    note = log.served.newest()?.note ?? ''
  }
  const peers = { ...noPeers, list: () => [{ ...friend }], logFile: async () => Buffer.from(note) }
  await using restored = await opened(old, {}, peers)
  assert.equal(restored.view().checkpoint?.cosigners.length, 0)
  await using sharing = restored.start()
  assert.ok(sharing)
  while (!restored.view().notes.some((each) => each.includes('old copy restored'))) await setTimeout(20)
  assert.equal(restored.view().checkpoint?.cosigners.length, 0)
})

test('a log, or a memory of a cosigner, that is lost or damaged keeps the node from starting; it says what mends it and changes nothing', async (t) => {
  const directory = await directoryFor(t)
  await assert.rejects(checkOwnLog(directory), { code: 'absent.network' })
  await (await opened(directory))[Symbol.asyncDispose]()
  await appendTestEntries(directory, 3)
  await (await opened(directory))[Symbol.asyncDispose]()
  assert.deepEqual((await checkOwnLog(directory)).problems, [])
  const origin = (await readNodeNetwork(directory))?.network.origin ?? ''
  const { record, served } = logLayout(join(directory, 'log'), origin)
  const signed = join(directory, 'cosigner', 'signed')
  for (const path of [record, join(served, 'tile', 'entries', '000.p', '3'), signed]) {
    const bytes = await readFile(path)
    await rm(path)
    const damaged = { code: path === signed ? 'damaged.cosigner' : 'damaged.log', message: /run-a-log\.md/ }
    await assert.rejects(opened(directory), damaged)
    if (path !== signed) assert.notDeepEqual((await checkOwnLog(directory)).problems, [], path)
    await writeFile(path, bytes)
    const again = await opened(directory)
    assert.equal(again.reader.newest()?.size, 3)
    await again[Symbol.asyncDispose]()
  }
  await rm(join(directory, 'log'), { recursive: true })
  await assert.rejects(opened(directory), { code: 'damaged.log', message: /second history/ })
  assert.notDeepEqual((await checkOwnLog(directory)).problems, [])
  // To begin anew is to give up the keys that signed the other history.
  for (const name of ['log', 'cosigner', 'keys', 'network.json']) await rm(join(directory, name), { recursive: true })
  await (await opened(directory))[Symbol.asyncDispose]()
  assert.notEqual((await readNodeNetwork(directory))?.network.origin, origin)
})

test('the log of a node that follows in light mode, or has not started yet, is not there to be checked', async (t) => {
  const from = await directoryFor(t)
  await makeTestNetwork(from, ORIGIN)
  await assert.rejects(checkOwnLog(from), { code: 'absent.entry', message: /never started/ })
  const directory = await directoryFor(t)
  await joinTestNetwork(directory, from)
  await (await opened(directory, { mode: 'light' }))[Symbol.asyncDispose]()
  await assert.rejects(checkOwnLog(directory), { code: 'absent.entry', message: /light/ })
})
