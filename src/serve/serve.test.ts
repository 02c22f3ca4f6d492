/** The read flow's rules for files: who may see what, when, and from where. Documents are in `documents.test.ts`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf, chunksOf, HUB, locatedFile, readFlow, settled, someBytes } from '../../test/kit/read-flow.ts'
import { blobIdOf, digestBytes } from '../base/digest.ts'
import { AppError } from '../base/errors.ts'
import { parsePurl } from '../base/purl.ts'

const MIB = 1_048_576

function gets(flow: ReturnType<typeof readFlow>, path: string): number {
  return flow.upstream.requests.filter((request) => request.method === 'GET' && request.path === path).length
}

test('handle() gives a file from upstream, verified, and from the store the next time', async () => {
  const flow = readFlow()
  const bytes = someBytes(10_000)
  flow.file('a', bytes)
  const first = await flow.get('/file/a')
  assert.equal(first.status, 200)
  assert.equal(first.headers['content-length'], '10000')
  assert.equal(first.headers['x-pyrsia-source'], 'upstream')
  assert.equal(first.headers['x-content-type-options'], 'nosniff')
  assert.equal(first.headers['content-security-policy'], 'sandbox')
  assert.equal(first.headers.etag, `"${blobIdOf(bytes)}"`)
  assert.ok(Buffer.from(bytes).equals(await bodyOf(first)))
  const second = await flow.get('/file/a')
  assert.equal(second.headers['x-pyrsia-source'], 'store')
  assert.ok(Buffer.from(bytes).equals(await bodyOf(second)))
  assert.equal(gets(flow, '/a'), 1)
  const { sources } = flow.serve.state()
  assert.equal(sources.upstream.receivedBytes, 10_000)
  assert.equal(sources.store.servedBytes, 10_000)
})

test('handle() asks upstream once for many clients, and every client gets bytes before the end', async () => {
  const flow = readFlow()
  const bytes = someBytes(4 * MIB)
  flow.file('a', bytes)
  const half = Promise.withResolvers<void>()
  flow.upstream.route(HUB, '/a', { body: bytes, gate: (offset) => (offset >= 2 * MIB ? half.promise : undefined) })
  const replies = await Promise.all(Array.from({ length: 8 }, () => flow.get('/file/a')))
  const readers = replies.map(chunksOf)
  for (const reader of readers) {
    let givenBytes = 0
    while (givenBytes < MIB) givenBytes += (await reader.next()).value?.byteLength ?? 0
  }
  assert.equal(flow.store.lookup(blobIdOf(bytes)), undefined)
  assert.equal(flow.serve.state().transfers[0]?.clients, 8)
  half.resolve()
  const rests = await Promise.all(
    readers.map(async (reader) => {
      const chunks: Uint8Array[] = []
      for (let next = await reader.next(); !next.done; next = await reader.next()) chunks.push(Buffer.from(next.value))
      return Buffer.concat(chunks)
    }),
  )
  for (const rest of rests) assert.deepEqual(rest.subarray(-1000), Buffer.from(bytes.subarray(-1000)))
  assert.equal(gets(flow, '/a'), 1)
})

test('handle() holds the tail until the digest agrees and fails the stream when it does not', async () => {
  const flow = readFlow()
  const bytes = someBytes(2 * MIB)
  flow.file('a', bytes)
  const wrong = bytes.slice()
  wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1
  flow.upstream.route(HUB, '/a', { body: wrong })
  const reply = await flow.get('/file/a')
  assert.equal(reply.status, 200)
  let givenBytes = 0
  const reader = chunksOf(reply)
  await assert.rejects(
    async () => {
      for (let next = await reader.next(); !next.done; next = await reader.next()) givenBytes += next.value.byteLength
    },
    (error: AppError) => error.code === 'untrusted.digest',
  )
  assert.ok(givenBytes > 0 && givenBytes < bytes.byteLength, `${givenBytes} bytes were given`)
  assert.equal(flow.store.lookup(blobIdOf(bytes)), undefined)
})

test('handle() refuses a small file whose digest is wrong before any byte is given', async () => {
  const flow = readFlow()
  flow.file('a', someBytes(1000))
  flow.upstream.route(HUB, '/a', { body: someBytes(1000, 2) })
  const reply = await flow.get('/file/a')
  assert.equal(reply.status, 404)
  assert.match(String(reply.body), /^untrusted: /)
})

test('handle() resumes a broken transfer at the exact byte', async () => {
  const flow = readFlow()
  const bytes = someBytes(3 * MIB)
  flow.file('a', bytes)
  let asks = 0
  flow.upstream.route(HUB, '/a', () => (++asks === 1 ? { body: bytes, breakAfterBytes: MIB + 17 } : { body: bytes }))
  assert.ok(Buffer.from(bytes).equals(await bodyOf(await flow.get('/file/a'))))
  assert.deepEqual(
    flow.upstream.requests.map(({ headers }) => headers.range),
    [undefined, `bytes=${MIB + 17}-`],
  )
})

test('handle() bridges the moment in which the bytes are neither in the writer nor open in the store', async () => {
  const flow = readFlow()
  const bytes = someBytes(MIB)
  flow.file('a', bytes)
  const [begin, open] = [flow.store.begin.bind(flow.store), flow.store.open.bind(flow.store)]
  const opened = Promise.withResolvers<void>()
  flow.store.begin = async (expectation) => {
    const writer = await begin(expectation)
    let ended = false
    return {
      get writtenBytes() {
        return writer.writtenBytes
      },
      write: (chunk) => writer.write(chunk),
      read(range) {
        if (ended) throw new AppError('bug.assertion', 'the writer ended')
        return writer.read(range)
      },
      async commit(facts) {
        ended = true
        return await writer.commit(facts)
      },
      abort: () => writer.abort(),
    }
  }
  flow.store.open = async (id) => {
    await opened.promise
    return await open(id)
  }
  const reader = chunksOf(await flow.get('/file/a'))
  await settled()
  const rest = (async () => {
    const chunks: Uint8Array[] = []
    for (let next = await reader.next(); !next.done; next = await reader.next()) chunks.push(Buffer.from(next.value))
    return Buffer.concat(chunks)
  })()
  const outcome = Promise.allSettled([rest])
  await settled()
  opened.resolve()
  const [read] = await outcome
  assert.equal(read.status, 'fulfilled')
  assert.ok(Buffer.from(bytes).equals(read.value))
})

test('handle() resumes from an upstream that ignores ranges', async () => {
  const flow = readFlow()
  const bytes = someBytes(MIB)
  flow.file('a', bytes)
  let asks = 0
  flow.upstream.route(HUB, '/a', () =>
    ++asks === 1 ? { body: bytes, breakAfterBytes: 300_000 } : { body: bytes, ranges: false },
  )
  assert.ok(Buffer.from(bytes).equals(await bodyOf(await flow.get('/file/a'))))
})

test('handle() prefers a trusted peer to upstream and streams its bytes', async () => {
  const flow = readFlow()
  const bytes = someBytes(3 * MIB)
  const { digests } = flow.file('a', bytes)
  const half = Promise.withResolvers<void>()
  flow.peers.copies.push({
    peerId: 'friend',
    trust: 'named',
    id: blobIdOf(bytes),
    sizeBytes: bytes.byteLength,
    bytes,
    gate: (offset) => (offset >= 2 * MIB ? half.promise : undefined),
  })
  const reply = await flow.get('/file/a')
  assert.equal(reply.headers['x-pyrsia-source'], 'peer')
  const reader = chunksOf(reply)
  assert.ok(((await reader.next()).value?.byteLength ?? 0) > 0)
  half.resolve()
  await reader.return?.()
  await settled()
  assert.equal(gets(flow, '/a'), 0)
  assert.deepEqual(flow.peers.settled, [{ peerId: 'friend', agreed: true }])
  assert.deepEqual(flow.store.lookup(digests[0])?.origin, { kind: 'peer', peerId: 'friend', trusted: true })
  assert.equal(flow.store.lookup(digests[0])?.share, 'network')
})

test("handle() gives nothing of a stranger's bytes before the whole digest agrees", async () => {
  const flow = readFlow()
  const bytes = someBytes(2 * MIB)
  flow.file('a', bytes)
  const half = Promise.withResolvers<void>()
  const gate = (offset: number) => (offset >= MIB ? half.promise : undefined)
  const id = blobIdOf(bytes)
  flow.peers.copies.push({ peerId: 'someone', trust: 'stranger', id, sizeBytes: bytes.byteLength, bytes, gate })
  let answered = false
  const asking = flow.get('/file/a').then((reply) => {
    answered = true
    return reply
  })
  await settled()
  assert.equal(flow.serve.state().transfers[0]?.bytes, MIB)
  assert.equal(answered, false)
  half.resolve()
  assert.ok(Buffer.from(bytes).equals(await bodyOf(await asking)))
  assert.equal(gets(flow, '/a'), 0)
})

test('handle() names a stranger who lied and gives the file from upstream', async () => {
  const flow = readFlow()
  const bytes = someBytes(MIB)
  flow.file('a', bytes)
  const lie = someBytes(MIB, 9)
  flow.peers.copies.push({ peerId: 'liar', trust: 'stranger', id: blobIdOf(bytes), sizeBytes: MIB, bytes: lie })
  const reply = await flow.get('/file/a')
  assert.equal(reply.headers['x-pyrsia-source'], 'upstream')
  assert.ok(Buffer.from(bytes).equals(await bodyOf(reply)))
  assert.deepEqual(flow.peers.settled, [{ peerId: 'liar', agreed: false }])
})

test('handle() is not misled by a stranger who states a wrong size and then sends little or nothing', async () => {
  for (const sent of [0, 1000]) {
    const flow = readFlow()
    const bytes = someBytes(MIB)
    flow.file('a', bytes, { sizeBytes: undefined })
    const lie = { peerId: 'liar', trust: 'stranger', id: blobIdOf(bytes), sizeBytes: 2 * MIB, bytes } as const
    flow.peers.copies.push({ ...lie, breakAt: sent })
    assert.ok(Buffer.from(bytes).equals(await bodyOf(await flow.get('/file/a'))))
    assert.deepEqual(flow.peers.settled, [])
  }
})

test('handle() shares a stored file more widely only on the word of the upstream that is public', async () => {
  const flow = readFlow()
  const bytes = someBytes(1000)
  const secret = flow.file('a', bytes, { upstream: 'other.example.com' })
  flow.upstream.route('other.example.com', '/a', { body: bytes })
  await bodyOf(await flow.get('/file/a'))
  const [evidence] = secret.evidence
  assert.ok(evidence)
  flow.file('a', bytes, { evidence: [{ ...evidence, kind: 'name' }] })
  await bodyOf(await flow.get('/file/a'))
  assert.equal(flow.store.lookup(blobIdOf(bytes))?.share, 'none')
  flow.file('a', bytes)
  await bodyOf(await flow.get('/file/a'))
  assert.equal(flow.store.lookup(blobIdOf(bytes))?.share, 'network')
})

test('handle() goes on from upstream at the exact byte when a trusted peer breaks off', async () => {
  const flow = readFlow()
  const bytes = someBytes(3 * MIB)
  flow.file('a', bytes)
  const id = blobIdOf(bytes)
  flow.peers.copies.push({ peerId: 'friend', trust: 'member', id, sizeBytes: 3 * MIB, bytes, breakAt: 2 * MIB })
  assert.ok(Buffer.from(bytes).equals(await bodyOf(await flow.get('/file/a'))))
  assert.deepEqual(
    flow.upstream.requests.map(({ headers }) => headers.range),
    [`bytes=${2 * MIB}-`],
  )
})

test('handle() completes a stream after a wrong end when another source gives the same beginning', async () => {
  const flow = readFlow()
  const bytes = someBytes(3 * MIB)
  flow.file('a', bytes)
  const wrong = bytes.slice()
  wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1
  const id = blobIdOf(bytes)
  flow.peers.copies.push({ peerId: 'friend', trust: 'named', id, sizeBytes: 3 * MIB, bytes: wrong })
  const reply = await flow.get('/file/a')
  assert.equal(reply.headers['x-pyrsia-source'], 'peer')
  assert.ok(Buffer.from(bytes).equals(await bodyOf(reply)))
  assert.deepEqual(flow.peers.settled, [{ peerId: 'friend', agreed: false }])
})

test('handle() resets a stream whose beginning was wrong, and keeps nothing of it', async () => {
  const flow = readFlow()
  const bytes = someBytes(3 * MIB)
  flow.file('a', bytes)
  const wrong = bytes.slice()
  wrong[10] = (wrong[10] ?? 0) ^ 1
  const id = blobIdOf(bytes)
  flow.peers.copies.push({ peerId: 'friend', trust: 'named', id, sizeBytes: 3 * MIB, bytes: wrong })
  const reader = chunksOf(await flow.get('/file/a'))
  await assert.rejects(
    async () => {
      for (let next = await reader.next(); !next.done; next = await reader.next());
    },
    (error: AppError) => error.code === 'untrusted.digest',
  )
  assert.equal(flow.store.lookup(id), undefined)
})

test('handle() does not wait for slow peers to ask upstream', async () => {
  const flow = readFlow({ limits: { headStartMs: 150 } })
  flow.file('a', someBytes(1000))
  flow.peers.lookupGate = new Promise(() => {})
  const asking = flow.get('/file/a')
  await settled()
  assert.equal(gets(flow, '/a'), 0)
  flow.clock.advance(150)
  assert.equal((await asking).headers['x-pyrsia-source'], 'upstream')
})

test('handle() waits for a loaded peer as long as it takes when the client has nowhere else to go', async () => {
  const flow = readFlow({ offline: true, limits: { lookupMs: 300, lastLookupMs: 4_000 } })
  const bytes = someBytes(1000)
  flow.file('a', bytes)
  flow.peers.copies.push({ peerId: 'busy', trust: 'stranger', id: blobIdOf(bytes), sizeBytes: 1000, bytes })
  flow.peers.emptyLookups = 1
  assert.ok(Buffer.from(bytes).equals(await bodyOf(await flow.get('/file/a'))))
  assert.deepEqual(flow.peers.waitsMs.slice(0, 2), [300, 4_000])
})

test('handle() asks peers again that answered too late or were busy when upstream cannot be asked', async () => {
  for (const trouble of ['emptyLookups', 'busyFetches'] as const) {
    const flow = readFlow({ offline: true })
    const bytes = someBytes(1000)
    flow.file('a', bytes)
    flow.peers.copies.push({ peerId: 'busy', trust: 'stranger', id: blobIdOf(bytes), sizeBytes: 1000, bytes })
    flow.peers[trouble] = trouble === 'emptyLookups' ? 1 : 2
    assert.ok(Buffer.from(bytes).equals(await bodyOf(await flow.get('/file/a'))))
  }
})

test('handle() leaves strangers who are slow for upstream', async () => {
  const flow = readFlow()
  const bytes = someBytes(4 * MIB)
  flow.file('a', bytes)
  const never = new Promise<void>(() => {})
  const gate = (offset: number) => (offset >= MIB ? never : undefined)
  flow.peers.copies.push({ peerId: 'slow', trust: 'stranger', id: blobIdOf(bytes), sizeBytes: 4 * MIB, bytes, gate })
  const asking = flow.get('/file/a')
  await settled()
  flow.clock.advance(3_000)
  const reply = await asking
  assert.equal(reply.headers['x-pyrsia-source'], 'upstream')
  assert.ok(Buffer.from(bytes).equals(await bodyOf(reply)))
})

test('handle() finds a file by sha512 alone, in the store and at peers', async () => {
  const flow = readFlow()
  const bytes = someBytes(5_000)
  const digest = digestBytes('sha512', bytes)
  const located = locatedFile('a', bytes, digest)
  flow.files.set('/file/a', located)
  const id = blobIdOf(bytes)
  const names = [digest]
  flow.peers.copies.push({ peerId: 'someone', trust: 'stranger', id, names, sizeBytes: 5_000, bytes })
  assert.equal((await flow.get('/file/a')).headers['x-pyrsia-source'], 'peer')
  assert.equal((await flow.get('/file/a')).headers['x-pyrsia-source'], 'store')
})

test('handle() does not take a file from a stranger by a weak digest', async () => {
  const flow = readFlow()
  const bytes = someBytes(5_000)
  const digest = digestBytes('sha1', bytes)
  flow.file('a', bytes, locatedFile('a', bytes, digest))
  const names = [digest]
  const copy = { id: blobIdOf(bytes), names, sizeBytes: 5_000, bytes }
  flow.peers.copies.push({ peerId: 'someone', trust: 'stranger', ...copy })
  const reply = await flow.get('/file/a')
  assert.equal(reply.headers['x-pyrsia-source'], 'upstream')
  await bodyOf(reply)
  assert.equal((await flow.get('/file/a')).headers['x-pyrsia-source'], 'store')
})

test('handle() does not take a stored file of another upstream by a weak digest', async () => {
  const flow = readFlow()
  const bytes = someBytes(5_000)
  const digest = digestBytes('sha1', bytes)
  flow.file('a', bytes, locatedFile('a', bytes, digest))
  await bodyOf(await flow.get('/file/a'))
  flow.files.set('/file/b', { ...locatedFile('a', bytes, digest), upstream: 'other.example.com' })
  assert.equal((await flow.get('/file/b')).status, 404)
})

test('handle() answers a range from the whole where that is wanted, and keeps it', async () => {
  const flow = readFlow()
  const bytes = someBytes(2 * MIB)
  const size = { sizeBytes: bytes.byteLength, wholeBytesMax: bytes.byteLength }
  flow.file('a', bytes, size)
  const reply = await flow.get('/file/a', { headers: { range: 'bytes=-1000' } })
  assert.equal(reply.status, 206)
  assert.deepEqual(await bodyOf(reply), Buffer.from(bytes.subarray(-1000)))
  assert.notEqual(flow.store.lookup(blobIdOf(bytes)), undefined)
  flow.file('b', someBytes(3 * MIB), { ...size, sizeBytes: 3 * MIB })
  await bodyOf(await flow.get('/file/b', { headers: { range: 'bytes=-1000' } }))
  assert.equal(flow.store.lookup(blobIdOf(someBytes(3 * MIB))), undefined, 'a larger one is passed through')
})

test('handle() passes a cold range through without storing it', async () => {
  const flow = readFlow()
  const bytes = someBytes(2 * MIB)
  flow.file('a', bytes)
  const reply = await flow.get('/file/a', { headers: { range: 'bytes=1000-1999' } })
  assert.equal(reply.status, 206)
  assert.equal(reply.headers['content-range'], `bytes 1000-1999/${2 * MIB}`)
  assert.equal(reply.headers['content-length'], '1000')
  assert.deepEqual(await bodyOf(reply), Buffer.from(bytes.subarray(1000, 2000)))
  assert.equal(flow.store.usage().blobs, 0)
})

test('handle() answers a range from the bytes of a running transfer', async () => {
  const flow = readFlow()
  const bytes = someBytes(4 * MIB)
  flow.file('a', bytes)
  const half = Promise.withResolvers<void>()
  flow.upstream.route(HUB, '/a', { body: bytes, gate: (offset) => (offset >= 2 * MIB ? half.promise : undefined) })
  const whole = await flow.get('/file/a')
  await settled()
  const part = await flow.get('/file/a', { headers: { range: 'bytes=1000-1999' } })
  assert.equal(part.status, 206)
  assert.deepEqual(await bodyOf(part), Buffer.from(bytes.subarray(1000, 2000)))
  half.resolve()
  assert.equal((await bodyOf(whole)).byteLength, 4 * MIB)
  assert.equal(gets(flow, '/a'), 1)
})

test('handle() answers ranges of a stored file, its end included, and 416 past it', async () => {
  const flow = readFlow()
  const bytes = someBytes(10_000)
  flow.file('a', bytes)
  await bodyOf(await flow.get('/file/a'))
  const end = await flow.get('/file/a', { headers: { range: 'bytes=-10' } })
  assert.equal(end.headers['content-range'], 'bytes 9990-9999/10000')
  assert.deepEqual(await bodyOf(end), Buffer.from(bytes.subarray(-10)))
  const past = await flow.get('/file/a', { headers: { range: 'bytes=10000-' } })
  assert.equal(past.status, 416)
  assert.equal(past.headers['content-range'], 'bytes */10000')
  const changed = await flow.get('/file/a', { headers: { range: 'bytes=-10', 'if-range': '"another"' } })
  assert.equal(changed.status, 200)
  await bodyOf(changed)
})

