/**
 * The conformance suite of `peers/peers.ts`: run on the memory twin and on the real adapter (libp2p and HTTPS), so that what holds
 * for one holds for the other. A harness makes networks whose nodes know one another once `join` resolved.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { type BlobId, blobIdOf, digestBytes } from '../../src/base/digest.ts'
import type { StoredDocument } from '../../src/base/document.ts'
import { collect } from '../../src/base/streams.ts'
import { identityOfSeed } from '../../src/peers/identity.ts'
import type { PeerId, Peers, Provider } from '../../src/peers/peers.ts'
import { flipped, MemoryHost } from './peer-host.ts'

/** How a node joins. */
export interface JoinOptions {
  readonly host: MemoryHost
  readonly trustPeers?: readonly PeerId[]
  readonly networkKey?: Uint8Array
}

/** Makes networks of one kind of peers. */
export interface PeersHarness {
  /** A new network; the function starts a node in it and resolves when it and all earlier ones are connected. */
  network(t: TestContext): Promise<(options: JoinOptions) => Promise<Peers>>
}

const MIB = 1_048_576
const blob = randomBytes(3 * MIB + 777)
const id = blobIdOf(blob)
const { signal } = new AbortController()
const look = { timeoutMs: 5_000, signal }
const lead = { ecosystem: 'e', upstream: 'registry.example.com', id, requestPath: '/a' }

/** The id of a node. */
function idOf(peers: Peers): PeerId {
  return peers.state().peerId
}

/** Runs the suite; `name` begins the names of its tests. */
export function peersSuite(name: string, harness: PeersHarness): void {
  lookupTests(name, harness)
  transferTests(name, harness)
  faultTests(name, harness)
  trustTests(name, harness)
}

function lookupTests(name: string, harness: PeersHarness): void {
  test(`${name}: lookup() finds a holder by sha256 and by sha512, and nobody for what nobody has`, async (t) => {
    const join = await harness.network(t)
    const host = new MemoryHost()
    host.add(blob)
    const holder = await join({ host })
    const asker = await join({ host: new MemoryHost() })
    for (const wanted of [id, digestBytes('sha512', blob)]) {
      const [found] = await asker.lookup([wanted], look)
      assert.deepEqual([found?.peerId, found?.id, found?.sizeBytes], [idOf(holder), id, blob.byteLength])
      assert.equal(found?.mediaType, 'application/test')
      assert.deepEqual(found?.names, [wanted])
    }
    assert.deepEqual(await asker.lookup([blobIdOf(Buffer.from('absent'))], look), [])
  })

  test(`${name}: a blob that is shared with nobody is neither found nor sent`, async (t) => {
    const join = await harness.network(t)
    const host = new MemoryHost()
    host.add(blob, { share: 'none' })
    const holder = await join({ host })
    const asker = await join({ host: new MemoryHost() })
    assert.deepEqual(await asker.lookup([id], look), [])
    const transfer = await asker.fetch([providerOf(holder, blob.byteLength)], { signal })
    await assert.rejects(collect(transfer.stream, blob.byteLength), { code: 'unavailable.peer' })
    assert.equal(host.opened, 0)
  })

  test(`${name}: list() and state() tell of the other node, and no longer once it stopped`, async (t) => {
    const join = await harness.network(t)
    const first = await join({ host: new MemoryHost() })
    const second = await join({ host: new MemoryHost(), trustPeers: [idOf(first)] })
    assert.equal(second.state().connected, 1)
    const [info] = second.list()
    assert.deepEqual([info?.peerId, info?.trust, info?.connected], [idOf(first), 'named', true])
    await first.stop()
    await until(() => second.state().connected === 0)
  })

  test(`${name}: onConnected() tells of a node that comes, until it is not to any more`, async (t) => {
    const join = await harness.network(t)
    const first = await join({ host: new MemoryHost() })
    const told: string[] = []
    const muted: string[] = []
    first.onConnected((peerId) => void told.push(peerId))
    const mute = first.onConnected((peerId) => void muted.push(peerId))
    const second = await join({ host: new MemoryHost() })
    await until(() => told.length === 1)
    mute()
    const third = await join({ host: new MemoryHost() })
    await until(() => told.length >= 2)
    assert.deepEqual([told[0], muted, told.includes(idOf(third))], [idOf(second), [idOf(second)], true])
  })

  test(`${name}: logFile() brings a file of a log, nothing for what is not there, and never more than asked for`, async (t) => {
    const join = await harness.network(t)
    const host = new MemoryHost()
    const [originHash, tile] = ['ab'.repeat(32), randomBytes(8_192)]
    host.logFiles.set(`${originHash}/tile/0/x001/000`, tile)
    const holder = await join({ host })
    const asker = await join({ host: new MemoryHost() })
    const ask = (path: string, bytesMax: number) =>
      asker.logFile(idOf(holder), { originHash, path }, { bytesMax, signal })
    assert.deepEqual(Buffer.from((await ask('tile/0/x001/000', 8_192)) ?? []), tile)
    assert.equal(await ask('checkpoint', 8_192), undefined)
    await assert.rejects(ask('tile/0/x001/000', 8_191), { code: 'exhausted.size' })
    const nobody = identityOfSeed(randomBytes(32)).peerId
    const gone = asker.logFile(nobody, { originHash, path: 'checkpoint' }, { bytesMax: 1, signal })
    await assert.rejects(gone, { code: 'unavailable.peer' })
  })

  test(`${name}: transact() brings the answer of a peer, and says so if it takes none, is gone, or the message is too large`, async (t) => {
    const join = await harness.network(t)
    const host = new MemoryHost()
    host.answer = 'ordered'
    const holder = await join({ host })
    const asker = await join({ host: new MemoryHost() })
    const send = (peerId: PeerId, bytes: Uint8Array) => asker.transact(peerId, bytes, { signal })
    assert.equal(Buffer.from(await send(idOf(holder), Buffer.from('please'))).toString(), 'ordered')
    assert.deepEqual(host.transacted, [['please', idOf(asker)]])
    await assert.rejects(send(idOf(holder), Buffer.alloc(65_537)), { code: 'usage.message' })
    host.answer = undefined
    await assert.rejects(send(idOf(holder), Buffer.from('please')), { code: 'unavailable.peer' })
    await assert.rejects(send(identityOfSeed(randomBytes(32)).peerId, Buffer.from('please')), {
      code: 'unavailable.peer',
    })
  })

  test(`${name}: publish() reaches who subscribed, and refuses more than 16 KiB`, async (t) => {
    const join = await harness.network(t)
    const [first, second] = [await join({ host: new MemoryHost() }), await join({ host: new MemoryHost() })]
    const heard: Array<readonly [string, PeerId]> = []
    second.subscribe('pyrsia/suite/1', (message, from) => heard.push([Buffer.from(message).toString(), from]))
    await until(async () => {
      await first.publish('pyrsia/suite/1', Buffer.from('news')).catch(() => {})
      return heard.length > 0
    })
    assert.deepEqual(heard[0], ['news', idOf(first)])
    await assert.rejects(first.publish('pyrsia/suite/1', new Uint8Array(16_385)), { code: 'exhausted.size' })
  })
}

