/** A package from request to verdict on an engine that may die at any step and go on later; and engines on disk for that. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { silentLogger } from '../../src/base/clock.ts'
import { encodeTransaction, type Transaction } from '../../src/base/entries/transaction.ts'
import { applyBlock } from '../../src/consensus/apply-block.ts'
import type { Consensus } from '../../src/consensus/consensus.ts'
import { nextSequence, purlIn, requestIn } from '../../src/consensus/query.ts'
import { openDiskJournal } from '../../src/consensus/solo/disk-journal.ts'
import type { Journal } from '../../src/consensus/solo/journal.ts'
import { decodeRecord } from '../../src/consensus/solo/journal.ts'
import { startSolo } from '../../src/consensus/solo.ts'
import { openDiskWriter } from '../../src/log/disk.ts'
import type { LogWriter } from '../../src/log/log.ts'
import { createToyKeys, honest, TOY_NETWORK } from './consensus-network.ts'
import { toyClock, toyGenesis, toyMachine } from './engine-suite.ts'
import { keyOf, signerOf } from './sample-entries.ts'
import type { SteppedClock } from './stepped-clock.ts'

const PURL = 'pkg:toy/scenario@1'

/** Keys that go on from the sequences that the state has seen. */
export function keysFor(engine: Consensus): ReturnType<typeof createToyKeys> {
  return createToyKeys((key) => nextSequence(engine.state(), keyOf(key)))
}

async function pass(engine: Consensus, clock: SteppedClock, laterSeconds: number, died: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = engine.watch(() => resolve())
  await new Promise((set) => setImmediate(set))
  clock.advance(laterSeconds * 1000)
  await Promise.race([promise, died]).finally(stop)
}

/** Takes one package to its verdict, from wherever it is. `died` rejects when the engine will not make blocks any more. */
export async function submitScenario(engine: Consensus, clock: SteppedClock, died: Promise<void>): Promise<void> {
  const keys = keysFor(engine)
  const send = async (tx: Transaction) => await engine.submit(encodeTransaction(tx))
  for (let step = 0; step < 60; step += 1) {
    const known = purlIn(engine.state(), PURL)
    if (known?.live) return
    if (known?.open === undefined || known.open === null) {
      await send(keys.request('a', PURL))
      continue
    }
    const request = known.open
    const record = requestIn(engine.state(), request)
    if (record?.phase === 'fixing') await pass(engine, clock, 1, died)
    else if (record?.phase === 'drawing') await send(keys.beacon(record.round))
    else {
      const stage = record?.phase === 'committing' ? 'waiting' : 'committed'
      const name = record?.seats.find((seat) => seat.stage === stage)?.organisation ?? ''
      const { attempt = 1 } = record ?? {}
      await send(
        stage === 'waiting'
          ? keys.commit(name, request, honest(), attempt)
          : keys.reveal(name, request, honest(), attempt),
      )
    }
  }
  throw new Error('wanted a verdict after 60 steps')
}

/** The root (hex) of the state that a journal gives from its genesis on, without any snapshot. */
export async function replayed(journal: Journal): Promise<string> {
  const machine = toyMachine()
  let { state } = machine.genesis(toyGenesis())
  for await (const bytes of journal.records(1)) {
    const { heightBlock, timeSeconds, transactions } = decodeRecord(bytes)
    state = applyBlock(machine, state, { heightBlock, timeSeconds }, transactions).state
  }
  return Buffer.from(machine.root(state)).toString('hex')
}

/** An engine with its journal and the real log on disk; a clock that stands. */
export async function openOnDisk(
  directory: string,
): Promise<{ engine: Consensus; log: LogWriter; close: () => Promise<void> }> {
  const logDirectory = join(directory, 'log')
  const create = !existsSync(logDirectory)
  mkdirSync(logDirectory, { recursive: true })
  const keysOf = () => ({ kind: undefined, purls: [], digests: [] })
  const options = { origin: TOY_NETWORK, directory: logDirectory, keysOf, create, signAtOnce: false }
  const log = await openDiskWriter(options, signerOf('the log'), { logger: silentLogger })
  const journal = await openDiskJournal(join(directory, 'consensus'), 30_000)
  const parts = { machine: toyMachine(), journal, log, clock: toyClock(), logger: silentLogger }
  const engine = await startSolo({ genesis: toyGenesis(), snapshotBlocks: 5 }, parts)
  return {
    engine,
    log,
    async close() {
      await engine.close()
      await log.close()
    },
  }
}
