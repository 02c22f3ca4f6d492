/**
 * The conformance suite of `store/store.ts`: run on the memory twin and on the disk, so that what holds for one holds for the
 * other. A harness opens empty stores and can damage a stored byte.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../src/base/clock.ts'
import { type Algorithm, blobIdOf, type Digest, digestBytes } from '../../src/base/digest.ts'
import { documentKey, type StoredDocument } from '../../src/base/document.ts'
import { manifestOf } from '../../src/base/piece-hash.ts'
import { PIECE_BYTES } from '../../src/base/pieces.ts'
import { parsePurl } from '../../src/base/purl.ts'
import { type ByteStream, collect } from '../../src/base/streams.ts'
import type { BoundOptions } from '../../src/store/bounds.ts'
import type { BlobExpectation, BlobFacts, BlobInfo, Store, StoreEvent } from '../../src/store/store.ts'

/** Makes empty stores of one kind. */
export interface StoreHarness {
  open(options: BoundOptions, clock: Clock): Promise<Store>
  /** Flips a bit of byte `offset` of a stored blob behind the store's back. */
  flip(store: Store, info: BlobInfo, offset: number): Promise<void>
}

/** A clock that a test moves by hand. */
export interface HandClock extends Clock {
  advance(ms: number): void
}

/** A clock that stands still until `advance`; sleepers wake when it passes their time. */
export function handClock(startMs = 1_700_000_000_000): HandClock {
  let nowMs = startMs
  const timers = new Set<{ atMs: number; fn: () => void }>()
  const after = (ms: number, fn: () => void) => {
    const timer = { atMs: nowMs + ms, fn }
    timers.add(timer)
    return () => timers.delete(timer)
  }
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const cancel = after(ms, resolve)
        signal?.addEventListener('abort', () => {
          cancel()
          reject(signal.reason)
        })
      }),
    advance(ms) {
      nowMs += ms
      for (const timer of [...timers].sort((a, b) => a.atMs - b.atMs)) {
        if (timer.atMs <= nowMs && timers.delete(timer)) timer.fn()
      }
    },
  }
}

/** `sizeBytes` bytes that differ with `seed` and from piece to piece. */
export function sampleBytes(sizeBytes: number, seed = 1): Buffer {
  const words = new Int32Array(Math.ceil(sizeBytes / 4))
  let state = seed
  for (let at = 0; at < words.length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    words[at] = state
  }
  return Buffer.from(words.buffer, 0, sizeBytes)
}

/** Facts of a blob from an upstream that is shared with the network. */
export const SAMPLE_FACTS: BlobFacts = {
  mediaType: 'application/octet-stream',
  share: 'network',
  origin: { kind: 'upstream', name: 'registry.example.com' },
}

/** The expectation of exactly these bytes. */
export function expecting(bytes: Uint8Array, aliases: readonly Algorithm[] = []): BlobExpectation {
  return { digests: [blobIdOf(bytes)], aliases, sizeBytes: bytes.byteLength, bytesMax: bytes.byteLength }
}

/** Stores `bytes` in chunks that do not fit the pieces. */
export async function storeBytes(store: Store, bytes: Buffer, facts: Partial<BlobFacts> = {}): Promise<BlobInfo> {
  const writer = await store.begin(expecting(bytes))
  for (let at = 0; at < bytes.byteLength; at += 300_007) await writer.write(bytes.subarray(at, at + 300_007))
  return await writer.commit({ ...SAMPLE_FACTS, ...facts })
}

async function readAll(stream: ByteStream): Promise<Buffer> {
  return await collect(stream, 1 << 26)
}

async function readBlob(store: Store, info: BlobInfo): Promise<Buffer> {
  const reader = await store.open(info.id)
  try {
    return await readAll(reader.stream())
  } finally {
    await reader.close()
  }
}

function watching(store: Store): StoreEvent[] {
  const events: StoreEvent[] = []
  store.watch((event) => events.push(event))
  return events
}

const code = (wanted: string) => (error: unknown) => (error as { code?: string }).code === wanted

