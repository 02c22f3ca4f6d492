/**
 * The fault table of the log: every step of the disk that changes something, made to fail in every way, followed by every kind of
 * crash. `src/log/disk-fault.test.ts` runs some cells of each step in the gate, `log-faults.test.ts` all of them.
 */
import assert from 'node:assert/strict'
import { silentLogger } from '../../src/base/clock.ts'
import { makeVkey } from '../../src/base/network/vkey.ts'
import { checkLog } from '../../src/log/disk/check-log.ts'
import { openCosignerStore } from '../../src/log/disk/cosigner.ts'
import { logLayout } from '../../src/log/disk/layout.ts'
import { openDiskMirror, openDiskWriter } from '../../src/log/disk.ts'
import type { LogIndex } from '../../src/log/index/log-index.ts'
import type { CosignerStore, LogWriter, TreeHead } from '../../src/log/log.ts'
import { createMemoryWriter } from '../../src/log/memory.ts'
import { parseCheckpoint } from '../../src/log/note/checkpoint.ts'
import { parseNote } from '../../src/log/note/note.ts'
import { type Crash, CrashFiles, type Fault, luckOf } from './crash-files.ts'
import { LOG_SIGNER, newestOf, ORIGIN, rootByDefinition, sampleEntries, sampleKeysOf, sourceOf } from './log-suite.ts'

const DIRECTORY = '/log'
const FAULTS: readonly Fault[] = ['failed', 'torn', 'applied']
const CRASHES: readonly Crash[] = ['kill', 'power', 'luck']
const layout = logLayout(DIRECTORY, ORIGIN)
const key = makeVkey(ORIGIN, 'ed25519', LOG_SIGNER.publicKey)
/** Batches that cross tiles, grow a level, and end with a lone entry. */
const BATCHES = [3, 254, 1]

/** The index is derived and has tests of its own; here it only counts. */
function countingIndex(): LogIndex {
  let head: TreeHead & { readonly rootHex: string } = { size: 0, root: new Uint8Array(0), rootHex: '' }
  return {
    head: () => head,
    add: async (_, to) => {
      head = { ...to, rootHex: Buffer.from(to.root).toString('hex') }
    },
    find: () => [],
    clear: () => {},
    close: () => {},
  }
}

const dependencies = (files: CrashFiles) => ({
  logger: silentLogger,
  files,
  lock: () => ({ release() {} }),
  openIndex: countingIndex,
})

const open = (files: CrashFiles, create: boolean): Promise<LogWriter> =>
  openDiskWriter(
    { origin: ORIGIN, directory: DIRECTORY, keysOf: sampleKeysOf, create },
    LOG_SIGNER,
    dependencies(files),
  )

interface Life {
  opened: boolean
  /** Entries of which an append was acknowledged, by their index. */
  readonly acknowledged: Map<number, Uint8Array>
}

async function append(log: LogWriter, count: number, from: number, life: Life): Promise<void> {
  const entries = sampleEntries(count, from)
  const { firstIndex } = await log.append(entries)
  for (const [at, entry] of entries.entries()) life.acknowledged.set(firstIndex + at, entry)
}

/** Opens a log and appends, until something fails. */
async function live(files: CrashFiles, life: Life): Promise<void> {
  const log = await open(files, true)
  life.opened = true
  for (const [at, count] of BATCHES.entries()) await append(log, count, at * 1000, life)
}

/** Every checkpoint that could have been seen, by size; two of one size are the same. */
function seen(files: CrashFiles): Map<number, TreeHead> {
  const heads = new Map<number, TreeHead>()
  for (const { to, bytes } of files.renamed) {
    if (to !== layout.checkpoint) continue
    const head = parseCheckpoint(parseNote(bytes).text)
    const before = heads.get(head.size)
    if (before !== undefined) assert.deepEqual(head.root, before.root, `two checkpoints of size ${head.size} differ`)
    heads.set(head.size, head)
  }
  return heads
}

/** What must hold after everything. */
async function judge(files: CrashFiles, log: LogWriter, { acknowledged }: Life, where: string): Promise<void> {
  for (const [index, entry] of acknowledged) {
    assert.deepEqual(
      Buffer.from(await log.entry(index)),
      Buffer.from(entry),
      `${where}: entry ${index} was acknowledged`,
    )
  }
  for (const [size, head] of seen(files)) {
    assert.deepEqual(await log.rootAt(size), head.root, `${where}: the checkpoint of ${size} is of this log`)
  }
  const { problems, entries } = await checkLog(layout.served, { files, key })
  assert.deepEqual(problems, [], where)
  assert.equal(entries, newestOf(log).size)
}

async function stepsOf(run: (files: CrashFiles) => Promise<void>): Promise<number> {
  const files = new CrashFiles(DIRECTORY)
  await run(files)
  assert.ok(files.steps > 10)
  return files.steps
}

/** Which cells of the table are run. */
export type Chosen = (step: number, fault: Fault, crash: Crash) => boolean

/** Every cell. */
export const everyCell: Chosen = () => true

/** One cell of each step, another one for the next. */
export const oneCellOfEach: Chosen = (step, fault, crash) =>
  step % FAULTS.length === FAULTS.indexOf(fault) &&
  Math.floor(step / FAULTS.length) % CRASHES.length === CRASHES.indexOf(crash)

async function eachCell(
  steps: number,
  chosen: Chosen,
  run: (step: number, fault: Fault, crash: Crash, where: string) => Promise<void>,
): Promise<void> {
  for (let step = 0; step < steps; step += 1) {
    for (const fault of FAULTS) {
      for (const crash of CRASHES) {
        if (chosen(step, fault, crash)) await run(step, fault, crash, `step ${step} ${fault}, then ${crash}`)
      }
    }
  }
}