function transferTests(name: string, harness: PeersHarness): void {
  test(`${name}: fetch() brings a blob from a named peer vouched, and any range of it`, async (t) => {
    const join = await harness.network(t)
    const host = new MemoryHost()
    host.add(blob)
    const holder = await join({ host })
    const asker = await join({ host: new MemoryHost(), trustPeers: [idOf(holder)] })
    const providers = await providersOf(asker)
    const whole = await asker.fetch(providers, { signal })
    assert.equal(whole.vouched, true)
    assert.equal(blobIdOf(await collect(whole.stream, blob.byteLength)), id)
    whole.settle(true)
    assert.deepEqual(whole.from(), [idOf(holder)])
    const range = { offset: MIB - 5, lengthBytes: MIB + 10 }
    const part = await asker.fetch(providers, { range, signal })
    assert.ok((await collect(part.stream, MIB * 2)).equals(blob.subarray(MIB - 5, 2 * MIB + 5)))
    assert.ok(asker.state().receivedBytes >= blob.byteLength)
    assert.ok(holder.state().sentBytes >= blob.byteLength)
  })

  test(`${name}: fetch() from a stranger is not vouched, a small blob always is`, async (t) => {
    const join = await harness.network(t)
    const host = new MemoryHost()
    const small = randomBytes(1_234)
    const smallId = host.add(small)
    host.add(blob)
    const holder = await join({ host })
    const asker = await join({ host: new MemoryHost() })
    const large = await asker.fetch(await providersOf(asker), { signal })
    assert.equal(large.vouched, false)
    assert.equal(blobIdOf(await collect(large.stream, blob.byteLength)), id)
    const provider = { ...providerOf(holder, small.byteLength), id: smallId }
    const transfer = await asker.fetch([provider], { range: { offset: 4, lengthBytes: 6 }, signal })
    assert.equal(transfer.vouched, true)
    assert.ok((await collect(transfer.stream, 100)).equals(small.subarray(4, 10)))
  })

  test(`${name}: fetch() refuses a range beyond the blob and ends when its caller leaves`, async (t) => {
    const join = await harness.network(t)
    const host = new MemoryHost()
    host.add(blob)
    await join({ host })
    const asker = await join({ host: new MemoryHost() })
    const providers = await providersOf(asker)
    const range = { offset: 1, lengthBytes: blob.byteLength }
    await assert.rejects(asker.fetch(providers, { range, signal }), { code: 'usage.range' })
    const leaving = new AbortController()
    const transfer = await asker.fetch(providers, { signal: leaving.signal })
    const reading = (async () => {
      for await (const _ of transfer.stream) leaving.abort()
    })()
    await assert.rejects(reading, { code: 'aborted.caller' })
  })
}