/** Runs every case on stores of `harness`. */
export function storeSuite(name: string, harness: StoreHarness): void {
  const withStore = async (
    run: (store: Store, clock: HandClock) => Promise<void>,
    options: Partial<BoundOptions> = {},
  ): Promise<void> => {
    const clock = handClock()
    const store = await harness.open({ limitBytes: 64 * PIECE_BYTES, ...options }, clock)
    await run(store, clock)
    await store.close()
  }
  const cases: SuiteCase = (subject, run, options) => test(`${name}: ${subject}`, () => withStore(run, options))
  blobCases(cases)
  readCases(cases)
  damageCases(cases, harness)
  roomCases(cases)
  documentCases(cases)
  recordCases(cases)
}

type SuiteCase = (
  subject: string,
  run: (store: Store, clock: HandClock) => Promise<void>,
  options?: Partial<BoundOptions>,
) => void

function blobCases(cases: SuiteCase): void {
  for (const sizeBytes of [0, 1, 10_000, PIECE_BYTES, 3 * PIECE_BYTES + 17]) {
    cases(`a blob of ${sizeBytes} bytes is read back as it was written, with its manifest`, async (store) => {
      const bytes = sampleBytes(sizeBytes)
      const info = await storeBytes(store, bytes)
      assert.equal(info.id, blobIdOf(bytes))
      assert.equal(info.sizeBytes, sizeBytes)
      assert.ok((await readBlob(store, info)).equals(bytes))
      const pieces = store.pieces(info.id)
      assert.ok(pieces !== undefined)
      assert.deepEqual(Buffer.from(pieces.hashes), Buffer.from(manifestOf(info.id, bytes).hashes))
      assert.equal(pieces.sizeBytes, sizeBytes)
      assert.equal(store.usage().bytes, sizeBytes)
      assert.equal(store.usage().writingBytes, 0)
    })
  }

  cases('a blob is found by every wanted alias and by no other name', async (store) => {
    const bytes = sampleBytes(5_000)
    const writer = await store.begin(expecting(bytes, ['sha512', 'sha1']))
    await writer.write(bytes)
    const info = await writer.commit(SAMPLE_FACTS)
    const names: Digest[] = [info.id, digestBytes('sha512', bytes), digestBytes('sha1', bytes)]
    assert.deepEqual([...info.names].sort(), [...names].sort())
    for (const found of names) assert.equal(store.lookup(found)?.id, info.id)
    assert.equal(store.lookup(digestBytes('md5', bytes)), undefined)
  })

  cases('commit() refuses bytes that do not have a stated digest, and keeps nothing of them', async (store) => {
    const bytes = sampleBytes(2 * PIECE_BYTES)
    const writer = await store.begin({
      ...expecting(bytes),
      digests: [blobIdOf(bytes), digestBytes('sha1', sampleBytes(3))],
    })
    await writer.write(bytes)
    await assert.rejects(writer.commit(SAMPLE_FACTS), code('untrusted.digest'))
    assert.equal(store.lookup(blobIdOf(bytes)), undefined)
    assert.deepEqual({ ...store.usage(), freeBytes: 0, limitBytes: 0 }, EMPTY_USAGE)
  })

  cases('commit() refuses a blob that is shorter than stated', async (store) => {
    const writer = await store.begin({ digests: [], aliases: [], sizeBytes: 10, bytesMax: 10 })
    await writer.write(sampleBytes(9))
    await assert.rejects(writer.commit(SAMPLE_FACTS), code('untrusted.size'))
  })

  cases(
    'write() refuses bytes beyond the stated size, and begin() a size beyond the limit of the request',
    async (store) => {
      const writer = await store.begin({ digests: [], aliases: [], sizeBytes: undefined, bytesMax: 10 })
      await writer.write(sampleBytes(10))
      await assert.rejects(writer.write(sampleBytes(1)), code('exhausted.size'))
      await writer.abort()
      await assert.rejects(
        store.begin({ digests: [], aliases: [], sizeBytes: 11, bytesMax: 10 }),
        code('exhausted.size'),
      )
    },
  )

  cases('abort() leaves nothing behind, whenever it comes', async (store) => {
    for (const sizeBytes of [0, 10, 2 * PIECE_BYTES + 1]) {
      const writer = await store.begin(expecting(sampleBytes(sizeBytes)))
      await writer.write(sampleBytes(sizeBytes))
      await writer.abort()
      await writer.abort()
    }
    assert.deepEqual({ ...store.usage(), freeBytes: 0, limitBytes: 0 }, EMPTY_USAGE)
  })

  cases('a blob that is committed twice at once is there once, with the wider facts of both', async (store) => {
    const bytes = sampleBytes(PIECE_BYTES + 5)
    const events = watching(store)
    const writers = [await store.begin(expecting(bytes, ['sha512'])), await store.begin(expecting(bytes))]
    for (const writer of writers) await writer.write(bytes)
    await Promise.all(
      writers.map((writer, at) => writer.commit({ ...SAMPLE_FACTS, share: at === 0 ? 'none' : 'world' })),
    )
    const info = store.lookup(digestBytes('sha512', bytes))
    assert.equal(info?.share, 'world')
    assert.equal(store.usage().blobs, 1)
    assert.equal(store.usage().bytes, bytes.byteLength)
    const added = events.filter((event) => event.kind === 'added')
    const last = added.at(-1)
    assert.ok(last?.kind === 'added' && last.blob.share === 'world' && last.blob.names.length === 2)
  })

  cases('amend() widens the share level, never narrows it, and tells about it', async (store) => {
    const info = await storeBytes(store, sampleBytes(10), { share: 'lan', mediaType: undefined })
    const events = watching(store)
    store.amend(info.id, { share: 'network', mediaType: 'text/plain' })
    store.amend(info.id, { share: 'none', mediaType: 'text/html' })
    assert.equal(store.lookup(info.id)?.share, 'network')
    assert.equal(store.lookup(info.id)?.mediaType, 'text/plain')
    assert.deepEqual(
      events.map((event) => event.kind),
      ['added'],
    )
  })

  cases('list() pages through all blobs in the order of their ids', async (store) => {
    const ids = []
    for (let seed = 1; seed <= 7; seed += 1) ids.push((await storeBytes(store, sampleBytes(100, seed))).id)
    const first = store.list({ limit: 4 })
    const after = first.at(-1)?.id
    assert.ok(after !== undefined)
    const second = store.list({ after, limit: 4 })
    assert.deepEqual(
      [...first, ...second].map((info) => info.id),
      ids.sort(),
    )
  })

  cases('remove() takes a blob and its aliases away and tells under which names it was known', async (store) => {
    const bytes = sampleBytes(10)
    const writer = await store.begin(expecting(bytes, ['sha512']))
    await writer.write(bytes)
    const info = await writer.commit(SAMPLE_FACTS)
    const events = watching(store)
    await store.remove(info.id)
    assert.equal(store.lookup(info.id), undefined)
    assert.equal(store.lookup(digestBytes('sha512', bytes)), undefined)
    await assert.rejects(store.open(info.id), code('absent.blob'))
    const [event] = events
    assert.ok(event?.kind === 'removed')
    assert.deepEqual([...event.names].sort(), [...info.names].sort())
  })
}