test('handle() answers 416 to a cold range past the end', async () => {
  const flow = readFlow()
  flow.file('a', someBytes(1000))
  const past = await flow.get('/file/a', { headers: { range: 'bytes=1000-1001' } })
  assert.equal(past.status, 416)
})

test('handle() answers If-None-Match with 304 without fetching', async () => {
  const flow = readFlow()
  const { digests } = flow.file('a', someBytes(1000))
  const reply = await flow.get('/file/a', { headers: { 'if-none-match': `W/"x", "${digests[0]}"` } })
  assert.equal(reply.status, 304)
  assert.equal(reply.body, undefined)
  assert.equal(flow.upstream.requests.length, 0)
})

test('handle() answers HEAD with the headers of GET and fetches nothing', async () => {
  const flow = readFlow()
  flow.file('a', someBytes(1000), { sizeBytes: undefined })
  const reply = await flow.get('/file/a', { method: 'HEAD' })
  assert.equal(reply.status, 200)
  assert.equal(reply.headers['content-length'], '1000')
  assert.equal(reply.body, undefined)
  assert.deepEqual(
    flow.upstream.requests.map(({ method }) => method),
    ['HEAD'],
  )
  assert.equal(flow.store.usage().blobs, 0)
})

test('handle() refuses a file without evidence as the policy says', async () => {
  const flow = readFlow()
  flow.file('a', someBytes(1000), { evidence: [] })
  const reply = await flow.get('/file/a')
  assert.equal(reply.status, 403)
  assert.equal(flow.upstream.requests.length, 0)
})