/** Kills the appender at steps of opening and appending: nothing acknowledged is lost, no second history is signed. */
export async function killedAppender(chosen: Chosen): Promise<void> {
  const steps = await stepsOf((files) => live(files, { opened: false, acknowledged: new Map() }))
  await eachCell(steps, chosen, async (step, fault, crash, where) => {
    const files = new CrashFiles(DIRECTORY)
    const life: Life = { opened: false, acknowledged: new Map() }
    files.failAt(step, fault, true)
    // Removing partial tiles that have become full may fail without anybody being told.
    await live(files, life).catch(() => {})
    assert.ok(files.steps > step, where)
    files.crash(crash, luckOf(step))
    let log = await open(files, !life.opened)
    if (crash === 'kill') {
      // What the new process saw of the old one was perhaps not durable: it must have made it so before it showed anything.
      files.crash('power', luckOf(step))
      log = await open(files, false)
    }
    await append(log, 255, 60_000, life)
    await judge(files, log, life, where)
  })
}

/** Lets one step of appending fail once: the same process goes on, and its log outlives a crash. */
export async function stumblingAppender(chosen: Chosen): Promise<void> {
  const steps = await stepsOf((files) => live(files, { opened: false, acknowledged: new Map() }))
  const opening = await stepsOf(async (files) => void (await open(files, true)))
  await eachCell(steps, chosen, async (step, fault, crash, where) => {
    if (step < opening) return
    const files = new CrashFiles(DIRECTORY)
    const life: Life = { opened: true, acknowledged: new Map() }
    const log = await open(files, true)
    files.failAt(step, fault, false)
    let failures = 0
    for (const [at, count] of BATCHES.entries()) {
      await append(log, count, at * 1000, life).catch(() => {
        failures += 1
      })
    }
    assert.ok(failures <= 1, where)
    await append(log, 5, 70_000, life)
    await judge(files, log, life, where)
    files.crash(crash, luckOf(step))
    await judge(files, await open(files, false), life, `${where}, then ${crash}`)
  })
}

/** Kills a mirror at steps of taking in a log in two parts: it takes it in when it starts again. */
export async function killedMirror(chosen: Chosen): Promise<void> {
  const original = createMemoryWriter({ origin: ORIGIN, keysOf: sampleKeysOf }, LOG_SIGNER)
  await original.append(sampleEntries(300))
  const first = newestOf(original)
  await original.append(sampleEntries(260, 300))
  const root = rootByDefinition(sampleEntries(560))
  const mirrorOf = (files: CrashFiles) =>
    openDiskMirror({ origin: ORIGIN, directory: DIRECTORY, keysOf: sampleKeysOf }, dependencies(files))
  const follow = async (files: CrashFiles): Promise<void> => {
    const mirror = await mirrorOf(files)
    await mirror.ingest(first, sourceOf(original), new AbortController().signal)
    await mirror.ingest(newestOf(original), sourceOf(original), new AbortController().signal)
  }
  await eachCell(await stepsOf(follow), chosen, async (step, fault, crash, where) => {
    const files = new CrashFiles(DIRECTORY)
    files.failAt(step, fault, true)
    await assert.rejects(follow(files), where)
    files.crash(crash, luckOf(step))
    const mirror = await mirrorOf(files)
    const shown = await files.read(layout.checkpoint)
    assert.equal(
      shown && Buffer.from(shown).toString(),
      mirror.newest()?.note,
      `${where}: what is shown is what was accepted`,
    )
    await mirror.ingest(newestOf(original), sourceOf(original), new AbortController().signal)
    assert.deepEqual((await checkLog(layout.served, { files, key })).problems, [], where)
    assert.deepEqual(Buffer.from(await mirror.rootAt(560)), Buffer.from(root), where)
  })
}

/** Kills a cosigner's store at steps of signing: it still refuses a second history of everything that was signed. */
export async function killedCosigner(chosen: Chosen): Promise<void> {
  const head = (size: number, filling = size): TreeHead => ({ size, root: new Uint8Array(32).fill(filling) })
  const openStore = (files: CrashFiles, create: boolean): Promise<CosignerStore> =>
    openCosignerStore(
      { directory: `${DIRECTORY}/cosigner`, create, confirmFirst: false },
      { files, lock: () => ({ release() {} }) },
    )
  interface Signed {
    opened: boolean
    last: TreeHead | undefined
  }
  const sign = async (files: CrashFiles, signed: Signed): Promise<void> => {
    const store = await openStore(files, true)
    signed.opened = true
    for (const size of [3, 5, 8]) {
      await store.advance(ORIGIN, store.last(ORIGIN), head(size))
      signed.last = head(size)
    }
  }
  const steps = await stepsOf((files) => sign(files, { opened: false, last: undefined }))
  await eachCell(steps, chosen, async (step, fault, crash, where) => {
    const files = new CrashFiles(DIRECTORY)
    const signed: Signed = { opened: false, last: undefined }
    files.failAt(step, fault, true)
    await assert.rejects(sign(files, signed), where)
    files.crash(crash, luckOf(step))
    const store = await openStore(files, !signed.opened)
    const last = store.last(ORIGIN)
    assert.ok((last?.size ?? 0) >= (signed.last?.size ?? 0), `${where}: what was signed is remembered`)
    if (last?.size === signed.last?.size) assert.deepEqual(last, signed.last, where)
    if (signed.last !== undefined) {
      await assert.rejects(store.advance(ORIGIN, last, head(signed.last.size, 99)), where)
    }
    await store.advance(ORIGIN, last, head(9))
    assert.deepEqual(store.last(ORIGIN), head(9))
  })
}
