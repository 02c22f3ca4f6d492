import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  LOG_SIGNER,
  logSuite,
  newestOf,
  ORIGIN,
  sampleDigest,
  sampleEntries,
  sampleEntry,
  sampleKeysOf,
  withCode,
} from '../../test/kit/log-suite.ts'
import { silentLogger } from '../base/clock.ts'
import { signerOfSeed } from '../base/crypto/ed25519.ts'
import { makeVkey } from '../base/network/vkey.ts'
import { checkLog, checkRecord } from './disk/check-log.ts'
import { nodeLogFiles } from './disk/files.ts'
import { logLayout } from './disk/layout.ts'
import { type DiskWriterOptions, openDiskMirror, openDiskWriter } from './disk.ts'
import { signedCheckpoint } from './signed-checkpoint.ts'

const root = mkdtempSync(join(tmpdir(), 'pyrsia-log-'))
after(() => rmSync(root, { recursive: true, force: true }))
const dependencies = { logger: silentLogger }
const fresh = () => mkdtempSync(join(root, 'log-'))

logSuite('disk', {
  writer: (origin, options) =>
    openDiskWriter(
      { origin, directory: fresh(), keysOf: sampleKeysOf, create: true, ...options },
      LOG_SIGNER,
      dependencies,
    ),
  mirror: (origin) => openDiskMirror({ origin, directory: fresh(), keysOf: sampleKeysOf }, dependencies),
})

const writerIn = (directory: string, create: boolean, options: Partial<DiskWriterOptions> = {}) =>
  openDiskWriter({ origin: ORIGIN, directory, keysOf: sampleKeysOf, create, ...options }, LOG_SIGNER, dependencies)
const key = makeVkey(ORIGIN, 'ed25519', LOG_SIGNER.publicKey)

/** A directory with a log of `count` entries that was closed. */
async function closedLog(
  count: number,
  from = 0,
): Promise<{ directory: string; layout: ReturnType<typeof logLayout> }> {
  const directory = fresh()
  const log = await writerIn(directory, true)
  await log.append(sampleEntries(count, from))
  await log.close()
  return { directory, layout: logLayout(directory, ORIGIN) }
}

test('a log that was closed is the same when it is opened again, cosignatures included', async () => {
  const directory = fresh()
  const log = await writerIn(directory, true)
  await log.append(sampleEntries(300))
  await log.publish({ ...newestOf(log), cosignatures: [{ name: 'w.example', timeSeconds: 5 }] })
  const before = newestOf(log)
  await log.close()
  const again = await writerIn(directory, false)
  assert.deepEqual(newestOf(again), { ...before, root: newestOf(again).root })
  assert.deepEqual(Buffer.from(newestOf(again).root), Buffer.from(before.root))
  assert.equal((await again.append(sampleEntries(1))).firstIndex, 300)
  assert.equal((await again.find({ digest: sampleDigest(299) }))[0]?.index, 299)
  await again.close()
})

test('a log that is open cannot be opened by somebody else', async () => {
  const directory = fresh()
  const log = await writerIn(directory, true)
  await assert.rejects(writerIn(directory, false), withCode('conflict.running'))
  await log.close()
  await (await writerIn(directory, false)).close()
})

test('a log whose record is missing is not begun again under the same key, and says why', async () => {
  const { directory, layout } = await closedLog(3)
  rmSync(layout.record)
  await assert.rejects(writerIn(directory, false), /second history/)
  await assert.rejects(writerIn(directory, true), withCode('damaged.log'))
  await assert.rejects(writerIn(fresh(), false), withCode('damaged.log'))
})

test('a record that was rolled back behind its checkpoint, or changed, is refused (rolled-back state)', async () => {
  const { directory, layout } = await closedLog(3)
  const old = readFileSync(layout.record)
  const log = await writerIn(directory, false)
  await log.append(sampleEntries(5))
  await log.close()
  const current = readFileSync(layout.record)
  writeFileSync(layout.record, old)
  await assert.rejects(writerIn(directory, false), /was an old copy restored/)
  writeFileSync(layout.record, current.toString().replace('"size":8', '"size":9'))
  await assert.rejects(writerIn(directory, false), withCode('damaged.log'))
  writeFileSync(layout.record, current)
  await (await writerIn(directory, false)).close()
})

