/** The read flow's rules for documents: fresh, stale, absent, from whom, and in which form. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf, HUB, readFlow, settled, someBytes } from '../../test/kit/read-flow.ts'
import { toyEcosystem, toyRegistry } from '../../test/kit/toy-ecosystem.ts'
import { blobIdOf, hexOf } from '../base/digest.ts'
import { documentKey, type StoredDocument } from '../base/document.ts'
import type { PeerTrust } from '../peers/peers.ts'

type Flow = ReturnType<typeof readFlow>

const KEY = documentKey({ upstream: HUB, method: 'GET', path: '/doc/a', headers: {} })

async function textOf(flow: Flow, path = '/doc/a', headers = {}): Promise<string> {
  return String(await bodyOf(await flow.get(path, { headers })))
}

/** Puts a document into a peer's hands. */
function peerHas(flow: Flow, peerId: string, trust: PeerTrust, text: string, over: Partial<StoredDocument> = {}): void {
  const bytes = Buffer.from(text)
  const body = blobIdOf(bytes)
  const sizeBytes = bytes.byteLength
  flow.peers.copies.push({ peerId, trust, id: body, sizeBytes, bytes })
  const atMs = flow.clock.nowMs() - 5_000
  const document: StoredDocument = {
    key: KEY,
    upstream: HUB,
    status: 'found',
    body,
    sizeBytes,
    mediaType: 'text/plain',
    headers: {},
    changedAtMs: atMs,
    checkedAtMs: atMs,
    origin: { kind: 'upstream', name: HUB },
    share: 'network',
    ...over,
  }
  flow.peers.documents.set(KEY, { document, peerId })
}

test('handle() gives a document from upstream and keeps it while it is fresh', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/a', {
    body: 'one',
    headers: { 'content-type': 'text/plain', 'x-kept': 'k', 'x-other': 'o' },
  })
  const reply = await flow.get('/doc/a')
  assert.equal(reply.headers['x-pyrsia-source'], 'upstream')
  assert.equal(reply.headers['x-kept'], 'k')
  assert.equal(reply.headers['x-other'], undefined)
  assert.equal(reply.headers['cache-control'], 'max-age=60')
  assert.equal(String(await bodyOf(reply)), 'one')
  flow.clock.advance(59_000)
  const kept = await flow.get('/doc/a')
  assert.equal(kept.headers['x-pyrsia-source'], 'store')
  assert.equal(kept.headers['cache-control'], 'max-age=1')
  assert.equal(kept.headers.age, undefined)
  assert.equal(flow.upstream.requests.length, 1)
})

test('handle() asks upstream once for many clients of one document', async () => {
  const flow = readFlow()
  const later = Promise.withResolvers<void>()
  flow.upstream.route(HUB, '/doc/a', { body: 'one', gate: () => later.promise })
  const asking = Array.from({ length: 20 }, () => textOf(flow))
  await settled()
  later.resolve()
  assert.deepEqual(new Set(await Promise.all(asking)), new Set(['one']))
  assert.equal(flow.upstream.requests.length, 1)
})

test('handle() renews a document by a conditional request, and 304 makes it fresh again', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/a', { body: 'one', headers: { etag: '"1"' } })
  await textOf(flow)
  flow.clock.advance(61_000)
  assert.equal(await textOf(flow), 'one')
  assert.equal(flow.upstream.requests[1]?.headers['if-none-match'], '"1"')
  flow.clock.advance(59_000)
  assert.equal(await textOf(flow), 'one')
  assert.equal(flow.upstream.requests.length, 2)
})

test('handle() gives a stale document at once while it is renewed in the background', async () => {
  const flow = readFlow()
  flow.documentDefaults.staleSeconds = 600
  flow.upstream.route(HUB, '/doc/a', { body: 'one' })
  await textOf(flow)
  flow.upstream.route(HUB, '/doc/a', { body: 'two' })
  flow.clock.advance(120_000)
  assert.equal(await textOf(flow), 'one')
  await settled()
  assert.equal(await textOf(flow), 'two')
})