test('handle() gives no file whose parts cannot be had while upstream cannot be asked', async () => {
  const flow = readFlow({ offline: true })
  const [manifest, layer] = [someBytes(500), someBytes(600)]
  const requires = [{ digest: blobIdOf(layer), sizeBytes: 600, mediaType: undefined }]
  flow.file('a', manifest, { requires })
  const trust = 'stranger'
  const copy = (bytes: Uint8Array) =>
    ({ peerId: 'p', trust, id: blobIdOf(bytes), sizeBytes: bytes.byteLength, bytes }) as const
  flow.peers.copies.push(copy(manifest))
  const refused = await flow.get('/file/a')
  assert.equal(refused.status, 404)
  assert.match(String(refused.body), /which it needs, is neither in the store nor at a peer/)
  flow.peers.copies.push(copy(layer))
  assert.deepEqual(await bodyOf(await flow.get('/file/a')), Buffer.from(manifest))
})

test('handle() says why when a file is nowhere, without waiting', async () => {
  const flow = readFlow({ offline: true })
  flow.file('a', someBytes(500))
  const reply = await flow.get('/file/a')
  assert.equal(reply.status, 404)
  assert.match(String(reply.body), /^unavailable: a: it is neither in the store nor at a peer/)
})

test('handle() refuses when upstream has no such file', async () => {
  const flow = readFlow()
  flow.file('a', someBytes(500))
  flow.upstream.route(HUB, '/a', { status: 404 })
  assert.match(String((await flow.get('/file/a')).body), /^absent: /)
})

