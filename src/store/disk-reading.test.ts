import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { handClock, sampleBytes, storeBytes } from '../../test/kit/store-suite.ts'
import { silentLogger } from '../base/clock.ts'
import { type BlobId, hexOf } from '../base/digest.ts'
import { type ByteRange, collect } from '../base/streams.ts'
import { type Files, nodeFiles } from './disk/files.ts'
import { createDiskStore } from './disk.ts'
import type { BlobInfo, Store } from './store.ts'

const MIB = 1_048_576

/** A store, and how often a file was opened and read. */
async function counting(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'pyrsia-reading-'))
  const count = { opened: 0, read: 0 }
  const files: Files = {
    ...nodeFiles,
    open(path, mode) {
      if (mode === 'read' && path.includes('sha256')) count.opened += 1
      return nodeFiles.open(path, mode)
    },
    read(fd, buffer, position) {
      count.read += 1
      return nodeFiles.read(fd, buffer, position)
    },
  }
  const clock = handClock()
  const random = { bytes: (length: number) => randomBytes(length), fraction: () => 0.5 }
  const store = await createDiskStore(
    { directory, limitBytes: 1 << 30 },
    { clock, random, logger: silentLogger, files },
  )
  t.after(async () => {
    await store.close()
    await rm(directory, { recursive: true })
  })
  const pathOf = ({ id }: BlobInfo) => join(directory, 'blobs', 'sha256', hexOf(id).slice(0, 2), hexOf(id))
  return { store, count, clock, pathOf }
}

async function read(store: Store, id: BlobId, range?: ByteRange): Promise<Buffer> {
  const reader = await store.open(id)
  try {
    return await collect(reader.stream(range), 64 * MIB)
  } finally {
    await reader.close()
  }
}

test('a small blob is read and checked once for readers that come soon after another', async (t) => {
  const { store, count, clock } = await counting(t)
  const bytes = sampleBytes(200_000)
  const { id } = await storeBytes(store, bytes)
  for (let at = 0; at < 5; at += 1) assert.deepEqual(await read(store, id), bytes)
  assert.deepEqual(await read(store, id, { offset: 100, lengthBytes: 50 }), bytes.subarray(100, 150))
  assert.deepEqual(count, { opened: 1, read: 1 })
  clock.advance(30_000)
  clock.advance(30_000)
  assert.deepEqual(await read(store, id), bytes)
  assert.deepEqual(count, { opened: 2, read: 2 })
})

test('the end of a large blob is read and checked once for readers of it that come soon after another', async (t) => {
  const { store, count } = await counting(t)
  const bytes = sampleBytes(2 * MIB + 700_000)
  const { id } = await storeBytes(store, bytes)
  const tail = { offset: bytes.byteLength - 65_536, lengthBytes: 65_536 }
  for (let at = 0; at < 5; at += 1) assert.deepEqual(await read(store, id, tail), bytes.subarray(tail.offset))
  assert.deepEqual(count, { opened: 1, read: 1 })
  assert.deepEqual(await read(store, id), bytes)
})

test('a large blob that is read whole leaves nothing in memory', async (t) => {
  const { store, count } = await counting(t)
  const { id } = await storeBytes(store, sampleBytes(2 * MIB))
  for (let at = 0; at < 3; at += 1) await read(store, id)
  assert.equal(count.read, 6)
})

test('a removed blob is gone for new readers, whatever is still in memory', async (t) => {
  const { store } = await counting(t)
  const { id } = await storeBytes(store, sampleBytes(1000))
  await read(store, id)
  await store.remove(id)
  await assert.rejects(store.open(id), { code: 'absent.blob' })
})

test('scrub() looks at the file of a blob, not at what is in memory', async (t) => {
  const { store, pathOf } = await counting(t)
  const info = await storeBytes(store, sampleBytes(1000))
  await read(store, info.id)
  const bytes = await readFile(pathOf(info))
  bytes[7] = (bytes[7] ?? 0) ^ 1
  await writeFile(pathOf(info), bytes)
  assert.deepEqual((await store.scrub({})).damaged, [info.id])
  await assert.rejects(store.open(info.id), { code: 'damaged.blob' })
})
