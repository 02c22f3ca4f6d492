/**
 * What holds for every engine: order, durability, replay, restart, entries in the log, and checkpoints only over what is durable. Run on
 * the real engines and on the twin, which is what makes the twin trustworthy.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Entry, parseEntry } from '../../src/base/entries/entry.ts'
import { encodeTransaction, type Transaction } from '../../src/base/entries/transaction.ts'
import { AppError } from '../../src/base/errors.ts'
import { applyBlock } from '../../src/consensus/apply-block.ts'
import type { Block, Consensus, EntryLog, LogHead } from '../../src/consensus/consensus.ts'
import { requestIn } from '../../src/consensus/query.ts'
import { createStateMachine, type Genesis, type StateMachine } from '../../src/consensus/state.ts'
import { leafHash } from '../../src/log/tree/hash.ts'
import {
  createToyKeys,
  honest,
  TOY_BEACON,
  TOY_NETWORK,
  TOY_RULES,
  TOY_START_SECONDS,
  toyOffers,
} from './consensus-network.ts'
import { type SteppedClock, steppedClock } from './stepped-clock.ts'

/** A log that is an array, and says in what order it was used. */
export interface ToyLog extends EntryLog {
  readonly entries: Uint8Array[]
  /** Sizes that were signed. */
  readonly signed: number[]
}

/** A log with a root that is no Merkle root, but depends on every entry. */
export function createToyLog(): ToyLog {
  const entries: Uint8Array[] = []
  const signed: number[] = []
  const headOf = (all: readonly Uint8Array[]): LogHead => ({
    size: all.length,
    root: all.reduce((root, entry) => leafHash(Buffer.concat([root, entry])), new Uint8Array(32)),
  })
  return {
    entries,
    signed,
    head: () => headOf(entries),
    pureRoot: (more) => headOf([...entries, ...more]),
    async append(more, { at }) {
      assert.equal(entries.length, at, 'entries are appended where they belong')
      entries.push(...more)
      return headOf(entries)
    },
    async sign(size) {
      assert.ok(size <= entries.length, 'only what is durable is signed')
      signed.push(size)
    },
  }
}

/** The genesis of the suite. */
export function toyGenesis(organisations = 6): Genesis {
  return { offers: toyOffers({ organisations }), rules: TOY_RULES, timeSeconds: TOY_START_SECONDS }
}

/** The state machine of the suite. It remembers what a genesis comes to: checking the keys of its offers is slow. */
export function toyMachine(): StateMachine {
  return machine
}

const plain = createStateMachine({ network: TOY_NETWORK, beacon: TOY_BEACON })
const begun = new Map<string, ReturnType<StateMachine['genesis']>>()
const machine: StateMachine = {
  ...plain,
  genesis(genesis) {
    const key = JSON.stringify(genesis)
    const made = begun.get(key) ?? plain.genesis(genesis)
    begun.set(key, made)
    return made
  },
}

/** An engine under test. */
export interface EngineBench {
  readonly engine: Consensus
  readonly log: ToyLog
  readonly clock: SteppedClock
  /** Makes so many blocks without transactions, each so much later. */
  pass(blocks: number, laterSeconds: number): Promise<void>
  /** Ends it and starts it again from what it kept; undefined if it keeps nothing. */
  readonly restart: (() => Promise<EngineBench>) | undefined
}

/** A clock at the time of the genesis. */
export function toyClock(): SteppedClock {
  const clock = steppedClock()
  clock.advance(TOY_START_SECONDS * 1000 - clock.nowMs())
  return clock
}

/** Submits; what was refused or taken. */
export async function submitAll(
  engine: Consensus,
  transactions: readonly Transaction[],
): Promise<(string | undefined)[]> {
  const receipts = await Promise.all(transactions.map((tx) => engine.submit(encodeTransaction(tx))))
  return receipts.map(({ refusal }) => refusal)
}

/** Takes a package from its request to its verdict. */
export async function buildOn(bench: EngineBench, keys: ReturnType<typeof createToyKeys>, purl: string): Promise<void> {
  const { engine, log } = bench
  const asked = await engine.submit(encodeTransaction(keys.request('a', purl)))
  const request = asked.entries[0]?.name ?? ''
  await bench.pass(2, 1)
  const round = requestIn(engine.state(), request)?.round ?? 0
  await bench.pass(1, 40)
  assert.deepEqual(await submitAll(engine, [keys.beacon(round)]), [undefined])
  const selection = lastOf(log, 'selection')
  assert.ok(selection.outcome === 'selected')
  const names = selection.selected.map(({ organisation }) => organisation)
  for (const name of names) await submitAll(engine, [keys.commit(name, request, honest(), selection.attempt)])
  for (const name of names) await submitAll(engine, [keys.reveal(name, request, honest(), selection.attempt)])
  assert.equal(lastOf(log, 'verdict').outcome, 'rebuilt')
}

function lastOf<K extends Entry['kind']>(log: ToyLog, kind: K): Extract<Entry, { kind: K }> {
  const entry = log.entries.map(parseEntry).findLast((one) => one.kind === kind)
  assert.ok(entry)
  return entry as Extract<Entry, { kind: K }>
}