const EMPTY_USAGE = { blobs: 0, bytes: 0, pinnedBytes: 0, writingBytes: 0, limitBytes: 0, freeBytes: 0, damaged: 0 }

function readCases(cases: SuiteCase): void {
  cases('a reader streams any range exactly', async (store) => {
    const bytes = sampleBytes(3 * PIECE_BYTES + 17)
    const info = await storeBytes(store, bytes)
    const reader = await store.open(info.id)
    for (const [offset, lengthBytes] of [
      [0, 1],
      [PIECE_BYTES - 1, 2],
      [PIECE_BYTES, PIECE_BYTES],
      [5, 2 * PIECE_BYTES],
      [bytes.byteLength - 1, 1],
      [bytes.byteLength, 0],
    ] as const) {
      const part = await readAll(reader.stream({ offset, lengthBytes }))
      assert.ok(part.equals(bytes.subarray(offset, offset + lengthBytes)), `bytes ${offset} +${lengthBytes}`)
    }
    await assert.rejects(readAll(reader.stream({ offset: bytes.byteLength, lengthBytes: 1 })), code('bug.assertion'))
    await reader.close()
  })

  cases('several readers of one blob do not disturb one another', async (store) => {
    const bytes = sampleBytes(4 * PIECE_BYTES + 3)
    const info = await storeBytes(store, bytes)
    const parts = await Promise.all([1, 2, 3, 4, 5, 6].map(() => readBlob(store, info)))
    for (const part of parts) assert.ok(part.equals(bytes))
  })

  cases('a reader stops when its caller left', async (store) => {
    const info = await storeBytes(store, sampleBytes(3 * PIECE_BYTES))
    const reader = await store.open(info.id)
    const controller = new AbortController()
    const read = async () => {
      for await (const _ of reader.stream(undefined, controller.signal)) controller.abort()
    }
    await assert.rejects(read(), code('aborted.caller'))
    await reader.close()
  })

  cases('a reader reads on to the end although the blob was removed meanwhile', async (store) => {
    const bytes = sampleBytes(3 * PIECE_BYTES)
    const info = await storeBytes(store, bytes)
    const reader = await store.open(info.id)
    await store.remove(info.id)
    assert.ok((await readAll(reader.stream())).equals(bytes))
    await reader.close()
  })

  cases('a writer gives back what was written so far, at once and at any offset', async (store) => {
    const bytes = sampleBytes(3 * PIECE_BYTES + 100)
    const writer = await store.begin(expecting(bytes))
    let at = 0
    for (const step of [1, 1000, PIECE_BYTES - 1, PIECE_BYTES, 500_000]) {
      await writer.write(bytes.subarray(at, at + step))
      at += step
      assert.equal(writer.writtenBytes, at)
      assert.ok((await readAll(writer.read({ offset: 0, lengthBytes: at }))).equals(bytes.subarray(0, at)))
      const tail = writer.read({ offset: at - step, lengthBytes: step })
      assert.ok((await readAll(tail)).equals(bytes.subarray(at - step, at)))
    }
    await writer.abort()
  })

  for (const end of ['commit', 'abort'] as const) {
    cases(`a stream of a writer that was begun before ${end}() ends well after it`, async (store) => {
      const bytes = sampleBytes(5 * PIECE_BYTES + 100)
      const writer = await store.begin(expecting(bytes))
      await writer.write(bytes)
      const chunks: Buffer[] = []
      for await (const chunk of writer.read({ offset: 0, lengthBytes: bytes.byteLength })) {
        if (chunks.length === 0) await (end === 'commit' ? writer.commit(SAMPLE_FACTS) : writer.abort())
        chunks.push(Buffer.from(chunk))
      }
      assert.ok(Buffer.concat(chunks).equals(bytes))
    })
  }

  cases('write() lets the caller reuse its chunk', async (store) => {
    const bytes = sampleBytes(2 * PIECE_BYTES)
    const writer = await store.begin(expecting(bytes))
    const chunk = Buffer.alloc(65_536)
    for (let at = 0; at < bytes.byteLength; at += chunk.byteLength) {
      bytes.copy(chunk, 0, at)
      await writer.write(chunk)
      chunk.fill(0)
    }
    const info = await writer.commit(SAMPLE_FACTS)
    assert.ok((await readBlob(store, info)).equals(bytes))
  })
}

