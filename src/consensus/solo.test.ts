import assert from 'node:assert/strict'
import { type FileHandle, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createToyKeys } from '../../test/kit/consensus-network.ts'
import {
  buildOn,
  createToyLog,
  type EngineBench,
  engineSuite,
  submitAll,
  type ToyLog,
  toyClock,
  toyGenesis,
  toyMachine,
} from '../../test/kit/engine-suite.ts'
import type { SteppedClock } from '../../test/kit/stepped-clock.ts'
import { silentLogger } from '../base/clock.ts'
import { encodeTransaction } from '../base/entries/transaction.ts'
import { AppError } from '../base/errors.ts'
import { openDiskJournal } from './solo/disk-journal.ts'
import type { Journal } from './solo/journal.ts'
import { createMemoryJournal } from './solo/memory-journal.ts'
import { startSolo } from './solo.ts'

const directories: string[] = []
after(async () => {
  for (const directory of directories) await rm(directory, { recursive: true, force: true })
})

async function freshDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pyrsia-solo-'))
  directories.push(directory)
  return directory
}

async function benchOf(
  openJournal: () => Promise<Journal>,
  log: ToyLog = createToyLog(),
  clock: SteppedClock = toyClock(),
  snapshotBlocks = 3,
): Promise<EngineBench> {
  const parts = { machine: toyMachine(), journal: await openJournal(), log, clock, logger: silentLogger }
  const engine = await startSolo({ genesis: toyGenesis(), snapshotBlocks }, parts)
  return {
    engine,
    log,
    clock,
    async pass(blocks, laterSeconds) {
      for (let block = 0; block < blocks; block += 1) {
        const { promise, resolve } = Promise.withResolvers<void>()
        const stop = engine.watch(() => resolve())
        // The last block is told before the engine sets its timer for the next.
        await new Promise((set) => setImmediate(set))
        clock.advance(laterSeconds * 1000)
        await promise
        stop()
      }
    },
    async restart() {
      await engine.close()
      return await benchOf(openJournal, log, clock, snapshotBlocks)
    },
  }
}

engineSuite('solo in memory', async () => {
  const journal = createMemoryJournal()
  return await benchOf(async () => journal)
})

engineSuite('solo on disk', async () => {
  const directory = await freshDirectory()
  return await benchOf(() => openDiskJournal(directory, 20_000))
})

test('solo takes what was submitted together into one block, and no more than a block holds', async () => {
  const journal = createMemoryJournal()
  const parts = { machine: toyMachine(), journal, log: createToyLog(), clock: toyClock(), logger: silentLogger }
  const engine = await startSolo({ genesis: toyGenesis(), blockTransactionsMax: 7 }, parts)
  const keys = createToyKeys()
  const sizes: number[] = []
  engine.watch(({ transactions }) => sizes.push(transactions.length))
  await submitAll(
    engine,
    Array.from({ length: 20 }, (_, at) => keys.request('a', `pkg:toy/p${at}@1`)),
  )
  assert.deepEqual(sizes, [7, 7, 6])
  await engine.close()
})

test('solo refuses more than its queue holds', async () => {
  const parts = {
    machine: toyMachine(),
    journal: createMemoryJournal(),
    log: createToyLog(),
    clock: toyClock(),
    logger: silentLogger,
  }
  const engine = await startSolo({ genesis: toyGenesis(), queueMax: 2 }, parts)
  const keys = createToyKeys()
  const submitted = ['x', 'y', 'z'].map((name) =>
    engine.submit(encodeTransaction(keys.request('a', `pkg:toy/${name}@1`))),
  )
  const settled = await Promise.allSettled(submitted)
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  )
  assert.ok(settled[2]?.status === 'rejected' && settled[2].reason.code === 'exhausted.queue')
  await engine.close()
})

