import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createToyLog, type ToyLog, toyClock, toyGenesis, toyMachine } from '../../test/kit/engine-suite.ts'
import { openOnDisk, replayed, submitScenario } from '../../test/kit/solo-scenario.ts'
import { silentLogger } from '../base/clock.ts'
import { errorChain } from '../base/errors.ts'
import type { Journal } from './solo/journal.ts'
import { createMemoryJournal } from './solo/memory-journal.ts'
import { startSolo } from './solo.ts'

/** Dies at the n-th write, before it is done or after; what was written stays. */
class Power {
  writes = 0
  /** Rejects when it dies. */
  readonly died: Promise<void>
  readonly #die: (error: Error) => void
  readonly dieAt: number
  readonly after: boolean

  constructor(dieAt: number, after: boolean) {
    this.dieAt = dieAt
    this.after = after
    const { promise, reject } = Promise.withResolvers<void>()
    this.died = promise
    this.#die = reject
    promise.catch(() => undefined)
  }

  async write<T>(work: () => Promise<T>): Promise<T> {
    this.writes += 1
    if (this.writes > this.dieAt) throw new Error('no power')
    if (this.writes < this.dieAt) return await work()
    if (this.after) await work()
    const error = new Error('the power went')
    this.#die(error)
    throw error
  }
}

function powered(power: Power, journal: Journal, log: ToyLog): { journal: Journal; log: ToyLog } {
  return {
    journal: {
      ...journal,
      append: (height, record) => power.write(() => journal.append(height, record)),
      saveSnapshot: (height, pieces) => power.write(() => journal.saveSnapshot(height, pieces)),
    },
    log: {
      ...log,
      append: (entries, options) => power.write(() => log.append(entries, options)),
      sign: (size) => power.write(async () => void (await log.sign(size))),
    },
  }
}

test('a crash at any write, before it or after: the engine resumes, logs nothing twice, and ends as if there had been none', async () => {
  const reference = createToyLog()
  const unhurt = new Power(Number.POSITIVE_INFINITY, false)
  const parts = powered(unhurt, createMemoryJournal(), reference)
  const clock = toyClock()
  const base = { machine: toyMachine(), clock, logger: silentLogger }
  const engine = await startSolo({ genesis: toyGenesis(), snapshotBlocks: 4 }, { ...base, ...parts })
  await submitScenario(engine, clock, unhurt.died)
  await engine.close()
  assert.ok(unhurt.writes > 20)
  for (let dieAt = 1; dieAt <= unhurt.writes; dieAt += 1) {
    for (const after of [false, true]) await crashOnce(dieAt, after, reference)
  }
})

async function crashOnce(dieAt: number, after: boolean, reference: ToyLog): Promise<void> {
  const journal = createMemoryJournal()
  const log = createToyLog()
  const clock = toyClock()
  const base = { machine: toyMachine(), clock, logger: silentLogger }
  const options = { genesis: toyGenesis(), snapshotBlocks: 4 }
  try {
    const power = new Power(dieAt, after)
    const hurt = await startSolo(options, { ...base, ...powered(power, journal, log) })
    await submitScenario(hurt, clock, power.died)
    await hurt.close()
  } catch (error) {
    assert.match(errorChain(error).join(), /power/)
  }
  const engine = await startSolo(options, { ...base, journal, log })
  await submitScenario(engine, clock, new Promise(() => undefined))
  assert.deepEqual(await replayed(journal), Buffer.from(toyMachine().root(engine.state())).toString('hex'))
  await engine.close()
  const texts = log.entries.map(String)
  assert.equal(new Set(texts).size, texts.length, 'nothing is logged twice')
  assert.equal(texts.length, reference.entries.length, `write ${dieAt}, ${after ? 'after' : 'before'}`)
  assert.equal(engine.state().scalars.entries, texts.length)
}

test('kill -9 of a process with journal and log on disk, again and again: it resumes, and the log is what the journal says', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'pyrsia-solo-crash-'))
  try {
    let acknowledged = 0
    for (let turn = 0; turn < 4; turn += 1) {
      acknowledged = Math.max(acknowledged, await runVictim(directory, 4 + 6 * turn))
    }
    const { engine, log, close } = await openOnDisk(directory)
    assert.ok(acknowledged > 25)
    assert.ok(engine.state().scalars.entries >= acknowledged, 'what was acknowledged is there')
    assert.equal(log.head().size, engine.state().scalars.entries)
    const texts: string[] = []
    for await (const { entry } of log.entries(0, log.head().size)) texts.push(Buffer.from(entry).toString())
    assert.equal(new Set(texts).size, texts.length)
    await close()
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

/** Starts the victim, kills it after so many acknowledgements, and gives the last size of the log that it said. */
async function runVictim(directory: string, count: number): Promise<number> {
  const script = fileURLToPath(new URL('../../test/kit/solo-victim.ts', import.meta.url))
  const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  let last = 0
  let lines = 0
  for await (const line of createInterface({ input: child.stdout })) {
    last = Math.max(last, Number(line))
    lines += 1
    if (lines >= count) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return last
}