test('handle() ends a transfer some time after its last client left, unless little is missing', async () => {
  for (const [limits, stored] of [
    [{ finishBytesMax: 0 }, false],
    [{ finishBytesMax: 4 * MIB }, true],
  ] as const) {
    const flow = readFlow({ limits })
    const bytes = someBytes(4 * MIB)
    flow.file('a', bytes)
    const later = Promise.withResolvers<void>()
    flow.upstream.route(HUB, '/a', { body: bytes, gate: (offset) => (offset >= MIB ? later.promise : undefined) })
    const client = new AbortController()
    const reader = chunksOf(await flow.get('/file/a', { signal: client.signal }))
    await reader.next()
    client.abort()
    await settled()
    assert.equal(flow.serve.state().transfers.length, 1)
    flow.clock.advance(10_000)
    await settled()
    later.resolve()
    await settled()
    assert.equal(flow.serve.state().transfers.length, 0)
    assert.equal(flow.store.lookup(blobIdOf(bytes)) !== undefined, stored)
    await reader.return?.()
  }
})

test('handle() lets one client leave without harm to the others', async () => {
  const flow = readFlow()
  const bytes = someBytes(2 * MIB)
  flow.file('a', bytes)
  const later = Promise.withResolvers<void>()
  flow.upstream.route(HUB, '/a', { body: bytes, gate: (offset) => (offset >= MIB ? later.promise : undefined) })
  const leaver = new AbortController()
  const [left, stays] = await Promise.all([flow.get('/file/a', { signal: leaver.signal }), flow.get('/file/a')])
  leaver.abort()
  later.resolve()
  assert.ok(Buffer.from(bytes).equals(await bodyOf(stays)))
  await assert.rejects(bodyOf(left), (error: AppError) => error.kind === 'aborted')
})

