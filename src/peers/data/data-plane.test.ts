import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect } from 'node:tls'
import {
  type DataNode,
  dataNetwork,
  never,
  providersFor,
  realClock,
  transferFrom,
} from '../../../test/kit/data-network.ts'
import { MemoryHost } from '../../../test/kit/peer-host.ts'
import { blobIdOf, digestBytes, digestOf } from '../../base/digest.ts'
import type { StoredDocument } from '../../base/document.ts'
import { AppError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import { identityOfSeed } from '../identity.ts'
import { clientContext, dialPeer } from './client/dial.ts'
import { PeerClient } from './client/peer-client.ts'
import { makeCertificate } from './wire/certificate.ts'

const blob = randomBytes(5 * 1_048_576 + 12_345)
const id = blobIdOf(blob)
const look = { timeoutMs: 2_000, signal: never }

test('fetch() brings a blob of several pieces from one peer in one request, each piece checked', async (t) => {
  const join = dataNetwork(t)
  const [holder, asker] = [await join(), await join()]
  holder.host.add(blob)
  const [provider] = await asker.plane.lookup([id], look)
  assert.ok(provider)
  const transfer = await asker.plane.fetch([provider], { signal: never })
  assert.equal(transfer.vouched, true)
  assert.equal(blobIdOf(await collect(transfer.stream, blob.byteLength)), id)
  assert.deepEqual(transfer.from(), [holder.identity.peerId])
  assert.equal(holder.host.opened, 1)
  assert.equal(asker.plane.facts(holder.identity.peerId).receivedBytes, blob.byteLength)
  assert.equal(holder.plane.facts(asker.identity.peerId).sentBytes, blob.byteLength)
})

test('fetch() spreads the pieces of a blob over several peers', async (t) => {
  const join = dataNetwork(t)
  const asker = await join()
  const holders = [await join(), await join(), await join()]
  for (const { host } of holders) host.add(blob)
  const transfer = await transferFrom(asker, holders, id, blob.byteLength)
  assert.equal(blobIdOf(await collect(transfer.stream, blob.byteLength)), id)
  assert.equal(transfer.from().length, 3)
})

test('fetch() gives exactly the range that was asked for, across pieces', async (t) => {
  const join = dataNetwork(t)
  const [holder, asker] = [await join(), await join()]
  holder.host.add(blob)
  const range = { offset: 1_048_000, lengthBytes: 2_100_000 }
  const transfer = await asker.plane.fetch(providersFor([holder], id, blob.byteLength), { range, signal: never })
  const found = await collect(transfer.stream, blob.byteLength)
  assert.ok(found.equals(blob.subarray(range.offset, range.offset + range.lengthBytes)))
})

test('fetch() brings a small blob and any range of it without a manifest', async (t) => {
  const join = dataNetwork(t)
  const [holder, asker] = [await join(), await join()]
  const small = randomBytes(10_000)
  const smallId = holder.host.add(small)
  const range = { offset: 5, lengthBytes: 95 }
  const whole = await transferFrom(asker, [holder], smallId, small.byteLength)
  assert.ok((await collect(whole.stream, 10_000)).equals(small))
  const part = await asker.plane.fetch(providersFor([holder], smallId, 10_000), { range, signal: never })
  assert.ok((await collect(part.stream, 10_000)).equals(small.subarray(5, 100)))
  assert.equal(part.vouched, true)
})

test('fetch() refuses a range beyond the blob', async (t) => {
  const join = dataNetwork(t)
  const [holder, asker] = [await join(), await join()]
  holder.host.add(blob)
  const range = { offset: blob.byteLength, lengthBytes: 1 }
  await assert.rejects(asker.plane.fetch(providersFor([holder], id, blob.byteLength), { range, signal: never }), {
    code: 'usage.range',
  })
})

test('fetch() stops with aborted.caller when its caller leaves', async (t) => {
  const join = dataNetwork(t)
  const [holder, asker] = [await join(), await join()]
  holder.host.add(blob)
  const leaving = new AbortController()
  const transfer = await asker.plane.fetch(providersFor([holder], id, blob.byteLength), { signal: leaving.signal })
  const reading = (async () => {
    for await (const _ of transfer.stream) leaving.abort()
  })()
  await assert.rejects(reading, { code: 'aborted.caller' })
})

test('lookup() finds a holder by sha512 as well as by sha256', async (t) => {
  const join = dataNetwork(t)
  const [holder, asker] = [await join(), await join()]
  holder.host.add(blob)
  const found = await asker.plane.lookup([digestBytes('sha512', blob)], look)
  assert.deepEqual(
    found.map((one) => [one.peerId, one.id, one.sizeBytes, one.trust]),
    [[holder.identity.peerId, id, blob.byteLength, 'named']],
  )
})

test('a blob that is shared with nobody is neither found, sent, described nor announced', async (t) => {
  const join = dataNetwork(t)
  const [holder, asker] = [await join(), await join()]
  holder.host.add(blob, { share: 'none' })
  holder.plane.announce([id])
  assert.deepEqual(await asker.plane.lookup([id], look), [])
  const transfer = await transferFrom(asker, [holder], id, blob.byteLength)
  await assert.rejects(collect(transfer.stream, blob.byteLength), { code: 'unavailable.peer' })
  assert.equal(holder.host.opened, 0)
})

test('a node that serves nobody answers nothing and still downloads', async (t) => {
  const join = dataNetwork(t)
  const [quiet, open] = [await join({ serveNobody: true }), await join()]
  quiet.host.add(blob)
  assert.deepEqual(await open.plane.lookup([id], look), [])
  const other = open.host.add(randomBytes(100))
  assert.equal((await quiet.plane.lookup([other], look)).length, 1)
})

test('a member of a private network is served, a node without the key is not', async (t) => {
  const join = dataNetwork(t)
  const networkKey = randomBytes(32)
  const member = { networkKey, trust: 'member' } as const
  const [holder, asker, stranger] = [await join(member), await join(member), await join({ trust: 'member' })]
  holder.host.add(blob)
  assert.equal((await asker.plane.lookup([id], look)).length, 1)
  assert.deepEqual(await stranger.plane.lookup([id], look), [])
})

test('a peer that is denied cannot connect', async (t) => {
  const join = dataNetwork(t)
  const asker = await join()
  const holder = await join({ denyPeers: [asker.identity.peerId] })
  holder.host.add(blob)
  assert.deepEqual(await asker.plane.lookup([id], look), [])
})

test('a dialled node that holds another key than its peer id names is refused before anything is sent', async (t) => {
  const node = await dataNetwork(t)()
  const me = identityOfSeed(randomBytes(32))
  const context = clientContext(await makeCertificate(me, realClock.nowMs()))
  const target = { peerId: me.peerId, publicKey: me.publicKey, hosts: ['127.0.0.1'], port: node.port }
  const dialling = dialPeer(target, { context, alpn: 'http/1.1', timeoutMs: 2_000, signal: never })
  await assert.rejects(dialling, { code: 'untrusted.signature' })
})

test('a client without a certificate is disconnected unanswered', async (t) => {
  const node = await dataNetwork(t)()
  const socket = connect({ host: '127.0.0.1', port: node.port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  socket.on('error', () => {})
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.write('GET /v1/blobs/00 HTTP/1.1\r\nhost: peer\r\n\r\n')
  await once(socket, 'close')
  assert.equal(answer, '')
})

test('a peer that cannot be dialled dials back and is read from', async (t) => {
  const join = dataNetwork(t)
  const [holder, asker] = [await join({ dialable: false }), await join()]
  holder.host.add(blob)
  const [provider] = await asker.plane.lookup([id], look)
  assert.ok(provider)
  const transfer = await asker.plane.fetch([provider], { signal: never })
  assert.equal(blobIdOf(await collect(transfer.stream, blob.byteLength)), id)
})

test('a peer whose port refuses is looked up, asked many things at once and read from over connections that it dials back', async (t) => {
  const join = dataNetwork(t)
  const [holder, asker] = [await join({ dialable: 'closed' }), await join()]
  holder.host.add(blob)
  const small = Array.from({ length: 40 }, () => randomBytes(1_000))
  for (const bytes of small) holder.host.add(bytes)
  const found = await Promise.all([blob, ...small].map((bytes) => asker.plane.lookup([blobIdOf(bytes)], look)))
  assert.deepEqual(
    found.map((providers) => providers.length),
    Array.from({ length: 41 }, () => 1),
  )
  const transfer = await transferFrom(asker, [holder], id, blob.byteLength)
  assert.equal(blobIdOf(await collect(transfer.stream, blob.byteLength)), id)
  assert.ok(asker.dialBacksAsked() <= 6, `${asker.dialBacksAsked()} connections were asked for`)
})

test('document() takes the newest copy of peers whose word counts and names its giver', async (t) => {
  const join = dataNetwork(t)
  const [asker, older, newer] = [await join(), await join(), await join()]
  const document: StoredDocument = {
    key: 'k',
    upstream: 'registry.example.com',
    status: 'found',
    body: id,
    sizeBytes: 5,
    mediaType: 'application/json',
    headers: { etag: '"1"' },
    changedAtMs: 1,
    checkedAtMs: 1,
    origin: { kind: 'local' },
    share: 'network',
  }
  older.host.documents.set('k', document)
  newer.host.documents.set('k', { ...document, checkedAtMs: 2 })
  const found = await asker.plane.document('k', look)
  assert.equal(found?.peerId, newer.identity.peerId)
  assert.equal(found?.document.checkedAtMs, 2)
  assert.deepEqual(found?.document.origin, { kind: 'peer', peerId: newer.identity.peerId, trusted: true })
  assert.equal(await asker.plane.document('other', look), undefined)
})

test('document() asks no strangers', async (t) => {
  const join = dataNetwork(t)
  const [asker, stranger] = [await join({ trust: 'stranger' }), await join()]
  stranger.host.documents.set('k', { key: 'k' } as StoredDocument)
  assert.equal(await asker.plane.document('k', look), undefined)
})

test('follow() streams from the one leader of a digest, and only within a private network', async (t) => {
  const join = dataNetwork(t)
  const member = { networkKey: randomBytes(32), trust: 'member', followTimeoutMs: 2_000 } as const
  const nodes = [await join(member), await join(member), await join(member)]
  for (const { host } of nodes) host.upstream = blob
  const request = { ecosystem: 'e', upstream: 'registry.example.com', id, requestPath: '/a' }
  const followed = await Promise.all(nodes.map((node) => node.plane.follow(request, { signal: never })))
  const leaders = new Set(followed.map((one) => one?.peerId))
  assert.equal(followed.filter((one) => one === undefined).length, 1)
  assert.equal(leaders.size, 2)
  for (const one of followed) if (one) assert.equal(blobIdOf(await collect(one.stream, blob.byteLength)), id)
  const [alone] = [await dataNetwork(t)()]
  assert.equal(await alone.plane.follow(request, { signal: never }), undefined)
})

test('follow() goes upstream when the leader sends nothing in time', async (t) => {
  const join = dataNetwork(t)
  const member = { networkKey: randomBytes(32), trust: 'member', followTimeoutMs: 50 } as const
  const nodes = [await join(member), await join(member)]
  for (const { host } of nodes) host.lead = () => new Promise(() => {})
  const request = { ecosystem: 'e', upstream: 'registry.example.com', id, requestPath: '/a' }
  const followed = await Promise.all(nodes.map((node) => node.plane.follow(request, { signal: never })))
  assert.deepEqual(followed, [undefined, undefined])
})

/** A client of `node` with an identity of its own. */
async function clientOf(node: DataNode): Promise<{ readonly client: PeerClient; readonly peerId: string }> {
  const me = identityOfSeed(randomBytes(32))
  const { peerId, publicKey } = node.identity
  const options = {
    target: () => ({ peerId, publicKey, hosts: ['127.0.0.1'], port: node.port }),
    context: clientContext(await makeCertificate(me, realClock.nowMs())),
    memberProof: undefined,
    connectTimeoutMs: 2_000,
    requestTimeoutMs: 5_000,
    admit: () => () => {},
    dialledBack: () => Promise.reject(new AppError('unavailable.peer', 'not in this test')),
  }
  return { client: new PeerClient(peerId, options, { clock: realClock }), peerId: me.peerId }
}

async function post(client: PeerClient, path: string, value: unknown): Promise<{ status: number; json: unknown }> {
  const body = Buffer.from(JSON.stringify(value))
  const reply = await client.ask({ method: 'POST', path, headers: {}, body }, { bytesMax: 1_000_000, signal: never })
  return { status: reply.status, json: JSON.parse(reply.body.toString()) }
}

test('a node keeps 10,000 digests announced in one request and names who announced them', async (t) => {
  const node = await dataNetwork(t)()
  const { client, peerId } = await clientOf(node)
  const other = await clientOf(node)
  t.after(() => Promise.all([client.close(), other.client.close()]))
  const names = Array.from({ length: 10_000 }, (_, n) => digestOf('sha256', `${n}`.padStart(32, '0').padEnd(64, '0')))
  assert.deepEqual(await post(client, '/v1/announce', { names }), { status: 200, json: { kept: 10_000 } })
  const asked = { names: [names[9_999]] }
  assert.deepEqual(await post(other.client, '/v1/lookup', asked), {
    status: 200,
    json: { holdings: [], providers: [peerId] },
  })
  await post(client, '/v1/withdraw', asked)
  assert.deepEqual(await post(other.client, '/v1/lookup', asked), {
    status: 200,
    json: { holdings: [], providers: [] },
  })
})

test('a peer that announces more than its share a minute is told to wait', async (t) => {
  const node = await dataNetwork(t)({ announcementsPerMinute: 1 })
  const { client } = await clientOf(node)
  t.after(() => client.close())
  assert.equal((await post(client, '/v1/announce', { names: [id] })).status, 200)
  assert.equal((await post(client, '/v1/announce', { names: [id] })).status, 429)
  const unread = await post(client, '/v1/announce', { names: 5 })
  assert.equal(unread.status, 429, 'what it sends meanwhile is not read')
})

test('a peer that sends more than its share of transactions a minute is told to wait', async (t) => {
  const host = new MemoryHost()
  host.answer = '{}'
  const node = await dataNetwork(t)({ keep: host, transactionsPerMinute: 1 })
  const { client } = await clientOf(node)
  t.after(() => client.close())
  assert.deepEqual(await post(client, '/v1/transactions', {}), { status: 200, json: {} })
  assert.equal((await post(client, '/v1/transactions', {})).status, 429)
  assert.equal(host.transacted.length, 1, 'what it sends meanwhile is not passed on')
})

test('a peer that keeps sending malformed messages is dropped', async (t) => {
  const node = await dataNetwork(t)()
  const { client, peerId } = await clientOf(node)
  t.after(() => client.close())
  for (let count = 0; count < 2; count += 1) assert.equal((await post(client, '/v1/lookup', { names: 5 })).status, 400)
  await post(client, '/v1/lookup', { names: ['sha256:zz'] }).catch(() => {})
  assert.equal(node.plane.facts(peerId).standing, 'dropped')
  await assert.rejects(post(client, '/v1/lookup', { names: [id] }), { code: 'unavailable.peer' })
})