test('solo stops at a write that fails, acknowledges nothing of it, and finds out by a new start', async () => {
  const journal = createMemoryJournal()
  const log = createToyLog()
  let broken = false
  const failing: ToyLog = {
    ...log,
    async append(entries, options) {
      if (broken) throw new AppError('exhausted.disk', 'no room')
      return await log.append(entries, options)
    },
  }
  const bench = await benchOf(async () => journal, failing)
  const keys = createToyKeys()
  broken = true
  const full = (error: unknown) => error instanceof AppError && error.code === 'exhausted.disk'
  await assert.rejects(bench.engine.submit(encodeTransaction(keys.request('a', 'pkg:toy/x@1'))), full)
  await assert.rejects(bench.engine.submit(encodeTransaction(keys.request('a', 'pkg:toy/y@1'))), full)
  broken = false
  await bench.engine.close()
  const again = await benchOf(async () => journal, failing)
  assert.equal(again.log.entries.length, again.engine.state().scalars.entries)
  assert.equal(again.engine.state().at.heightBlock, 1, 'the journaled block counts')
  await again.engine.close()
})

test('solo says that it has stopped when the write of an empty block fails, where nobody waits for an answer', async () => {
  const clock = toyClock()
  const memory = createMemoryJournal()
  let broken = false
  const journal: Journal = {
    ...memory,
    async append(height, record) {
      if (broken) throw new AppError('unavailable.storage', 'the disk is gone')
      await memory.append(height, record)
    },
  }
  const { promise: logged, resolve } = Promise.withResolvers<string>()
  const logger = { ...silentLogger, error: (_: unknown, text: string) => resolve(text) }
  const parts = { machine: toyMachine(), journal, log: createToyLog(), clock, logger }
  const engine = await startSolo({ genesis: toyGenesis() }, parts)
  await submitAll(engine, [createToyKeys().request('a', 'pkg:toy/x@1')])
  assert.equal(engine.failure(), undefined)
  broken = true
  // The request waits for its draw, so there is a next block without anybody's transaction.
  await new Promise((set) => setImmediate(set))
  clock.advance(20_000)
  assert.match(await logged, /stops: a write failed/)
  assert.equal(engine.failure()?.code, 'unavailable.storage')
  await engine.close()
})

test('solo refuses another genesis than the one it began with, and a log that is not its own', async () => {
  const journal = createMemoryJournal()
  const bench = await benchOf(async () => journal)
  await bench.engine.close()
  const parts = { machine: toyMachine(), journal, log: bench.log, clock: toyClock(), logger: silentLogger }
  const other = (error: unknown) => error instanceof AppError && error.code === 'usage.network'
  await assert.rejects(startSolo({ genesis: toyGenesis(5) }, parts), other)
  const damaged = (error: unknown) => error instanceof AppError && error.code === 'damaged.snapshot'
  const [last] = bench.log.entries.splice(-1, 1, Buffer.from('another entry in its place'))
  await assert.rejects(startSolo({ genesis: toyGenesis() }, parts), damaged)
  bench.log.entries.splice(-1, 1, last ?? Buffer.alloc(0))
  bench.log.entries.push(Buffer.from('not of this journal'))
  await assert.rejects(startSolo({ genesis: toyGenesis() }, parts), damaged)
  await assert.rejects(startSolo({ genesis: toyGenesis() }, { ...parts, journal: createMemoryJournal() }), damaged)
})