test('a checkpoint that a power cut left empty, torn or old is shown again as it was, with its cosignatures', async () => {
  const { directory, layout } = await closedLog(3)
  const old = readFileSync(layout.checkpoint)
  const log = await writerIn(directory, false)
  await log.append(sampleEntries(5))
  const signed = readFileSync(layout.checkpoint)
  await log.close()
  for (const left of ['', signed.subarray(0, signed.byteLength >> 1), old]) {
    writeFileSync(layout.checkpoint, left)
    await (await writerIn(directory, false)).close()
    assert.deepEqual(readFileSync(layout.checkpoint), signed)
  }
  const again = await writerIn(directory, false)
  const note = `${newestOf(again).note}\u2014 cosigner.example AAAAAAAA\n`
  await again.publish({ ...newestOf(again), note, cosignatures: [{ name: 'cosigner.example', timeSeconds: 5 }] })
  await again.close()
  writeFileSync(layout.checkpoint, '')
  await (await openDiskMirror({ origin: ORIGIN, directory, keysOf: sampleKeysOf }, dependencies)).close()
  assert.equal(readFileSync(layout.checkpoint, 'utf8'), note)
})

test('checkRecord() says why a log that checks from its entries would not be opened', async () => {
  const { directory, layout } = await closedLog(3)
  assert.deepEqual(await checkRecord(layout, ORIGIN), [])
  const old = readFileSync(layout.record)
  const log = await writerIn(directory, false)
  await log.append(sampleEntries(5))
  await log.close()
  const problemOf = async () => (await checkRecord(layout, ORIGIN)).map(({ problem }) => problem).join()
  writeFileSync(layout.record, old)
  assert.match(await problemOf(), /not covered by its record, which goes to 3; was an old copy restored/)
  writeFileSync(layout.record, 'x')
  assert.match(await problemOf(), /does not have the digest that it states/)
  rmSync(layout.record)
  assert.match(await problemOf(), /is missing/)
  assert.deepEqual((await checkLog(layout.served, { key })).problems, [])
})

test('checkLog() takes a full tile for the partial one that it took the place of while the log grew', async () => {
  const { directory, layout } = await closedLog(3)
  const before = readFileSync(layout.checkpoint)
  const log = await writerIn(directory, false)
  await log.append(sampleEntries(300, 3))
  await log.close()
  assert.equal(existsSync(join(layout.served, 'tile/0/000.p')), false)
  writeFileSync(layout.checkpoint, before)
  assert.deepEqual((await checkLog(layout.served, { key })).problems, [])
})

test('a log whose last tile or bundle was changed is not signed any further', async () => {
  for (const path of ['tile/0/001.p/44', 'tile/entries/001.p/44', 'tile/1/000.p/1']) {
    const { directory, layout } = await closedLog(300)
    const file = join(layout.served, path)
    const bytes = readFileSync(file)
    bytes[20] = (bytes[20] ?? 0) ^ 1
    writeFileSync(file, bytes)
    await assert.rejects(writerIn(directory, false), withCode('damaged.log'), path)
    rmSync(file)
    await assert.rejects(writerIn(directory, false), withCode('damaged.log'), path)
  }
})

test('an entry that was changed on disk is never given out (G4)', async () => {
  const { directory, layout } = await closedLog(600)
  const file = join(layout.served, 'tile/entries/000')
  const bytes = readFileSync(file)
  bytes[20] = (bytes[20] ?? 0) ^ 1
  writeFileSync(file, bytes)
  const log = await writerIn(directory, false)
  await assert.rejects(log.entry(0), withCode('damaged.log'))
  await assert.rejects(log.find({ digest: sampleDigest(0) }), withCode('damaged.log'))
  assert.ok(await log.entry(300))
  await log.close()
})