/** Runs the suite on engines that `open` makes, with a network of six organisations that begins. */
export function engineSuite(name: string, open: () => Promise<EngineBench>): void {
  test(`${name}: what is acknowledged is in the log, signed for, and told to who watches, in one order`, async () => {
    const { engine, log } = await open()
    const keys = createToyKeys()
    const blocks: Block[] = []
    const stop = engine.watch((block) => blocks.push(block))
    const purls = Array.from({ length: 20 }, (_, at) => `pkg:toy/p${at}@1`)
    const receipts = await Promise.all(purls.map((purl) => engine.submit(encodeTransaction(keys.request('a', purl)))))
    for (const { refusal, entries } of receipts) {
      assert.equal(refusal, undefined)
      assert.deepEqual(Buffer.from(log.entries[entries[0]?.index ?? -1] ?? []), Buffer.from(entries[0]?.bytes ?? []))
    }
    assert.equal(log.signed.at(-1), log.entries.length)
    assert.equal(engine.log().size, log.entries.length)
    const told = blocks.flatMap((block) => block.entries.map(({ index }) => index))
    assert.deepEqual(
      told,
      told.map((_, at) => (told[0] ?? 0) + at),
    )
    assert.deepEqual(
      blocks.map(({ heightBlock }) => heightBlock),
      blocks.map((_, at) => at + 1),
    )
    assert.deepEqual(blocks.flatMap(({ receipts: of }) => of).length, 20)
    const root = Buffer.from(toyMachine().root(engine.state())).toString('hex')
    assert.equal(blocks.at(-1)?.stateRoot, root)
    stop()
    await submitAll(engine, [keys.request('b', 'pkg:toy/after@1')])
    assert.equal(blocks.flatMap(({ receipts: of }) => of).length, 20)
    await engine.close()
  })

  test(`${name}: a refused transaction is acknowledged as refused, a malformed one is not ordered`, async () => {
    const { engine } = await open()
    const keys = createToyKeys()
    const tx = keys.request('a', 'pkg:toy/x@1')
    assert.deepEqual(await submitAll(engine, [tx, tx]), [undefined, 'sequence'])
    const malformed = (error: unknown) => error instanceof AppError && error.code === 'usage.transaction'
    await assert.rejects(engine.submit(Buffer.from('{}')), malformed)
    await engine.close()
  })

  test(`${name}: a package goes from its request to its verdict, deadlines by the clock that was handed in`, async () => {
    const bench = await open()
    await buildOn(bench, createToyKeys(), 'pkg:toy/x@1')
    await bench.engine.close()
  })

  test(`${name}: the blocks that it tells, replayed from the genesis, give its state and its log`, async () => {
    const bench = await open()
    const blocks: Block[] = []
    bench.engine.watch((block) => blocks.push(block))
    await buildOn(bench, createToyKeys(), 'pkg:toy/x@1')
    const machine = toyMachine()
    const begun = machine.genesis(toyGenesis())
    let { state } = begun
    const logged = begun.outputs.entries.map(({ bytes }) => bytes)
    for (const { heightBlock, timeSeconds, transactions } of blocks) {
      const parsed = transactions.map((bytes) => JSON.parse(Buffer.from(bytes).toString()) as Transaction)
      const applied = applyBlock(machine, state, { heightBlock, timeSeconds }, parsed)
      state = applied.state
      logged.push(...applied.entries.map(({ bytes }) => bytes))
    }
    assert.deepEqual(machine.root(state), machine.root(bench.engine.state()))
    assert.deepEqual(logged.map(String), bench.log.entries.map(String))
    await bench.engine.close()
  })

  test(`${name}: a closed engine, and one whose caller has left, order nothing`, async () => {
    const { engine } = await open()
    const keys = createToyKeys()
    const gone = AbortSignal.abort()
    const bytes = encodeTransaction(keys.request('a', 'pkg:toy/x@1'))
    await assert.rejects(
      engine.submit(bytes, gone),
      (error: unknown) => error instanceof AppError && error.code === 'aborted.caller',
    )
    assert.equal(engine.failure(), undefined)
    await engine.close()
    assert.equal(engine.failure()?.code, 'aborted.shutdown')
    await assert.rejects(
      engine.submit(bytes),
      (error: unknown) => error instanceof AppError && error.code === 'aborted.shutdown',
    )
  })

  test(`${name}: started again it goes on where it was, if it keeps anything`, async () => {
    const bench = await open()
    const keys = createToyKeys()
    await buildOn(bench, keys, 'pkg:toy/x@1')
    const before = { root: toyMachine().root(bench.engine.state()), size: bench.log.entries.length }
    const again = await bench.restart?.()
    if (again === undefined) return
    assert.deepEqual(toyMachine().root(again.engine.state()), before.root)
    assert.equal(again.log.entries.length, before.size)
    await buildOn(again, keys, 'pkg:toy/y@1')
    await again.engine.close()
  })
}