function damageCases(cases: SuiteCase, harness: StoreHarness): void {
  cases('a flipped bit is never handed out: the read fails and the blob leaves service', async (store) => {
    const bytes = sampleBytes(3 * PIECE_BYTES)
    const info = await storeBytes(store, bytes)
    const events = watching(store)
    await harness.flip(store, info, 2 * PIECE_BYTES + 5)
    const reader = await store.open(info.id)
    let seen = 0
    const read = async () => {
      for await (const chunk of reader.stream()) {
        assert.ok(Buffer.from(chunk).equals(bytes.subarray(seen, seen + chunk.byteLength)))
        seen += chunk.byteLength
      }
    }
    await assert.rejects(read(), code('damaged.blob'))
    await reader.close()
    assert.ok(seen <= 2 * PIECE_BYTES)
    assert.equal(store.lookup(info.id), undefined)
    assert.equal(store.pieces(info.id), undefined)
    await assert.rejects(store.open(info.id), code('damaged.blob'))
    assert.deepEqual(
      events.map((event) => event.kind),
      ['damaged'],
    )
    assert.equal(store.usage().damaged, 1)
    assert.equal(store.usage().bytes, 0)
  })

  cases('a range that lies before the flipped bit in the same piece is not handed out either', async (store) => {
    const info = await storeBytes(store, sampleBytes(1000))
    await harness.flip(store, info, 999)
    const reader = await store.open(info.id)
    await assert.rejects(readAll(reader.stream({ offset: 0, lengthBytes: 10 })), code('damaged.blob'))
    await reader.close()
  })

  cases('scrub() finds every flipped bit, and nothing else', async (store) => {
    const infos = []
    for (let seed = 1; seed <= 4; seed += 1) infos.push(await storeBytes(store, sampleBytes(PIECE_BYTES + 9, seed)))
    const [first, second, third] = infos
    assert.ok(first !== undefined && second !== undefined && third !== undefined)
    await harness.flip(store, first, 0)
    await harness.flip(store, third, PIECE_BYTES + 8)
    let lastBytes = 0
    const report = await store.scrub({ progress: (checkedBytes) => (lastBytes = checkedBytes) })
    assert.deepEqual([...report.damaged].sort(), [first.id, third.id].sort())
    assert.equal(report.checkedBlobs, 4)
    assert.equal(lastBytes, report.checkedBytes)
    assert.deepEqual((await store.scrub({ id: second.id })).damaged, [])
    assert.equal(store.usage().blobs, 2)
  })

  cases('a damaged blob is whole again once it was committed again, and keeps its pins', async (store) => {
    const bytes = sampleBytes(2 * PIECE_BYTES)
    const info = await storeBytes(store, bytes)
    store.pin(info.id, 'mine')
    await harness.flip(store, info, 7)
    await store.scrub({ id: info.id })
    const events = watching(store)
    await storeBytes(store, bytes)
    assert.deepEqual(
      events.map((event) => event.kind),
      ['added'],
    )
    assert.ok((await readBlob(store, info)).equals(bytes))
    assert.deepEqual(store.lookup(info.id)?.pins, ['mine'])
    assert.equal(store.usage().damaged, 0)
    assert.equal(store.usage().bytes, bytes.byteLength)
  })
}