test('handle() gives the last known document with its age when upstream fails', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/a', { body: 'one' })
  await textOf(flow)
  flow.clock.advance(300_000)
  flow.upstream.fault(HUB, 'refused')
  const reply = await flow.get('/doc/a')
  assert.equal(reply.status, 200)
  assert.ok(Number(reply.headers.age) >= 300)
  assert.match(reply.headers.warning ?? '', /^110 /)
  assert.equal(reply.headers['cache-control'], 'max-age=0')
  assert.equal(String(await bodyOf(reply)), 'one')
})

test('handle() gives the last known document when upstream is silent for too long', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/a', { body: 'one' })
  await textOf(flow)
  flow.clock.advance(300_000)
  flow.upstream.route(HUB, '/doc/a', { fault: 'silent' })
  const asking = textOf(flow)
  await settled()
  flow.clock.advance(2_500)
  assert.equal(await asking, 'one')
})

test('handle() evicts a document that upstream no longer has, and believes that for a while', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/a', { body: 'one' })
  await textOf(flow)
  flow.clock.advance(61_000)
  flow.upstream.route(HUB, '/doc/a', { status: 410 })
  assert.match(await textOf(flow), /^absent: /)
  assert.match(await textOf(flow), /^absent: /)
  assert.equal(flow.upstream.requests.length, 2)
  assert.equal(flow.serve.document(KEY), undefined)
  flow.upstream.route(HUB, '/doc/a', { body: 'back' })
  flow.clock.advance(61_000)
  assert.equal(await textOf(flow), 'back')
})

test('handle() keeps a document when upstream refuses to tell', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/a', { status: 403 })
  assert.match(await textOf(flow), /^absent: /)
  assert.equal(flow.store.documents.get(KEY), undefined)
})

test('handle() takes a document of a trusted peer when upstream cannot be asked', async () => {
  const flow = readFlow({ offline: true })
  peerHas(flow, 'friend', 'named', 'from a friend')
  const reply = await flow.get('/doc/a')
  assert.equal(reply.headers['x-pyrsia-source'], 'peer')
  assert.equal(reply.headers.age, '5')
  assert.equal(String(await bodyOf(reply)), 'from a friend')
  assert.deepEqual(flow.serve.document(KEY)?.origin, { kind: 'peer', peerId: 'friend', trusted: true })
  await textOf(flow)
  assert.equal(flow.peers.documentAsks.length, 1)
})

test("handle() takes no stranger's document, even if one is handed out", async () => {
  const flow = readFlow({ offline: true })
  peerHas(flow, 'someone', 'stranger', 'poison')
  assert.match(await textOf(flow), /^unavailable: /)
  assert.equal(flow.store.usage().blobs, 0)
})

test("handle() takes a peer's document only if it is newer than the kept one", async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/a', { body: 'ours' })
  await textOf(flow)
  flow.clock.advance(100_000)
  flow.upstream.fault(HUB, 'refused')
  peerHas(flow, 'friend', 'member', 'theirs', { checkedAtMs: flow.clock.nowMs() - 200_000 })
  assert.equal(await textOf(flow), 'ours')
  flow.clock.advance(11_000)
  peerHas(flow, 'friend', 'member', 'newer', { checkedAtMs: flow.clock.nowMs() + 1_000_000 })
  const reply = await flow.get('/doc/a')
  assert.equal(String(await bodyOf(reply)), 'newer')
  assert.equal(reply.headers.age, '0')
})

test('handle() asks no peer while upstream answers', async () => {
  const flow = readFlow()
  peerHas(flow, 'friend', 'named', 'from a friend')
  flow.upstream.route(HUB, '/doc/a', { body: 'one' })
  assert.equal(await textOf(flow), 'one')
  assert.deepEqual(flow.peers.documentAsks, [])
})

