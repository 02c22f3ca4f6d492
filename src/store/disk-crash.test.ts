import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { expecting, handClock, SAMPLE_FACTS, sampleBytes, storeBytes } from '../../test/kit/store-suite.ts'
import { type Logger, type Random, silentLogger } from '../base/clock.ts'
import { type BlobId, hexOf, parseBlobId } from '../base/digest.ts'
import { collect } from '../base/streams.ts'
import { type Files, nodeFiles } from './disk/files.ts'
import { createDiskStore } from './disk.ts'
import type { BlobInfo, Store } from './store.ts'

const root = mkdtempSync(join(tmpdir(), 'pyrsia-crash-'))
after(() => rmSync(root, { recursive: true, force: true }))
const random: Random = { bytes: (count) => randomBytes(count), fraction: () => 0.5 }
const MIB = 1_048_576

interface Opened {
  readonly store: Store
  /** Resolves when the background pass after an unclean boot is done. */
  readonly recovered: Promise<void>
}

async function open(directory: string, files: Partial<Files> = {}, limitBytes = 1 << 30): Promise<Opened> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const logger: Logger = {
    ...silentLogger,
    debug: (_, message) => message === 'a new store is ready' && resolve(),
    info: (_, message) => message === 'recovered after an unclean boot' && resolve(),
  }
  const dependencies = { clock: handClock(), random, logger, files: { ...nodeFiles, ...files } }
  return { store: await createDiskStore({ directory, limitBytes }, dependencies), recovered: promise }
}

async function read(store: Store, id: BlobId): Promise<Buffer> {
  const reader = await store.open(id)
  try {
    return await collect(reader.stream(), 64 * MIB)
  } finally {
    await reader.close()
  }
}

const pathOf = (directory: string, { id }: Pick<BlobInfo, 'id'>) =>
  join(directory, 'blobs', 'sha256', hexOf(id).slice(0, 2), hexOf(id))
const code = (wanted: string) => (error: unknown) => (error as { code?: string }).code === wanted