function roomCases(cases: SuiteCase): void {
  const limit = { limitBytes: 100_000, highWatermark: 0.9, lowWatermark: 0.5 }
  const fill = async (store: Store, clock: HandClock, count: number) => {
    const infos = []
    for (let seed = 1; seed <= count; seed += 1) {
      clock.advance(1000)
      infos.push(await storeBytes(store, sampleBytes(10_000, seed)))
    }
    return infos
  }

  cases(
    'begin() makes room: the least recently used go, down to the low watermark',
    async (store, clock) => {
      const infos = await fill(store, clock, 9)
      clock.advance(1000)
      const [oldest] = infos
      assert.ok(oldest !== undefined)
      const reader = await store.open(oldest.id)
      await reader.close()
      const removed: string[] = []
      store.watch((event) => event.kind === 'removed' && removed.push(event.id))
      clock.advance(1000)
      await storeBytes(store, sampleBytes(10_000, 10))
      assert.ok(store.usage().bytes <= 50_000, `${store.usage().bytes} bytes are left`)
      assert.ok(store.lookup(oldest.id) !== undefined, 'the one that was just used is kept')
      assert.deepEqual(
        removed.sort(),
        infos
          .slice(1, 1 + removed.length)
          .map((info) => info.id)
          .sort(),
      )
    },
    limit,
  )

  cases(
    'collect() spares pinned blobs and those that are being read',
    async (store, clock) => {
      const [pinned, read, other] = await fill(store, clock, 3)
      assert.ok(pinned !== undefined && read !== undefined && other !== undefined)
      store.pin(pinned.id, 'mine')
      const reader = await store.open(read.id)
      const report = await store.collect({ toBytes: 0 })
      assert.deepEqual(report, { removedBlobs: 1, removedBytes: 10_000, keptBytes: 20_000 })
      assert.equal(store.lookup(other.id), undefined)
      await reader.close()
      store.unpin(pinned.id, 'mine')
      assert.equal((await store.collect({ toBytes: 0 })).keptBytes, 0)
    },
    limit,
  )

  cases(
    'begin() and write() fail with exhausted.disk when nothing may be evicted, and what is there stays',
    async (store, clock) => {
      const infos = await fill(store, clock, 8)
      for (const info of infos) store.pin(info.id, 'mine')
      await assert.rejects(store.begin(expecting(sampleBytes(30_000))), code('exhausted.disk'))
      const writer = await store.begin({ digests: [], aliases: [], sizeBytes: undefined, bytesMax: 1_000_000 })
      const write = async () => {
        for (let chunk = 0; chunk < 10; chunk += 1) await writer.write(sampleBytes(10_000, 50 + chunk))
        await writer.commit(SAMPLE_FACTS)
      }
      await assert.rejects(write(), code('exhausted.disk'))
      await writer.abort()
      assert.equal(store.usage().bytes, 80_000)
      assert.equal(store.usage().pinnedBytes, 80_000)
      for (const info of infos) assert.equal((await readBlob(store, info)).byteLength, 10_000)
    },
    limit,
  )

  cases(
    'a blob that can never fit is refused without costing what is there',
    async (store, clock) => {
      const infos = await fill(store, clock, 5)
      await assert.rejects(store.begin(expecting(sampleBytes(100_001))), code('exhausted.disk'))
      for (const info of infos) assert.ok(store.lookup(info.id) !== undefined)
    },
    limit,
  )

  cases(
    'writers in flight count against the limit',
    async (store) => {
      const writer = await store.begin(expecting(sampleBytes(60_000)))
      assert.equal(store.usage().writingBytes, 60_000)
      await assert.rejects(store.begin(expecting(sampleBytes(50_000, 2))), code('exhausted.disk'))
      await writer.abort()
      const second = await store.begin(expecting(sampleBytes(50_000, 2)))
      await second.abort()
    },
    limit,
  )
}