function faultTests(name: string, harness: PeersHarness): void {
  test(`${name}: a liar is dropped, named and remembered, and the blob is right`, async (t) => {
    const join = await harness.network(t)
    const [bad, good, own] = [new MemoryHost(), new MemoryHost(), new MemoryHost()]
    bad.add(blob)
    good.add(blob)
    bad.tamper = flipped
    const liar = await join({ host: bad })
    const honest = await join({ host: good })
    const asker = await join({ host: own, trustPeers: [idOf(liar), idOf(honest)] })
    const providers = [providerOf(liar, blob.byteLength), providerOf(honest, blob.byteLength)] as const
    const transfer = await asker.fetch(providers, { signal })
    assert.equal(blobIdOf(await collect(transfer.stream, blob.byteLength)), id)
    const info = asker.list().find(({ peerId }) => peerId === idOf(liar))
    assert.deepEqual([info?.standing, info?.faults[0]?.kind], ['dropped', 'bad-piece'])
    assert.deepEqual(
      (await asker.lookup([id], look)).map(({ peerId }) => peerId),
      [idOf(honest)],
    )
    assert.ok(own.recall().some(([peerId]) => peerId === idOf(liar)))
  })

  test(`${name}: settle(false) blames who signed the manifest`, async (t) => {
    const join = await harness.network(t)
    const host = new MemoryHost()
    host.add(randomBytes(blob.byteLength), { claim: id })
    const liar = await join({ host })
    const asker = await join({ host: new MemoryHost() })
    const transfer = await asker.fetch(await providersOf(asker), { signal })
    assert.notEqual(blobIdOf(await collect(transfer.stream, blob.byteLength)), id)
    transfer.settle(false)
    const info = asker.list().find(({ peerId }) => peerId === idOf(liar))
    assert.deepEqual([info?.standing, info?.faults[0]?.kind], ['dropped', 'bad-manifest'])
  })

  test(`${name}: a connection that breaks is resumed, one that always breaks ends with unavailable.peer`, async (t) => {
    const join = await harness.network(t)
    const host = new MemoryHost()
    host.add(blob)
    await join({ host })
    const asker = await join({ host: new MemoryHost() })
    host.tamper = () => {
      throw new Error('the disk is gone')
    }
    const transfer = await asker.fetch(await providersOf(asker), { signal })
    await assert.rejects(collect(transfer.stream, blob.byteLength), { code: 'unavailable.peer' })
  })
}

function trustTests(name: string, harness: PeersHarness): void {
  test(`${name}: document() takes the newest copy of those who are trusted, and none of strangers`, async (t) => {
    const join = await harness.network(t)
    const [older, newer] = [new MemoryHost(), new MemoryHost()]
    older.documents.set('k', documentOf(1))
    newer.documents.set('k', documentOf(2))
    const first = await join({ host: older })
    const second = await join({ host: newer })
    const trusting = await join({ host: new MemoryHost(), trustPeers: [idOf(first), idOf(second)] })
    const found = await trusting.document('k', look)
    assert.equal(found?.peerId, idOf(second))
    assert.deepEqual(found?.document.origin, { kind: 'peer', peerId: idOf(second), trusted: true })
    const wary = await join({ host: new MemoryHost() })
    assert.equal(await wary.document('k', look), undefined)
  })

  test(`${name}: members of a private network trust one another and one of them leads`, async (t) => {
    const join = await harness.network(t)
    const networkKey = randomBytes(32)
    const hosts = [new MemoryHost({ privateNetwork: true }), new MemoryHost({ privateNetwork: true })] as const
    for (const host of hosts) host.upstream = blob
    const nodes = [await join({ host: hosts[0], networkKey }), await join({ host: hosts[1], networkKey })] as const
    assert.equal(nodes[1].list()[0]?.trust, 'member')
    assert.equal(nodes[0].state().privateNetwork, true)
    const followed = await Promise.all(nodes.map((node) => node.follow(lead, { signal })))
    const [stream] = followed.flatMap((one) => (one === undefined ? [] : [one.stream]))
    assert.equal(followed.filter((one) => one !== undefined).length, 1)
    assert.ok(stream && blobIdOf(await collect(stream, blob.byteLength)) === id)
  })

  test(`${name}: follow() sends strangers upstream`, async (t) => {
    const join = await harness.network(t)
    const nodes = [await join({ host: new MemoryHost() }), await join({ host: new MemoryHost() })]
    for (const node of nodes) assert.equal(await node.follow(lead, { signal }), undefined)
  })
}

function providerOf(holder: Peers, sizeBytes: number): Provider {
  return { peerId: idOf(holder), trust: 'stranger', id, sizeBytes, mediaType: undefined }
}

async function providersOf(asker: Peers, wanted: BlobId = id): Promise<[Provider, ...Provider[]]> {
  const [first, ...rest] = await asker.lookup([wanted], look)
  assert.ok(first, 'nobody holds the blob')
  return [first, ...rest]
}

function documentOf(checkedAtMs: number): StoredDocument {
  return {
    key: 'k',
    upstream: 'registry.example.com',
    status: 'found',
    body: id,
    sizeBytes: 5,
    mediaType: 'application/json',
    headers: {},
    changedAtMs: 1,
    checkedAtMs,
    origin: { kind: 'local' },
    share: 'network',
  }
}

/** Waits for `condition`, looking again whenever other work was done; at most 20 seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.fail('what the test waits for did not happen within 20 seconds')
}
