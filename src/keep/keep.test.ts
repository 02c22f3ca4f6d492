import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HandClock, handClock, sampleBytes, storeBytes } from '../../test/kit/store-suite.ts'
import { silentLogger } from '../base/clock.ts'
import type { Digest } from '../base/digest.ts'
import { AppError } from '../base/errors.ts'
import { createMemoryStore, type MemoryStore } from '../store/memory.ts'
import type { BlobInfo } from '../store/store.ts'
import { createKeep, type Keep, type KeepOptions } from './keep.ts'

interface Scene {
  readonly store: MemoryStore
  readonly clock: HandClock
  readonly announced: Digest[]
  readonly withdrawn: Digest[]
  readonly keep: Keep
}

function scene(options: KeepOptions, refetch: (blob: BlobInfo, store: MemoryStore) => Promise<void>): Scene {
  const clock = handClock()
  const store = createMemoryStore({ limitBytes: 100_000 }, { clock })
  const announced: Digest[] = []
  const withdrawn: Digest[] = []
  const keep = createKeep(options, {
    store,
    clock,
    logger: silentLogger,
    peers: { announce: (names) => announced.push(...names), withdraw: (names) => withdrawn.push(...names) },
    refetch: (blob) => refetch(blob, store),
  })
  keep.start()
  return { store, clock, announced, withdrawn, keep }
}

const nothing = async () => {}

/** Lets everything run that waits for no clock. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

test('keep announces what may be shared, also when that is said later, and nothing else', async () => {
  const { store, announced, keep } = scene({}, nothing)
  const open = await storeBytes(store, sampleBytes(10, 1), { share: 'lan' })
  const closed = await storeBytes(store, sampleBytes(10, 2), { share: 'none' })
  assert.deepEqual(announced, [open.id])
  store.amend(closed.id, { share: 'network' })
  assert.deepEqual(announced, [open.id, closed.id])
  await keep.stop()
})

test('keep withdraws what was removed or is damaged', async () => {
  const { store, withdrawn, keep } = scene({}, nothing)
  const removed = await storeBytes(store, sampleBytes(10, 1))
  const damaged = await storeBytes(store, sampleBytes(10, 2))
  await store.remove(removed.id)
  store.flip(damaged.id, 0)
  await store.scrub({})
  assert.deepEqual(withdrawn, [removed.id, damaged.id])
  await keep.stop()
})

test('keep has a damaged blob fetched again, with pauses, until it is whole', async () => {
  let attempts = 0
  const bytes = sampleBytes(10)
  const { store, clock, keep } = scene({ repair: { pauseMs: 1000 } }, async (_, into) => {
    attempts += 1
    if (attempts < 3) throw new AppError('unavailable.upstream', 'not now')
    await storeBytes(into, bytes)
  })
  const info = await storeBytes(store, bytes)
  store.flip(info.id, 0)
  await store.scrub({})
  await settle()
  assert.equal(attempts, 1)
  clock.advance(1000)
  await settle()
  assert.equal(attempts, 2)
  clock.advance(3999)
  await settle()
  assert.equal(attempts, 2)
  clock.advance(1)
  await settle()
  assert.equal(store.lookup(info.id)?.id, info.id)
  await keep.stop()
})

test('keep repairs a bounded number at once and gives up after a bounded number of attempts', async () => {
  let running = 0
  let most = 0
  let attempts = 0
  const options = { repair: { concurrencyMax: 2, attemptCountMax: 2, pauseMs: 10 } }
  const { store, clock, keep } = scene(options, async () => {
    running += 1
    most = Math.max(most, running)
    attempts += 1
    await settle()
    running -= 1
    throw new AppError('absent.blob', 'nobody has it')
  })
  for (let seed = 1; seed <= 5; seed += 1) store.flip((await storeBytes(store, sampleBytes(10, seed))).id, 0)
  await store.scrub({})
  for (let turn = 0; turn < 20; turn += 1) {
    await settle()
    clock.advance(10)
  }
  assert.equal(most, 2)
  assert.equal(attempts, 10)
  await keep.stop()
})

test('keep reads everything again when it is time, and not before', async () => {
  const { store, clock, keep } = scene({ scrubEveryMs: 3_600_000 }, nothing)
  const info = await storeBytes(store, sampleBytes(10))
  store.flip(info.id, 0)
  for (let minutes = 0; minutes < 50; minutes += 10) {
    await settle()
    clock.advance(600_000)
  }
  await settle()
  assert.equal(store.usage().damaged, 0)
  for (let minutes = 0; minutes < 40; minutes += 10) {
    clock.advance(600_000)
    await settle()
  }
  assert.equal(store.usage().damaged, 1)
  await keep.stop()
})

test('keep collects when the store is nearly full', async () => {
  const { store, clock, keep } = scene({ collectEveryMs: 1000 }, nothing)
  const first = await storeBytes(store, sampleBytes(48_000, 1))
  clock.advance(10)
  await storeBytes(store, sampleBytes(46_000, 2))
  const writer = await store.begin({ digests: [], aliases: [], sizeBytes: undefined, bytesMax: 1_000_000 })
  await writer.write(sampleBytes(900))
  clock.advance(1000)
  await settle()
  assert.ok(store.lookup(first.id) !== undefined, 'below the watermark nothing goes')
  await writer.write(sampleBytes(100))
  clock.advance(1000)
  await settle()
  assert.equal(store.lookup(first.id), undefined)
  await writer.abort()
  await keep.stop()
})