/** Runs the victim until it has said `count` ids, kills it `extraMs` of work later, and gives the ids. */
async function killAfter(directory: string, firstSeed: number, count: number): Promise<string[]> {
  const script = fileURLToPath(new URL('../../test/kit/store-victim.ts', import.meta.url))
  const child = spawn(process.execPath, [script, directory, String(firstSeed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    if (said.split('\n').length > count) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.on('close', resolve))
  return said.split('\n').slice(0, -1)
}

test('a store whose process was killed has all that was acknowledged, nothing partial and no leftovers', async () => {
  const directory = join(root, 'killed')
  const said: string[] = []
  for (const [round, count] of [2, 5, 9].entries())
    said.push(...(await killAfter(directory, 1000 * (round + 1), count)))
  assert.ok(said.length >= 16)
  const { store, recovered } = await open(directory)
  for (const text of said) assert.ok((await read(store, parseBlobId(text))).byteLength > 0)
  await recovered
  assert.deepEqual(readdirSync(join(directory, 'incoming')), [])
  const { checkedBlobs, damaged } = await store.scrub({})
  assert.deepEqual(damaged, [])
  assert.equal(checkedBlobs, store.usage().blobs)
  await store.close()
})

test('a directory that is in use cannot be opened again, and can be after a close', async () => {
  const directory = join(root, 'locked')
  const { store } = await open(directory)
  await assert.rejects(open(directory), code('conflict.running'))
  await store.close()
  await (await open(directory)).store.close()
})

test('blobs, pins, documents and uses outlive a restart', async () => {
  const directory = join(root, 'restart')
  const bytes = sampleBytes(2 * MIB + 1)
  const { store, recovered } = await open(directory)
  await recovered
  const info = await storeBytes(store, bytes)
  store.pin(info.id, 'mine')
  store.notebook.set('peers', 'a', 1)
  await store.close()
  assert.ok(!existsSync(join(directory, 'unclean')))
  const { store: again } = await open(directory)
  assert.deepEqual(again.lookup(info.id)?.pins, ['mine'])
  assert.equal(again.usage().pinnedBytes, bytes.byteLength)
  assert.equal(again.notebook.get('peers', 'a'), 1)
  assert.ok((await read(again, info.id)).equals(bytes))
  await again.close()
})

/** A store that was closed, then made to look as if its machine had crashed. */
async function crashed(name: string, bytes: readonly Buffer[]): Promise<{ directory: string; infos: BlobInfo[] }> {
  const directory = join(root, name)
  const { store } = await open(directory)
  const infos = []
  for (const one of bytes) infos.push(await storeBytes(store, one))
  await store.close()
  writeFileSync(join(directory, 'unclean'), '1 an-earlier-run-of-the-machine')
  return { directory, infos }
}

test('after a crash of the machine blobs are read again in the background, and torn ones leave service', async () => {
  const { directory, infos } = await crashed('torn', [sampleBytes(2 * MIB, 1), sampleBytes(2 * MIB, 2)])
  const [torn, whole] = infos
  assert.ok(torn !== undefined && whole !== undefined)
  truncateSync(pathOf(directory, torn), MIB)
  const { store, recovered } = await open(directory)
  const damaged: string[] = []
  store.watch((event) => event.kind === 'damaged' && damaged.push(event.blob.id))
  await recovered
  assert.deepEqual(damaged, [torn.id])
  assert.equal(store.lookup(whole.id)?.id, whole.id)
  await store.close()
})

test('a crash that is not put right before the next one is still put right then', async () => {
  const { directory, infos } = await crashed('twice', [sampleBytes(2 * MIB, 1)])
  const { store } = await open(directory)
  await store.close()
  assert.ok(existsSync(join(directory, 'unclean')))
  const { store: again, recovered } = await open(directory)
  await recovered
  assert.equal(again.usage().blobs, infos.length)
  await again.close()
  assert.ok(!existsSync(join(directory, 'unclean')))
})

test('a new store does not tell of an unclean boot', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const tell = (_: unknown, message: string): void => resolve(message)
  const logger: Logger = { ...silentLogger, debug: tell, info: tell }
  const directory = join(root, 'new')
  const store = await createDiskStore({ directory, limitBytes: 1 << 30 }, { clock: handClock(), random, logger })
  assert.equal(await promise, 'a new store is ready')
  await store.close()
})

test('after an unclean boot files without a row go and rows without a file leave service', async () => {
  const { directory, infos } = await crashed('orphans', [sampleBytes(100, 1), sampleBytes(100, 2)])
  const [lost, kept] = infos
  assert.ok(lost !== undefined && kept !== undefined)
  unlinkSync(pathOf(directory, lost))
  const orphan = pathOf(directory, { id: parseBlobId(`sha256:${'ab'.repeat(32)}`) })
  mkdirSync(dirname(orphan), { recursive: true })
  writeFileSync(orphan, 'x')
  const { store, recovered } = await open(directory)
  await recovered
  assert.ok(!existsSync(orphan))
  assert.ok(existsSync(pathOf(directory, kept)))
  assert.equal(store.usage().damaged, 1)
  await store.close()
})

test('a blob whose file was deleted is found damaged by whoever opens it', async () => {
  const directory = join(root, 'deleted')
  const { store } = await open(directory)
  const info = await storeBytes(store, sampleBytes(100))
  unlinkSync(pathOf(directory, info))
  await assert.rejects(store.open(info.id), code('damaged.blob'))
  assert.equal(store.lookup(info.id), undefined)
  await store.close()
})

test('a failure to open that is not the blob’s leaves it in service', async () => {
  const directory = join(root, 'descriptors')
  let failing = false
  const tooMany = Object.assign(new Error('too many open files'), { code: 'EMFILE' })
  const { store } = await open(directory, {
    open: (path, mode) => (failing ? Promise.reject(tooMany) : nodeFiles.open(path, mode)),
  })
  const info = await storeBytes(store, sampleBytes(100))
  failing = true
  await assert.rejects(store.open(info.id), code('unavailable.storage'))
  failing = false
  assert.equal((await read(store, info.id)).byteLength, 100)
  await store.close()
})

test('a full disk gives exhausted.disk, leaves nothing behind, and what is there is still served', async () => {
  const directory = join(root, 'full')
  const bytes = sampleBytes(MIB, 1)
  let full = false
  const { store } = await open(directory, {
    write: (fd, part, position) =>
      full && position > 0
        ? Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
        : nodeFiles.write(fd, part, position),
  })
  const info = await storeBytes(store, bytes)
  store.pin(info.id, 'mine')
  full = true
  await assert.rejects(storeBytes(store, sampleBytes(6 * MIB, 2)), code('exhausted.disk'))
  const writer = await store.begin(expecting(sampleBytes(2 * MIB, 3)))
  await writer.write(sampleBytes(2 * MIB, 3))
  await assert.rejects(writer.commit(SAMPLE_FACTS), code('exhausted.disk'))
  assert.ok((await read(store, info.id)).equals(bytes))
  assert.equal(store.usage().blobs, 1)
})

test('a full disk costs the least recently used blobs before it costs a new one', async () => {
  const directory = join(root, 'evicting')
  const stored = () =>
    readdirSync(join(directory, 'blobs'), { recursive: true, withFileTypes: true }).filter((at) => at.isFile())
  const { store } = await open(directory, {
    write: (fd, part, position) =>
      stored().length > 0
        ? Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
        : nodeFiles.write(fd, part, position),
  })
  const old = await storeBytes(store, sampleBytes(100, 1))
  const next = await storeBytes(store, sampleBytes(100, 2))
  assert.equal(store.lookup(old.id), undefined)
  assert.ok(store.lookup(next.id) !== undefined)
  await store.close()
})

/** SQLite finds no room for what matches, while `full` says so. */
function noRoom(t: TestContext, matches: RegExp, errcode: number, full: () => boolean): void {
  const exec = DatabaseSync.prototype.exec
  t.mock.method(DatabaseSync.prototype, 'exec', function (this: DatabaseSync, sql: string) {
    if (matches.test(sql) && full()) throw Object.assign(new Error('database or disk is full'), { errcode })
    exec.call(this, sql)
  })
}

test('a disk too full to note that blobs are forgotten gives their files up first', async (t) => {
  const directory = join(root, 'no-room')
  const { store } = await open(directory)
  const old = await storeBytes(store, sampleBytes(MIB, 1))
  noRoom(t, /^COMMIT$/, 13, () => existsSync(pathOf(directory, old)))
  assert.equal((await store.collect({ toBytes: 0 })).removedBlobs, 1)
  assert.equal(store.lookup(old.id), undefined)
  await store.close()
})

test('a disk too full for metadata refuses what is new, and serves what is there', async (t) => {
  const directory = join(root, 'no-metadata')
  const { store } = await open(directory)
  const old = await storeBytes(store, sampleBytes(MIB, 1))
  store.pin(old.id, 'mine')
  let full = true
  noRoom(t, /^COMMIT$/, 13, () => full)
  await assert.rejects(storeBytes(store, sampleBytes(100, 2)), code('exhausted.disk'))
  assert.ok((await read(store, old.id)).equals(sampleBytes(MIB, 1)))
  assert.deepEqual(readdirSync(join(directory, 'incoming')), [])
  full = false
  await storeBytes(store, sampleBytes(100, 2))
  await store.close()
})

test('a reserve is given up for what makes room, and set aside again', async (t) => {
  const directory = join(root, 'reserve')
  const reserve = join(directory, 'reserve')
  const { store } = await open(directory)
  assert.ok(existsSync(reserve))
  noRoom(t, /^COMMIT$/, 13, () => existsSync(reserve))
  const info = await storeBytes(store, sampleBytes(100, 1))
  assert.ok(store.lookup(info.id) !== undefined)
  assert.ok(!existsSync(reserve))
  const writer = await store.begin(expecting(sampleBytes(100, 2)))
  assert.ok(existsSync(reserve))
  await writer.abort()
  await store.close()
})

test('a listener that fails does not undo what it was told', async () => {
  const { store } = await open(join(root, 'news'))
  store.watch(() => assert.fail('no room for a note'))
  const info = await storeBytes(store, sampleBytes(100, 1))
  await store.remove(info.id)
  assert.equal(store.usage().blobs, 0)
  await store.close()
})

test('a database that cannot be opened for want of room is not called damaged', async (t) => {
  const directory = join(root, 'no-open')
  for (const [errcode, wanted] of [
    [13, 'exhausted.disk'],
    [4874, 'unavailable.storage'],
  ] as const) {
    noRoom(t, /journal_mode = WAL/, errcode, () => true)
    await assert.rejects(open(directory), code(wanted))
    t.mock.restoreAll()
  }
})

test('a database of a newer Pyrsia, or none at all, is refused by name', async () => {
  const newer = join(root, 'newer')
  await (await open(newer)).store.close()
  const database = new DatabaseSync(join(newer, 'store.db'))
  database.exec('PRAGMA user_version = 999')
  database.close()
  await assert.rejects(open(newer), code('damaged.database'))
  const broken = join(root, 'broken')
  mkdirSync(broken)
  writeFileSync(join(broken, 'store.db'), 'this is no database, however long one looks at it'.repeat(100))
  await assert.rejects(open(broken), code('damaged.database'))
})

test('what the store writes is for its owner only', async () => {
  const directory = join(root, 'modes')
  const { store } = await open(directory)
  const info = await storeBytes(store, sampleBytes(100))
  assert.equal(statSync(pathOf(directory, info)).mode & 0o777, 0o600)
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  assert.equal(statSync(join(directory, 'store.db')).mode & 0o777, 0o600)
  assert.equal(readFileSync(pathOf(directory, info)).byteLength, 100)
  await store.close()
})
