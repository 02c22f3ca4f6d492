/** What the read flow must not take on trust: other clients' checks, strangers' words, its own disk. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf, chunksOf, HUB, readFlow, settled, someBytes } from '../../test/kit/read-flow.ts'
import { blobIdOf, digestBytes } from '../base/digest.ts'
import { AppError } from '../base/errors.ts'

const MIB = 1_048_576

function full(): never {
  throw new AppError('exhausted.disk', 'writing metadata: the disk is full')
}

function gets(flow: ReturnType<typeof readFlow>, path: string): number {
  return flow.upstream.requests.filter((request) => request.method === 'GET' && request.path === path).length
}

test('a client that states a digest more than the transfer it joins gets nothing before that agrees too', async () => {
  for (const [right, aliased] of [
    [true, true],
    [false, true],
    [true, false],
    [false, false],
  ]) {
    const flow = readFlow()
    const bytes = someBytes(2 * MIB)
    const first = flow.file('a', bytes)
    const extra = digestBytes(aliased ? 'sha512' : 'sha1', right ? bytes : someBytes(10))
    flow.files.set('/file/b', { ...first, digests: [first.digests[0], extra] })
    const half = Promise.withResolvers<void>()
    flow.upstream.route(HUB, '/a', { body: bytes, gate: (offset) => (offset >= MIB ? half.promise : undefined) })
    const streaming = chunksOf(await flow.get('/file/a'))
    assert.ok(((await streaming.next()).value?.byteLength ?? 0) > 0)
    let answered = false
    const joining = flow.get('/file/b').then((reply) => {
      answered = true
      return reply
    })
    await settled()
    assert.equal(answered, false, 'nothing is promised on the word of the first client alone')
    half.resolve()
    await streaming.return?.()
    const reply = await joining
    assert.equal(reply.status, right ? 200 : 404)
    if (right) assert.ok(Buffer.from(bytes).equals(await bodyOf(reply)))
    else assert.match(String(reply.body), /^untrusted: /)
    assert.equal(gets(flow, '/a'), 1)
    // Later, too, no body of it is completed unless all digests agree.
    const later = await flow.get('/file/b')
    if (right) assert.equal((await bodyOf(later)).byteLength, bytes.byteLength)
    else if (later.status === 200) await assert.rejects(bodyOf(later), (error: AppError) => error.kind === 'untrusted')
  }
})

test('a client that was told a size is never given a file of another size', async () => {
  const flow = readFlow()
  const bytes = someBytes(3 * MIB)
  flow.file('a', bytes, { sizeBytes: undefined })
  const wrong = someBytes(2 * MIB, 9)
  const half = Promise.withResolvers<void>()
  flow.upstream.route(HUB, '/a', ({ headers }) =>
    headers.range === undefined
      ? { body: wrong, breakAfterBytes: MIB, gate: (offset) => (offset >= MIB / 2 ? half.promise : undefined) }
      : { status: 404 },
  )
  flow.peers.emptyLookups = 1
  flow.peers.copies.push({ peerId: 'other', trust: 'stranger', id: blobIdOf(bytes), sizeBytes: 3 * MIB, bytes })
  const reply = await flow.get('/file/a')
  assert.equal(reply.headers['content-length'], String(2 * MIB))
  half.resolve()
  for (let turn = 0; turn < 20; turn++) {
    flow.clock.advance(500)
    await settled()
  }
  await assert.rejects(bodyOf(reply), (error: AppError) => error.kind === 'untrusted')
})

test("a stranger's word for the type of a file is not kept", async () => {
  const flow = readFlow()
  const bytes = someBytes(1000)
  flow.file('a', bytes, { sizeBytes: undefined })
  const mediaType = 'application/x-lie'
  flow.peers.copies.push({ peerId: 'x', trust: 'stranger', id: blobIdOf(bytes), sizeBytes: 1000, bytes, mediaType })
  const reply = await flow.get('/file/a')
  assert.equal(reply.headers['x-pyrsia-source'], 'peer')
  assert.notEqual(reply.headers['content-type'], mediaType)
  await bodyOf(reply)
  assert.equal(flow.store.lookup(blobIdOf(bytes))?.mediaType, undefined)
})

test("HEAD is answered from upstream rather than by a stranger's word, and by that if there is nothing else", async () => {
  const flow = readFlow()
  const bytes = someBytes(1000)
  flow.file('a', bytes, { sizeBytes: undefined })
  const mediaType = 'application/x-lie'
  flow.peers.copies.push({ peerId: 'x', trust: 'stranger', id: blobIdOf(bytes), sizeBytes: 7, bytes, mediaType })
  const reply = await flow.get('/file/a', { method: 'HEAD' })
  assert.equal(reply.headers['content-length'], '1000')
  assert.equal(reply.headers['content-type'], 'application/x-file')
  const alone = readFlow({ offline: true })
  alone.file('a', bytes, { sizeBytes: undefined })
  alone.peers.copies.push({ peerId: 'x', trust: 'stranger', id: blobIdOf(bytes), sizeBytes: 1000, bytes })
  const told = await alone.get('/file/a', { method: 'HEAD' })
  assert.equal(told.headers['content-length'], '1000')
})

test('a cold range past the end of a file whose size nobody stated is answered 416', async () => {
  const flow = readFlow()
  flow.file('a', someBytes(1000), { sizeBytes: undefined })
  const past = await flow.get('/file/a', { headers: { range: 'bytes=1000-' } })
  assert.equal(past.status, 416)
  assert.equal(past.headers['content-range'], 'bytes */1000')
})

