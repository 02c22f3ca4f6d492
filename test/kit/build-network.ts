/**
 * A network of builders in one process: the deciding core on its memory engine, a log in memory, and builders at work on it. Time passes
 * when a test says so; a builder's waits are a turn of the loop.
 */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { setTimeout as turn } from 'node:timers/promises'
import { type Clock, type Random, silentLogger } from '../../src/base/clock.ts'
import { type Entry, parseEntry } from '../../src/base/entries/entry.ts'
import { indexKeys } from '../../src/base/entries/index-keys.ts'
import type { BuildResult } from '../../src/base/entries/result.ts'
import type { BeaconBody } from '../../src/base/entries/transaction.ts'
import { AppError } from '../../src/base/errors.ts'
import type { BuildDependencies } from '../../src/build/build.ts'
import { createJobBook } from '../../src/build/jobs.ts'
import { createMember, type Member, type Said } from '../../src/build/member.ts'
import { ORDER_PAUSE_LEAST_MS, type Ordered, type Ordering } from '../../src/build/ordering.ts'
import { startWork, type Work } from '../../src/build/work.ts'
import { createMemoryConsensus, type MemoryConsensus } from '../../src/consensus/memory.ts'
import { createStateMachine } from '../../src/consensus/state.ts'
import type { LogWriter } from '../../src/log/log.ts'
import { createMemoryWriter } from '../../src/log/memory.ts'
import type { Notebook } from '../../src/store/store.ts'
import { TOY_BEACON, TOY_NETWORK, TOY_RULES, TOY_START_SECONDS, toyOffers, toyRandomness } from './consensus-network.ts'
import { sampleRecord, sampleResult, signerOf } from './sample-entries.ts'

/** A builder of the network. */
export interface ToyBuilder {
  readonly name: string
  /** What it remembers; stays when it is stopped. */
  readonly notebook: Notebook
  readonly dependencies: BuildDependencies
  work: Work
  /** How often it built. */
  readonly builds: () => number
}

/** The network. */
export interface BuildNetwork {
  readonly engine: MemoryConsensus
  readonly log: LogWriter
  readonly ordering: Ordering
  readonly clock: Clock
  /** The member with this organisation's attestation key. */
  member(name: string): Member
  /** The member with its consensus key. */
  authority(name: string): Member
  /** Starts the builder of an organisation, with its memory if it has one. */
  start(name: string, notebook?: Notebook): ToyBuilder
  /** Lets time pass, a second a turn, rounds of the beacon included, until `done` gives something. */
  passUntil<T>(what: string, done: () => T | undefined | Promise<T | undefined>): Promise<T>
  /** Everything in the log. */
  entries(): Promise<Entry[]>
  /** Set to make the order unreachable. */
  cut: boolean
  /** Tells those who wait for it that the order is in reach again. */
  reach(): void
}

/** How builders behave. */
export interface BuildNetworkOptions {
  readonly organisations: number
  /** What a builder reports; undefined: it never ends. */
  readonly report?: (organisation: string) => BuildResult | undefined
  /** Pauses last until they are cut short, but for what none can be shortened to: nobody tries again because time has passed. */
  readonly endless?: boolean
  /** Called when a builder has sent a transaction of this type, before it hears what came of it. */
  readonly onSent?: (organisation: string, type: string) => void | Promise<void>
  /** What a peer on the way answers in the network's place, and passes nothing on; undefined: it is honest. */
  readonly lie?: (organisation: string, type: string) => Ordered | undefined
}

/** Another salt each time, so that a builder that forgot its own would show. */
function saltsOf(name: string): Random {
  let drawn = 0
  return {
    bytes(count) {
      drawn += 1
      return hash('sha256', `${name} ${performance.now()} ${drawn}`, 'buffer').subarray(0, count)
    },
    fraction: () => 0.5,
  }
}

/** Notes in memory. */
export function createNotebook(): Notebook {
  const notes = new Map<string, Map<string, unknown>>()
  const of = (namespace: string) => {
    const found = notes.get(namespace) ?? new Map<string, unknown>()
    notes.set(namespace, found)
    return found
  }
  return {
    get: (namespace, key) => structuredClone(of(namespace).get(key)),
    set: (namespace, key, value) => void of(namespace).set(key, structuredClone(value)),
    delete: (namespace, key) => void of(namespace).delete(key),
    entries: (namespace) => [...of(namespace)],
  }
}