test('an index that is lost, broken or of another log is filled again from the entries', async () => {
  const { directory, layout } = await closedLog(600)
  const other = await closedLog(40, 1000)
  const damages = [
    () => rmSync(layout.index),
    () => writeFileSync(layout.index, 'this is no database, however long one looks at it'.repeat(100)),
    () => copyFileSync(other.layout.index, layout.index),
  ]
  for (const damage of damages) {
    damage()
    const log = await writerIn(directory, false)
    assert.deepEqual(
      (await log.find({ digest: sampleDigest(599) })).map(({ index }) => index),
      [599],
    )
    assert.deepEqual(
      (await log.find({ kind: 'verdict', limit: 1 })).map(({ index }) => index),
      [599],
    )
    await log.close()
  }
})

test('appends beyond what may wait are refused at once, and those that wait are taken', async () => {
  const log = await writerIn(fresh(), true, { queueEntriesMax: 10, batchEntriesMax: 4 })
  const waiting = [log.append(sampleEntries(3)), log.append(sampleEntries(3)), log.append(sampleEntries(4))]
  await assert.rejects(log.append(sampleEntries(1)), withCode('exhausted.queue'))
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ firstIndex }) => firstIndex),
    [0, 3, 6],
  )
  assert.equal((await log.append(sampleEntries(1))).firstIndex, 10)
  await log.close()
})

test('the log holds nothing of what it has acknowledged, however many append at the same time', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')
  const log = await writerIn(fresh(), true)
  const heldBytes = () => {
    // Bytes outside of the heap are given back by the collection after the one that missed them.
    for (let turn = 0; turn < 3; turn += 1) collectGarbage()
    return process.memoryUsage().arrayBuffers
  }
  const many = async (rounds: number) => {
    const callers = Array.from({ length: 32 }, async () => {
      for (let round = 0; round < rounds; round += 1) await log.append([new Uint8Array(16_384)])
    })
    await Promise.all(callers)
  }
  await many(1)
  const before = heldBytes()
  await many(40)
  assert.ok(heldBytes() - before < 6_000_000, `${heldBytes() - before} bytes of ${40 * 32 * 16_384} are held`)
  await log.close()
})

test('partial tiles go when the full one is there, and those of the newest tree stay', async () => {
  const { directory, layout } = await closedLog(250)
  const log = await writerIn(directory, false)
  assert.ok(existsSync(join(layout.served, 'tile/0/000.p/250')))
  await log.append(sampleEntries(10))
  await log.close()
  assert.ok(!existsSync(join(layout.served, 'tile/0/000.p')))
  assert.ok(!existsSync(join(layout.served, 'tile/entries/000.p')))
  assert.ok(existsSync(join(layout.served, 'tile/0/001.p/4')))
  assert.deepEqual((await checkLog(layout.served, { key })).problems, [])
})

test('what is served may be read by a web server, and the rest by this node alone', async () => {
  const { layout } = await closedLog(3)
  assert.deepEqual(readdirSync(layout.served).sort(), ['checkpoint', 'tile'])
  assert.equal(statSync(layout.checkpoint).mode & 0o777, 0o644)
  assert.equal(statSync(join(layout.served, 'tile/0/000.p/3')).mode & 0o777, 0o644)
  assert.equal(statSync(layout.state).mode & 0o777, 0o700)
  assert.equal(statSync(layout.record).mode & 0o777, 0o600)
})

test('a full disk is called that, and the log goes on when there is room', async () => {
  let full = false
  const files = {
    ...nodeLogFiles,
    write: (fd: number, bytes: Uint8Array) =>
      full
        ? Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
        : nodeLogFiles.write(fd, bytes),
  }
  const options = { origin: ORIGIN, directory: fresh(), keysOf: sampleKeysOf, create: true }
  const log = await openDiskWriter(options, LOG_SIGNER, { logger: silentLogger, files })
  await log.append(sampleEntries(2))
  full = true
  await assert.rejects(log.append(sampleEntries(2)), withCode('exhausted.disk'))
  assert.equal((await log.find({ kind: 'verdict' })).length, 2)
  full = false
  assert.equal((await log.append(sampleEntries(2))).firstIndex, 2)
  await log.close()
})