test('handle() makes a variant once per body, for all clients', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/a', { body: 'one' })
  const headers = { 'x-variant': 'packed' }
  const replies = await Promise.all(Array.from({ length: 5 }, () => flow.get('/doc/a', { headers })))
  for (const reply of replies) {
    assert.equal(reply.headers['content-type'], 'text/x-variant')
    assert.equal(reply.headers['content-encoding'], 'gzip')
    assert.equal(String(await bodyOf(reply)), 'packed:one')
  }
  flow.clock.advance(61_000)
  const again = await flow.get('/doc/a', { headers })
  assert.equal(again.headers['content-encoding'], 'gzip')
  assert.deepEqual(flow.transforms, ['packed'])
  const etag = again.headers.etag ?? ''
  assert.equal((await flow.get('/doc/a', { headers: { ...headers, 'if-none-match': etag } })).status, 304)
  flow.upstream.route(HUB, '/doc/a', { body: 'two' })
  flow.clock.advance(61_000)
  assert.equal(await textOf(flow, '/doc/a', headers), 'packed:two')
  assert.equal(flow.transforms.length, 2)
})

test('handle() gives what a variant says of its bytes, its own entity tag included, whenever it was made', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/a', { body: 'one' })
  for (const _ of ['made', 'kept']) {
    const reply = await flow.get('/doc/a', { headers: { 'x-variant': 'tagged' } })
    assert.deepEqual([reply.headers.etag, reply.headers['x-of-bytes']], ['"its own"', 'yes'])
    assert.equal(String(await bodyOf(reply)), 'tagged:one')
  }
  const same = await flow.get('/doc/a', { headers: { 'x-variant': 'tagged', 'if-none-match': '"its own"' } })
  assert.deepEqual([same.status, same.headers.etag, same.headers['x-of-bytes']], [304, '"its own"', 'yes'])
  assert.deepEqual(flow.transforms, ['tagged'])
})

/** An index that upstream appends to, with the digest of the whole. */
function growing(flow: Flow, text: string, digest = text): void {
  flow.documentDefaults.appendOnly = true
  const sha256 = Buffer.from(hexOf(blobIdOf(Buffer.from(digest))), 'hex').toString('base64')
  const headers = { etag: `"${text.length}"`, 'accept-ranges': 'bytes', 'repr-digest': `sha-256=:${sha256}:` }
  flow.upstream.route(HUB, '/doc/a', { body: text, headers })
}

test('handle() renews what upstream only appends to by its end, held against the digest of the whole', async () => {
  const flow = readFlow()
  growing(flow, 'one\n')
  assert.equal(await textOf(flow), 'one\n')
  growing(flow, 'one\ntwo\n')
  flow.clock.advance(61_000)
  assert.equal(await textOf(flow), 'one\ntwo\n')
  flow.clock.advance(61_000)
  assert.equal(await textOf(flow), 'one\ntwo\n')
  assert.deepEqual(
    flow.upstream.requests.map(({ headers }) => headers.range),
    [undefined, 'bytes=3-', 'bytes=7-'],
  )
})

test('handle() shares a renewed document as its upstream is shared now, not as it was when it was kept', async () => {
  const flow = readFlow({ share: 'lan' })
  const kept = () => {
    const document = flow.store.documents.list({ limit: 1 })[0]
    assert.ok(document)
    return document
  }
  growing(flow, 'one\n')
  await textOf(flow)
  for (const text of ['one\ntwo\n', 'one\ntwo\n', 'anew\n']) {
    flow.store.documents.put({ ...kept(), share: 'world', origin: { kind: 'peer', peerId: 'p', trusted: true } })
    growing(flow, text)
    flow.clock.advance(61_000)
    assert.equal(await textOf(flow), text)
    assert.equal(kept().share, 'lan', text)
  }
})

test('handle() asks for the whole of what upstream wrote anew, longer or shorter', async () => {
  const flow = readFlow()
  growing(flow, 'one\n')
  await textOf(flow)
  for (const text of ['anew, and longer\n', 'new\n']) {
    growing(flow, text)
    flow.clock.advance(61_000)
    assert.equal(await textOf(flow), text)
    assert.equal(flow.upstream.requests.at(-1)?.headers.range, undefined)
  }
  assert.equal(flow.upstream.requests.length, 5)
})