test('peers are not asked for documents of an upstream that is shared with nobody', async () => {
  const flow = readFlow({ share: 'none' })
  flow.upstream.fault(HUB, 'refused')
  assert.equal((await flow.get('/doc/secret-project')).status, 404)
  assert.deepEqual(flow.peers.documentAsks, [])
})

test('a disk too full for metadata costs no client its file, and does not end the node', async () => {
  const flow = readFlow()
  const bytes = someBytes(1000)
  flow.file('a', bytes)
  const { amend, notebook } = flow.store
  Object.assign(flow.store, { amend: full, notebook: { ...notebook, set: full } })
  assert.ok(Buffer.from(bytes).equals(await bodyOf(await flow.get('/file/a'))))
  const other = someBytes(1000, 5)
  const secret = flow.file('b', other, { upstream: 'other.example.com' })
  flow.upstream.route('other.example.com', '/b', { body: other })
  await bodyOf(await flow.get('/file/b'))
  flow.file('b', other, { evidence: secret.evidence })
  const widened = await flow.get('/file/b')
  assert.equal(widened.status, 200)
  assert.ok(Buffer.from(other).equals(await bodyOf(widened)))
  await flow.serve.close()
  Object.assign(flow.store, { amend, notebook })
})

test('a silent upstream is not waited for any longer than the client has patience', async () => {
  const flow = readFlow()
  flow.file('a', someBytes(1000), { patienceMs: 2_500 })
  Object.assign(flow.documentDefaults, { patienceMs: 2_500 })
  for (const [path, method] of [
    ['/file/a', 'GET'],
    ['/doc/a', 'GET'],
  ] as const) {
    flow.upstream.fault(HUB, 'silent')
    const asking = flow.get(path, { method })
    for (let turn = 0; turn < 6; turn++) {
      await settled()
      flow.clock.advance(600)
    }
    const reply = await asking
    assert.match(String(reply.body), /within 2500 ms/)
  }
})

test('a web page where none was asked for does not replace a kept document', async () => {
  const flow = readFlow()
  Object.assign(flow.documentDefaults, { headers: { accept: 'application/json' } })
  flow.upstream.route(HUB, '/doc/a', { body: '{"right":1}', headers: { 'content-type': 'application/json' } })
  await bodyOf(await flow.get('/doc/a'))
  flow.upstream.route(HUB, '/doc/a', { body: '<p>sign in', headers: { 'content-type': 'text/html; charset=utf-8' } })
  flow.clock.advance(100_000)
  const reply = await flow.get('/doc/a')
  assert.equal((await bodyOf(reply)).toString(), '{"right":1}')
  assert.ok(Number(reply.headers.age) >= 100)
})