test('handle() refuses beyond the bound of transfers that run and wait', async () => {
  const flow = readFlow({ limits: { transfersMax: 1, transfersWaitingMax: 1 } })
  const never = new Promise<void>(() => {})
  const clients = new AbortController()
  const asking: Promise<unknown>[] = []
  for (const [index, name] of ['a', 'b', 'c'].entries()) {
    flow.file(name, someBytes(1000, index + 1))
    flow.upstream.route(HUB, `/${name}`, { body: someBytes(1000, index + 1), gate: () => never })
    if (index < 2) asking.push(flow.get(`/file/${name}`, { signal: clients.signal }))
    await settled()
  }
  assert.match(String((await flow.get('/file/c')).body), /^exhausted: /)
  clients.abort()
  await Promise.allSettled(asking)
  await flow.serve.close()
})

test('handle() follows a neighbour that fetches a large public blob for a private network', async () => {
  const flow = readFlow({ limits: { followBytesMin: MIB } })
  const bytes = someBytes(2 * MIB)
  flow.file('a', bytes)
  flow.peers.privateNetwork = true
  const paths: string[] = []
  flow.peers.leader = ({ requestPath }) => {
    paths.push(requestPath)
    return { peerId: 'leader', bytes }
  }
  assert.ok(Buffer.from(bytes).equals(await bodyOf(await flow.get('/file/a', { query: { ns: HUB } }))))
  assert.deepEqual(paths, [`/file/a?ns=${HUB}`])
  assert.equal(flow.upstream.requests.length, 0)
})