test('checkLog() names what is wrong with a log, file by file', async () => {
  const { layout } = await closedLog(600)
  assert.deepEqual((await checkLog(layout.served, { key })).problems, [])
  const wrong = async (path: string, change: (bytes: Buffer) => Buffer | undefined) => {
    const file = join(layout.served, path)
    const before = readFileSync(file)
    const changed = change(Buffer.from(before))
    if (changed === undefined) rmSync(file)
    else writeFileSync(file, changed)
    const { problems } = await checkLog(layout.served, { key })
    writeFileSync(file, before)
    return problems.map((problem) => `${problem.path} ${problem.problem}`.replace(/:.*/, ''))
  }
  const flip = (bytes: Buffer) => {
    bytes[40] = (bytes[40] ?? 0) ^ 1
    return bytes
  }
  assert.deepEqual(await wrong('tile/0/001', flip), ['tile/0/001 is not what the entries give'])
  assert.deepEqual(await wrong('tile/1/000.p/2', () => undefined), ['tile/1/000.p/2 is missing'])
  assert.deepEqual(await wrong('tile/entries/001', () => undefined), ['tile/entries/001 is missing'])
  assert.deepEqual(await wrong('tile/entries/001', (bytes) => bytes.subarray(1)), ['tile/entries/001 cannot be read'])
  assert.deepEqual(await wrong('tile/entries/001', flip), [
    'tile/0/001 is not what the entries give',
    'tile/1/000.p/2 is not what the entries give',
  ])
  assert.deepEqual(await wrong('checkpoint', () => undefined), ['checkpoint is missing'])
  assert.deepEqual(await wrong('checkpoint', () => Buffer.from('x')), ['checkpoint cannot be read'])
  const forged = signedCheckpoint(
    ORIGIN,
    { size: 600, root: new Uint8Array(32) },
    signerOfSeed(new Uint8Array(32).fill(8)),
  )
  const [unsigned, root] = await wrong('checkpoint', () => Buffer.from(forged.note))
  assert.equal(unsigned, `checkpoint is not signed by ${ORIGIN}`)
  assert.equal(root, undefined)
  const liar = signedCheckpoint(ORIGIN, { size: 600, root: new Uint8Array(32) }, LOG_SIGNER)
  assert.deepEqual(await wrong('checkpoint', () => Buffer.from(liar.note)), [
    'checkpoint states another root than its 600 entries have',
  ])
})

test('checkLog() stops when it is told to', async () => {
  const { layout } = await closedLog(3)
  await assert.rejects(checkLog(layout.served, { signal: AbortSignal.abort() }), withCode('aborted.caller'))
})

/** Runs the victim until it has said `count` acknowledgements, kills it, and gives how many entries it said. */
async function killAfter(directory: string, create: boolean, count: number): Promise<number> {
  const script = fileURLToPath(new URL('../../test/kit/log-victim.ts', import.meta.url))
  const child = spawn(process.execPath, [script, directory, create ? 'create' : 'open'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    if (said.split('\n').length > count) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.on('close', resolve))
  return Number(said.split('\n').slice(0, -1).at(-1) ?? 0)
}

test('a log whose process was killed with SIGKILL has everything that was acknowledged, and checks', async () => {
  const directory = fresh()
  const layout = logLayout(directory, ORIGIN)
  for (const [round, count] of [3, 11, 6, 17].entries()) {
    const acknowledged = await killAfter(directory, round === 0, count)
    assert.ok(acknowledged > 0)
    const { problems, entries } = await checkLog(layout.served, { key })
    assert.deepEqual(problems, [])
    const log = await writerIn(directory, false)
    assert.ok(log.head().size >= acknowledged && entries >= acknowledged)
    for await (const { index, entry } of log.entries(0, acknowledged)) {
      assert.ok(Buffer.compare(entry, sampleEntry(index)) === 0)
    }
    await log.close()
  }
})