/** A kept document with this body. */
export function sampleDocument(path: string, body: BlobInfo | undefined, checkedAtMs: number): StoredDocument {
  const request = { upstream: 'registry.example.com', method: 'GET', path, headers: {} } as const
  return {
    key: documentKey(request),
    upstream: request.upstream,
    status: body === undefined ? 'absent' : 'found',
    body: body?.id,
    sizeBytes: body?.sizeBytes ?? 0,
    mediaType: 'application/json',
    headers: { etag: '"1"' },
    changedAtMs: checkedAtMs,
    checkedAtMs,
    origin: { kind: 'upstream', name: request.upstream },
    share: 'network',
  }
}

function documentCases(cases: SuiteCase): void {
  cases('a document is read back, confirmed, replaced and deleted', async (store) => {
    const document = sampleDocument('/a', await storeBytes(store, sampleBytes(10)), 1000)
    store.documents.put(document)
    assert.deepEqual(store.documents.get(document.key), document)
    store.documents.confirm(document.key, 2000, { etag: '"2"' })
    assert.deepEqual(store.documents.get(document.key), { ...document, checkedAtMs: 2000, headers: { etag: '"2"' } })
    const absent = sampleDocument('/a', undefined, 3000)
    store.documents.put(absent)
    assert.deepEqual(store.documents.get(document.key), absent)
    store.documents.delete(document.key)
    assert.equal(store.documents.get(document.key), undefined)
  })

  cases(
    'documents are listed in pages, in the order of their keys, without those whose body is damaged',
    async (store) => {
      const paths = ['/c', '/a', '/e', '/b', '/d']
      const bodies = new Map<string, BlobInfo>()
      for (const [seed, path] of paths.entries()) {
        const body = await storeBytes(store, sampleBytes(10, seed + 1))
        bodies.set(path, body)
        store.documents.put(sampleDocument(path, body, 1000))
      }
      await store.remove(bodies.get('/b')?.id as BlobInfo['id'])
      const found: StoredDocument[] = []
      for (;;) {
        const after = found.at(-1)?.key
        const page = store.documents.list({ limit: 2, ...(after === undefined ? {} : { after }) })
        found.push(...page)
        if (page.length < 2) break
      }
      assert.deepEqual(
        found.map(({ body }) => body),
        ['/a', '/c', '/d', '/e'].map((path) => bodies.get(path)?.id),
      )
    },
  )

  cases('a document whose body is gone is gone, also when the body comes back', async (store) => {
    const bytes = sampleBytes(10)
    const document = sampleDocument('/a', await storeBytes(store, bytes), 1000)
    store.documents.put(document)
    await store.collect({ toBytes: 0 })
    assert.equal(store.documents.get(document.key), undefined)
    await storeBytes(store, bytes)
    assert.equal(store.documents.get(document.key), undefined)
  })

  cases('a variant is found until its own bytes or those of its document are gone', async (store) => {
    const body = await storeBytes(store, sampleBytes(10, 1))
    const made = await storeBytes(store, sampleBytes(10, 2))
    const other = await storeBytes(store, sampleBytes(10, 3))
    store.documents.putVariant(body.id, 'full', { id: made.id, mediaType: 'application/json' })
    store.documents.putVariant(body.id, 'short', { id: other.id, mediaType: 'text/plain' })
    assert.deepEqual(store.documents.variant(body.id, 'short'), { id: other.id, mediaType: 'text/plain' })
    await store.remove(made.id)
    assert.equal(store.documents.variant(body.id, 'full'), undefined)
    await store.remove(body.id)
    assert.equal(store.documents.variant(body.id, 'short'), undefined)
    assert.ok(store.lookup(other.id) !== undefined)
  })

  cases(
    'a replaced body and its variants are evicted before everything else, unless another document has it',
    async (store, clock) => {
      const old = await storeBytes(store, sampleBytes(1000, 1))
      const variant = await storeBytes(store, sampleBytes(1000, 2))
      const shared = await storeBytes(store, sampleBytes(1000, 3))
      store.documents.put(sampleDocument('/a', old, 1000))
      store.documents.putVariant(old.id, 'full', { id: variant.id, mediaType: 'text/plain' })
      store.documents.put(sampleDocument('/b', shared, 1000))
      store.documents.put(sampleDocument('/c', shared, 1000))
      clock.advance(1000)
      const next = await storeBytes(store, sampleBytes(1000, 4))
      clock.advance(1000)
      await (await store.open(old.id)).close()
      store.documents.put(sampleDocument('/a', next, 2000))
      store.documents.put(sampleDocument('/b', next, 2000))
      await store.collect({ toBytes: 2000 })
      assert.equal(store.lookup(old.id), undefined)
      assert.equal(store.lookup(variant.id), undefined)
      assert.ok(store.lookup(shared.id) !== undefined)
      assert.ok(store.lookup(next.id) !== undefined)
    },
  )

  cases(
    'documents are bounded: negative answers go first, then those checked longest ago',
    async (store) => {
      const body = await storeBytes(store, sampleBytes(10))
      store.documents.put(sampleDocument('/old', body, 1000))
      store.documents.put(sampleDocument('/missing', undefined, 9000))
      store.documents.put(sampleDocument('/new', body, 2000))
      store.documents.put(sampleDocument('/newer', body, 3000))
      store.documents.put(sampleDocument('/newest', body, 4000))
      const kept = ['/old', '/missing', '/new', '/newer', '/newest'].filter(
        (path) => store.documents.get(sampleDocument(path, body, 0).key) !== undefined,
      )
      assert.deepEqual(kept, ['/new', '/newer', '/newest'])
    },
    { documentCountMax: 3 },
  )
}