test('handle() refuses an unknown path, and a resolution that never ends', async () => {
  const flow = readFlow()
  assert.match(String((await flow.get('/nothing')).body), /^unsupported: /)
  flow.upstream.route(HUB, '/doc/loop', { body: 'round' })
  assert.match(String((await flow.get('/loop/a')).body), /^unavailable: /)
})

test('handle() relays a search within its bound', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/search', { body: 'found', headers: { 'content-type': 'text/plain', 'set-cookie': 'x' } })
  const reply = await flow.get('/search')
  assert.equal(reply.headers['content-type'], 'text/plain')
  assert.equal(reply.headers['set-cookie'], undefined)
  assert.equal(String(await bodyOf(reply)), 'found')
  flow.upstream.route(HUB, '/search', { body: someBytes(1001) })
  const large = await flow.get('/search')
  await assert.rejects(bodyOf(large), (error: AppError) => error.code === 'exhausted.size')
})

test('why() tells what a purl was served as and where it came from', async () => {
  const flow = readFlow()
  const bytes = someBytes(1000)
  flow.file('a', bytes)
  await bodyOf(await flow.get('/file/a'))
  const [fact] = flow.serve.why(parsePurl('pkg:generic/a@1.0.0'))
  assert.equal(fact?.id, blobIdOf(bytes))
  assert.deepEqual(fact?.origin, { kind: 'upstream', name: HUB })
  assert.equal(fact?.stored?.share, 'network')
})