/** Makes it; builders are not started yet. */
export async function createBuildNetwork(options: BuildNetworkOptions): Promise<BuildNetwork> {
  let nowMs = TOY_START_SECONDS * 1000
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    async sleep(ms, signal) {
      const isEndless = options.endless && ms !== ORDER_PAUSE_LEAST_MS
      await turn(isEndless ? ENDLESS_MS : 1, undefined, signal && { signal })
    },
    after: () => () => {},
  }
  const log = createMemoryWriter({ origin: TOY_NETWORK, keysOf: indexKeys, signAtOnce: false }, signerOf('the log'))
  const machine = createStateMachine({ network: TOY_NETWORK, beacon: TOY_BEACON })
  const genesis = { offers: toyOffers(options), rules: TOY_RULES, timeSeconds: TOY_START_SECONDS }
  const engine = await createMemoryConsensus({ genesis }, { machine, log, clock })
  const reached = new Set<() => void>()
  const network: BuildNetwork = {
    engine,
    log,
    clock,
    cut: false,
    reach() {
      for (const listener of reached) listener()
    },
    ordering: orderingOf(engine, () => network.cut, reached),
    member: (name) => createMember(TOY_NETWORK, signerOf(`${name}/attestation`), { ordering: network.ordering, clock }),
    authority: (name) =>
      createMember(TOY_NETWORK, signerOf(`${name}/consensus`), { ordering: network.ordering, clock }),
    start: (name, notebook = createNotebook()) => startBuilder(name, notebook, network, options),
    async passUntil(what, done) {
      for (let turns = 0; turns < 400; turns += 1) {
        const found = await done()
        if (found !== undefined) return found
        nowMs += 1000
        await engine.pass()
        for (const round of engine.state().scalars.rounds) {
          const isOut = (TOY_BEACON.schedule.genesisSeconds + round * TOY_BEACON.schedule.periodSeconds) * 1000 <= nowMs
          if (isOut) await network.authority('b').send<BeaconBody>(toyRound(round), never)
        }
        await turn(2)
      }
      return assert.fail(`waited for ${what}`)
    },
    async entries() {
      const found: Entry[] = []
      for await (const { entry } of log.entries(0, log.head().size)) found.push(parseEntry(entry))
      return found
    },
  }
  return network
}

/** Longer than any test. */
const ENDLESS_MS = 1_000_000

const never = new AbortController().signal

function toyRound(round: number): Said<BeaconBody> {
  return { type: 'beacon', round, randomness: toyRandomness(round), proof: 'ab' }
}

function orderingOf(engine: MemoryConsensus, isCut: () => boolean, reached: Set<() => void>): Ordering {
  return {
    onReachable(listener) {
      reached.add(listener)
      return () => reached.delete(listener)
    },
    async order(transaction, signal) {
      if (isCut()) throw new AppError('unavailable.peer', 'no authority can be reached')
      const { refusal, entries } = await engine.submit(transaction, signal)
      return { refusal, entries: entries.map(({ index, name }) => ({ index, name })) }
    },
    ask: () => Promise.reject(new AppError('unavailable.peer', 'nobody asks for others here')),
  }
}

function startBuilder(
  name: string,
  notebook: Notebook,
  { ordering, clock, log }: BuildNetwork,
  { report = () => sampleResult('honest bytes'), onSent, lie }: BuildNetworkOptions,
): ToyBuilder {
  const signer = signerOf(`${name}/attestation`)
  let builds = 0
  const own: Ordering = {
    ...ordering,
    async order(transaction, signal) {
      const { body } = JSON.parse(Buffer.from(transaction).toString()) as { body: { type: string } }
      const ordered = lie?.(name, body.type) ?? (await ordering.order(transaction, signal))
      await onSent?.(name, body.type)
      return ordered
    },
  }
  const dependencies: BuildDependencies = {
    network: TOY_NETWORK,
    log,
    member: createMember(TOY_NETWORK, signer, { ordering: own, clock }),
    signer,
    builder: {
      name: 'a test',
      async run(_job, signal) {
        builds += 1
        const result = report(name)
        if (result !== undefined) return { result, record: sampleRecord() }
        return await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      },
    },
    jobs: createJobBook(notebook, TOY_NETWORK),
    version: '0.0.0',
    keepStatement: async () => {},
    keepList: async () => {},
    random: saltsOf(name),
    clock,
    logger: silentLogger,
  }
  return { name, notebook, dependencies, work: startWork({ ...dependencies, slots: 4 }), builds: () => builds }
}