function recordCases(cases: SuiteCase): void {
  cases(
    'served() tells what was served under a version and under the whole package, newest first',
    async (store, clock) => {
      const info = await storeBytes(store, sampleBytes(10))
      const fact = (purl: string, label: string) => ({
        purl: parsePurl(purl),
        label,
        id: info.id,
        upstream: 'registry.example.com',
        evidence: [{ kind: 'name', digest: info.id, statedBy: 'the request' }] as const,
        origin: { kind: 'local' } as const,
      })
      store.record(fact('pkg:generic/a@1.0', 'a-1.0'))
      clock.advance(1000)
      store.record(fact('pkg:generic/a@2.0', 'a-2.0'))
      clock.advance(1000)
      store.record(fact('pkg:generic/a@1.0', 'a-1.0'))
      store.record(fact('pkg:generic/b@1.0', 'b-1.0'))
      const [first, second, third] = store.served(parsePurl('pkg:generic/a'))
      assert.deepEqual([first?.label, second?.label, third], ['a-1.0', 'a-2.0', undefined])
      assert.equal((first?.lastAtMs ?? 0) - (first?.firstAtMs ?? 0), 2000)
      assert.deepEqual(first?.evidence, fact('pkg:generic/a@1.0', '').evidence)
      assert.equal(store.served(parsePurl('pkg:generic/a@2.0')).length, 1)
      assert.equal(store.served(parsePurl('pkg:generic/c')).length, 0)
      assert.deepEqual(
        store.served().map(({ label, lastAtMs }) => [label, lastAtMs]),
        store
          .served()
          .toSorted((a, b) => b.lastAtMs - a.lastAtMs)
          .map(({ label, lastAtMs }) => [label, lastAtMs]),
      )
      assert.ok(store.served().length >= store.served(parsePurl('pkg:generic/a')).length)
    },
  )

  cases(
    'served facts are bounded: the ones longest not served go',
    async (store, clock) => {
      for (let version = 1; version <= 8; version += 1) {
        clock.advance(1000)
        store.record({
          purl: parsePurl(`pkg:generic/a@${version}`),
          label: `a-${version}`,
          id: blobIdOf(sampleBytes(10)),
          upstream: 'registry.example.com',
          evidence: [],
          origin: { kind: 'local' },
        })
      }
      assert.deepEqual(
        store.served(parsePurl('pkg:generic/a')).map((fact) => fact.label),
        ['a-8', 'a-7', 'a-6'],
      )
    },
    { servedCountMax: 3 },
  )

  cases(
    'the notebook keeps values per namespace, bounded in size and number',
    async (store) => {
      store.notebook.set('peers', 'a', { faults: [1, 2] })
      store.notebook.set('other', 'a', 7)
      assert.deepEqual(store.notebook.get('peers', 'a'), { faults: [1, 2] })
      assert.throws(() => store.notebook.set('peers', 'b', 'x'.repeat(101)), code('exhausted.size'))
      store.notebook.set('peers', 'b', 2)
      store.notebook.set('peers', 'a', 1)
      store.notebook.set('peers', 'c', 3)
      assert.deepEqual(store.notebook.entries('peers'), [
        ['a', 1],
        ['c', 3],
      ])
      store.notebook.delete('peers', 'a')
      assert.equal(store.notebook.get('peers', 'a'), undefined)
      assert.equal(store.notebook.get('other', 'a'), 7)
    },
    { notebookCountMax: 2, notebookValueBytesMax: 100 },
  )
}