test('refetch() brings a damaged blob back from where it once came', async () => {
  const flow = readFlow()
  const bytes = someBytes(1000)
  flow.file('a', bytes)
  await bodyOf(await flow.get('/file/a'))
  const blob = flow.store.lookup(blobIdOf(bytes))
  assert.ok(blob)
  flow.store.flip(blob.id, 10)
  await flow.store.scrub({ id: blob.id })
  assert.equal(flow.store.lookup(blob.id), undefined)
  await flow.serve.refetch(blob, new AbortController().signal)
  assert.equal(flow.store.lookup(blob.id)?.sizeBytes, 1000)
  assert.equal(gets(flow, '/a'), 2)
})

test('lead() streams from upstream for a member, and refuses others and what is not shared', async () => {
  const flow = readFlow()
  const bytes = someBytes(2 * MIB)
  const { digests } = flow.file('a', bytes)
  flow.peers.privateNetwork = true
  const id = blobIdOf(bytes)
  const request = { ecosystem: 'bare', upstream: HUB, id, requestPath: '/file/a' }
  const member = { peerId: 'p', sameSubnet: false, member: true }
  const { signal } = new AbortController()
  const led = await flow.serve.lead(request, member, signal)
  assert.equal(led.sizeBytes, 2 * MIB)
  const chunks: Uint8Array[] = []
  for await (const chunk of led.stream) chunks.push(Buffer.from(chunk))
  assert.ok(Buffer.concat(chunks).equals(bytes))
  assert.ok(flow.store.lookup(digests[0]))
  const fails = (promise: Promise<unknown>, code: string) =>
    assert.rejects(promise, (error: AppError) => error.code === code)
  await fails(flow.serve.lead(request, { ...member, member: false }, signal), 'denied.share')
  await fails(flow.serve.lead({ ...request, upstream: 'other.example.com' }, member, signal), 'denied.share')
  await fails(flow.serve.lead({ ...request, requestPath: '/file/b' }, member, signal), 'absent.blob')
  await fails(flow.serve.lead({ ...request, ecosystem: 'unheard of' }, member, signal), 'usage.request')
  flow.file('a', bytes, { evidence: [] })
  await fails(flow.serve.lead(request, member, signal), 'denied.policy')
})

test('close() fails the streams of running transfers', async () => {
  const flow = readFlow()
  const bytes = someBytes(2 * MIB)
  flow.file('a', bytes)
  flow.upstream.route(HUB, '/a', { body: bytes, gate: (offset) => (offset >= MIB ? new Promise(() => {}) : undefined) })
  const body = bodyOf(await flow.get('/file/a'))
  const failed = assert.rejects(body, (error: AppError) => error.kind === 'aborted')
  await flow.serve.close()
  await failed
})