test('a disk journal drops a last record that was torn, at whatever byte, and refuses damage before it', async () => {
  const directory = await freshDirectory()
  const journal = await openDiskJournal(directory)
  const records = ['genesis', 'one', 'two'].map((text) => Buffer.from(text))
  for (const [height, record] of records.entries()) await journal.append(height, record)
  await journal.close()
  const [name = ''] = await readdir(directory)
  const path = join(directory, name)
  const whole = await readFile(path)
  const read = async () => {
    const opened = await openDiskJournal(directory)
    const found: string[] = []
    for await (const record of opened.records(0)) found.push(Buffer.from(record).toString())
    await opened.close()
    return found
  }
  assert.deepEqual(await read(), ['genesis', 'one', 'two'])
  for (let cut = 1; cut < 36 + 3; cut += 1) {
    await writeFile(path, whole)
    await truncate(path, whole.length - cut)
    assert.deepEqual(await read(), ['genesis', 'one'], `${cut} bytes short`)
  }
  await writeFile(path, Buffer.concat([whole, Buffer.alloc(500)]))
  assert.deepEqual(await read(), ['genesis', 'one', 'two'], 'a hole where a write was to be')
  const changed = Buffer.from(whole)
  changed[40] = 0
  await writeFile(path, changed)
  await assert.rejects(read, (error: unknown) => error instanceof AppError && error.code === 'damaged.snapshot')
})

test('a disk journal makes durable what it finds at a start, before anybody builds on it', async (t) => {
  const { journal, directory } = await journalOfTen()
  await journal.close()
  const anyFile = await open(directory, 'r')
  const synced: ('directory' | 'file')[] = []
  const plain: () => Promise<void> = Object.getPrototypeOf(anyFile).sync
  t.mock.method(Object.getPrototypeOf(anyFile), 'sync', async function (this: FileHandle) {
    synced.push((await this.stat()).isDirectory() ? 'directory' : 'file')
    await plain.call(this)
  })
  await anyFile.close()
  // Whoever wrote it may have been killed before it synced: the page cache shows the record, the next power cut would not.
  const again = await openDiskJournal(directory)
  assert.deepEqual(synced.sort(), ['directory', 'file'])
  await again.close()
})

test('a disk journal begins new files, and reads from any height', async () => {
  const { journal, directory } = await journalOfTen()
  const read = async (from: number) => {
    const found: string[] = []
    for await (const record of journal.records(from)) found.push(Buffer.from(record).toString())
    return found
  }
  for (const from of [0, 4, 9]) {
    assert.deepEqual(
      await read(from),
      Array.from({ length: 10 - from }, (_, at) => `record ${from + at}`),
    )
  }
  await journal.close()
  assert.ok((await readdir(directory)).length > 2)
})

test('a disk journal knows when one of its files is missing', async () => {
  for (const missing of [0, 1]) {
    const { journal, directory } = await journalOfTen()
    await journal.close()
    const names = (await readdir(directory)).sort()
    await rm(join(directory, names[missing] ?? ''))
    const holed = await openDiskJournal(directory)
    await assert.rejects(
      async () => {
        for await (const _ of holed.records(0));
      },
      (error: unknown) => error instanceof AppError && error.code === 'damaged.snapshot',
    )
    await holed.close()
  }
})

async function journalOfTen(): Promise<{ journal: Journal; directory: string }> {
  const directory = await freshDirectory()
  const journal = await openDiskJournal(directory, 100)
  for (let height = 0; height < 10; height += 1) await journal.append(height, Buffer.from(`record ${height}`))
  return { journal, directory }
}

test('a snapshot that is damaged or ahead of its log only costs a replay', async () => {
  const directory = await freshDirectory()
  const bench = await benchOf(() => openDiskJournal(directory))
  await buildOn(bench, createToyKeys(), 'pkg:toy/x@1')
  await bench.engine.close()
  const root = toyMachine().root(bench.engine.state())
  const path = join(directory, 'state.snapshot')
  const snapshot = await readFile(path)
  await writeFile(path, snapshot.subarray(0, -10))
  const again = await benchOf(() => openDiskJournal(directory), bench.log)
  assert.deepEqual(toyMachine().root(again.engine.state()), root)
  await again.engine.close()
  await writeFile(path, snapshot)
  const short = createToyLog()
  const filled = await benchOf(() => openDiskJournal(directory), short)
  assert.deepEqual(short.entries.map(String), bench.log.entries.map(String))
  await filled.engine.close()
})