test('handle() keeps what it has of an appended document while upstream contradicts its own digest', async () => {
  const flow = readFlow()
  growing(flow, 'one\n')
  await textOf(flow)
  growing(flow, 'one\ntw', 'one\ntwo\n')
  flow.clock.advance(61_000)
  const reply = await flow.get('/doc/a')
  assert.equal(String(await bodyOf(reply)), 'one\n')
  assert.match(reply.headers.warning ?? '', /^110 /)
})

test('handle() never shares a variant', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/a', { body: 'one' })
  await textOf(flow, '/doc/a', { 'x-variant': 'plain' })
  assert.equal(flow.store.lookup(blobIdOf(Buffer.from('plain:one')))?.share, 'none')
  assert.equal(flow.store.lookup(blobIdOf(Buffer.from('one')))?.share, 'network')
})

test('handle() gives a file that an old pointer leads to with its age', async () => {
  const flow = readFlow()
  flow.file('a', someBytes(1000))
  flow.upstream.route(HUB, '/doc/pointer', { body: 'a' })
  await bodyOf(await flow.get('/pointed/a'))
  flow.clock.advance(600_000)
  flow.upstream.fault(HUB, 'reset')
  const reply = await flow.get('/pointed/a')
  assert.equal(reply.status, 200)
  assert.ok(Number(reply.headers.age) >= 600)
  assert.equal((await bodyOf(reply)).byteLength, 1000)
})

test('handle() asks an upstream that just failed for nothing more in the same request', async () => {
  const flow = readFlow()
  const [manifest, layer] = [someBytes(500), someBytes(600)]
  const requires = [{ digest: blobIdOf(layer), sizeBytes: 600, mediaType: undefined }]
  flow.file('a', manifest, { requires })
  flow.upstream.route(HUB, '/doc/pointer', { body: 'a' })
  await bodyOf(await flow.get('/pointed/a'))
  flow.clock.advance(61_000)
  flow.upstream.fault(HUB, 'refused')
  const before = flow.upstream.requests.filter(({ path }) => path === '/a').length
  assert.match(
    String((await flow.get('/pointed/a')).body),
    /^unavailable: a: hub\.example\.com cannot be asked, and sha256:/,
  )
  assert.equal(flow.upstream.requests.filter(({ path }) => path === '/a').length, before)
})

test('handle() refuses beyond the bound of documents that are asked for', async () => {
  const flow = readFlow({ limits: { refreshesMax: 1 } })
  const later = Promise.withResolvers<void>()
  flow.upstream.route(HUB, '/doc/a', { body: 'one', gate: () => later.promise })
  flow.upstream.route(HUB, '/doc/b', { body: 'two' })
  const first = textOf(flow)
  await settled()
  assert.match(await textOf(flow, '/doc/b'), /^exhausted: /)
  later.resolve()
  assert.equal(await first, 'one')
})

test('handle() refuses a document larger than its limit', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/a', { body: someBytes(1_000_001) })
  assert.match(await textOf(flow), /^untrusted: wanted a blob of at most/)
})

test('handle() says that an upstream is not configured', async () => {
  const flow = readFlow()
  flow.documentDefaults.upstream = 'unheard-of.example.com'
  assert.match(await textOf(flow), /^absent: no upstream named unheard-of\.example\.com is configured/)
})

test('handle() serves the toy ecosystem through a list and a sidecar, offline too', async () => {
  const flow = readFlow()
  const bytes = someBytes(2_000)
  for (const [path, body] of Object.entries(toyRegistry('blocks', '7', bytes)))
    flow.upstream.route('toy', path, { body })
  const get = (path: string) => flow.get(path, { ecosystem: toyEcosystem })
  assert.deepEqual(await bodyOf(await get('/shelves/blocks/7')), Buffer.from(bytes))
  assert.deepEqual(
    flow.upstream.requests.map(({ path }) => path),
    ['/blocks.list', '/files/blocks-7.toy.sha256', '/files/blocks-7.toy'],
  )
  flow.upstream.fault('toy', 'refused')
  flow.clock.advance(3_600_000)
  assert.deepEqual(await bodyOf(await get('/shelves/blocks/7')), Buffer.from(bytes))
  assert.equal((await get('/shelves/forbidden')).status, 403)
  assert.equal((await get('/shelves/..%2f/7')).status, 404)
})
