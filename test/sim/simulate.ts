/** One schedule: a network in bad weather with whoever the seed makes hostile, then calm, then everything is looked at once more. */

import {
  type BeaconBody,
  encodeTransaction,
  type RequestBody,
  signTransaction,
} from '../../src/base/entries/transaction.ts'
import { applyBlock } from '../../src/consensus/apply-block.ts'
import type { LogHead } from '../../src/consensus/consensus.ts'
import type { State } from '../../src/consensus/draft/draft.ts'
import { decodeRecord } from '../../src/consensus/solo/journal.ts'
import { createStateMachine, type Genesis, type StateMachine } from '../../src/consensus/state.ts'
import { TEST_ORIGIN } from '../kit/proof-log.ts'
import { MUTATIONS, mutated } from './mutations.ts'
import { Authority } from './nodes/authority.ts'
import { Builder } from './nodes/builder.ts'
import { Member } from './nodes/member.ts'
import { Requester } from './nodes/requester.ts'
import { verifyAll } from './proofs.ts'
import { Referee } from './referee.ts'
import { beaconRound, drawScenario, nodeKey, type Scenario, signer, simBeacon, truthHash } from './scenario.ts'
import { TreeMemo } from './world/disk.ts'
import { CALM, Wires } from './world/wires.ts'
import { type Violation, World } from './world/world.ts'

/** How long an attempt may take to be decided when the weather is calm, in milliseconds. */
const CALM_MS = 1_000_000
/** How long the weather stays calm for what was asked for in it to be taken. */
const CALM_MAX_MS = 5_000_000
/** When nothing may be open any more: doubts and retries open further attempts, but only as many as a package may have. */
const END_MS = 10_000_000

const SLICE_MS = 20_000
const STRANGER_MS = 60_000
const PROMPT_MS = 60_000

/** What came of a schedule. */
export interface Outcome {
  readonly seed: string
  readonly violation: Violation | undefined
  readonly trace: readonly string[]
  /** The same for the same seed. */
  readonly digest: string
  readonly counts: ReadonlyMap<string, number>
  readonly events: number
}

const begun = new WeakMap<Genesis['offers'], ReturnType<StateMachine['genesis']>>()

/** The state machine; it remembers what a genesis comes to, since checking the keys of its offers is slow. */
function simMachine(): StateMachine {
  const plain = createStateMachine({ network: TEST_ORIGIN, beacon: simBeacon() })
  return {
    ...plain,
    genesis(genesis) {
      const known = begun.get(genesis.offers) ?? plain.genesis(genesis)
      begun.set(genesis.offers, known)
      return known
    },
  }
}

const machine = simMachine()
/** How long a block may take on a disk without faults: less than until the next one. */
const FINISH_MS = 50
const FINISH_TURNS = 20

/** Plays the schedule of a seed, with a bug on purpose or without. */
export async function simulate(seed: string, mutation?: string): Promise<Outcome> {
  const world = new World(seed)
  const scenario = drawScenario(seed, world.chance.stream('scenario'))
  const network = new SimNetwork(world, scenario, mutation)
  await network.play()
  const { violation, trace, counts, events } = world
  return { seed, violation, trace, digest: world.digest(), counts, events }
}

class SimNetwork {
  readonly #world: World
  readonly #scenario: Scenario
  readonly #machine: StateMachine
  readonly #wires: Wires
  readonly #authority: Authority
  readonly #members: Member[] = []
  readonly #requesters: Requester[] = []
  readonly #referee: Referee
  readonly #signed = new Map<number, string>()
  /** Since when an attempt was seen in calm weather, by its name. */
  readonly #waitingSinceMs = new Map<string, number>()
  readonly #honest: ReadonlySet<string>
  /** The honest ones that are done before a deadline, too. */
  readonly #prompt: ReadonlySet<string>

  constructor(world: World, scenario: Scenario, mutation: string | undefined) {
    const { builders, requesters, weather } = scenario
    const bug = mutation === undefined ? undefined : MUTATIONS[mutation]
    this.#world = world
    this.#scenario = scenario
    this.#machine = bug === undefined ? machine : mutated(machine, bug)
    this.#wires = new Wires(world, weather)
    this.#honest = new Set(builders.filter(({ way }) => way === 'honest').map(({ node }) => nodeKey(node)))
    const prompt = builders.filter(({ way, buildMs: [, most] }) => way === 'honest' && most <= PROMPT_MS)
    this.#prompt = new Set(prompt.map(({ node }) => nodeKey(node)))
    this.#referee = new Referee(world, this.#honest)
    const organisations = [...new Set(builders.map(({ organisation }) => organisation))]
    this.#authority = new Authority({
      ...{ world, wires: this.#wires, scenario, machine: this.#machine, bug: bug?.journal, audience: organisations },
      logged: (entries) => this.#referee.look(entries),
      signed: (head) => this.#checkSigned(head),
    })
    for (const name of organisations) {
      const habits = builders.filter(({ organisation }) => organisation === name).map((plan) => new Builder(plan))
      const asks = requesters.filter(({ organisation }) => organisation === name)
      const asking = asks.map(({ way }) => new Requester(name, way, scenario))
      this.#requesters.push(...asking)
      this.#members.push(new Member(name, world, this.#wires, [...habits, ...asking], this.#members.length < 2))
    }
    for (const { organisation, node, way } of builders)
      if (way !== 'honest') world.note(`${organisation} ${node}: ${way}`)
    for (const { organisation, way } of requesters) world.note(`${organisation} asks: ${way}`)
  }

  async play(): Promise<void> {
    const { stormMs } = this.#scenario
    const world = this.#world
    this.#authority.start()
    this.#storm()
    await world.run(stormMs)
    if (world.violation !== undefined) return
    this.#calm()
    for (let ms = 0; this.#isAwaited(ms) && world.violation === undefined; ms += SLICE_MS) {
      if (ms >= END_MS) world.fail('liveness', `attempts are still opened ${END_MS / 1000} s after the faults stopped`)
      await world.run(stormMs + ms + SLICE_MS)
      this.#checkWaiting()
    }
    if (world.violation !== undefined) return
    this.#checkDecided()
    // Half the work of a schedule, and each start of the authority does it from the last snapshot on.
    if (world.chance.hit(0.4)) {
      await this.#finishBlock()
      this.#checkReplay()
    }
    verifyAll(world, this.#scenario, this.#referee)
  }

  #storm(): void {
    const { deathMs, cutMs, stormMs } = this.#scenario
    const { chance } = this.#world
    const again = (meanMs: number, work: () => void) => {
      if (meanMs > stormMs * 10) return
      const next = () => {
        if (this.#world.nowMs() >= stormMs) return
        work()
        this.#world.after(chance.whole(meanMs / 4, meanMs * 2), next)
      }
      this.#world.after(chance.whole(1, meanMs), next)
    }
    again(deathMs, () => this.#kill())
    again(cutMs, () => this.#cut())
    again(STRANGER_MS, () => this.#stranger())
  }

  #kill(): void {
    const { chance } = this.#world
    const backMs = chance.whole(500, 60_000)
    if (chance.hit(0.6)) this.#authority.die(chance.hit(0.6), backMs)
    else chance.pick(this.#members).die(backMs)
  }

  #cut(): void {
    const { chance } = this.#world
    const names = ['authority', ...this.#members.map(({ name }) => name)]
    const apart = chance.shuffle(names).slice(0, chance.whole(1, names.length - 1))
    this.#world.count('partitions')
    this.#world.note(`cut off: ${apart.join(' ')}`)
    this.#wires.cut(new Set(apart))
    this.#world.after(chance.whole(5000, 120_000), () => this.#wires.cut(new Set()))
  }

  /** Somebody with a key of nobody asks, and a member brings randomness that the beacon never gave. */
  #stranger(): void {
    const [round] = this.#authority.engine?.state().scalars.rounds ?? []
    const sequence = Math.floor(this.#world.nowMs())
    const common = { network: TEST_ORIGIN, sequence }
    const [purl = ''] = this.#scenario.purls
    const ask = signTransaction<RequestBody>({ type: 'request', ...common, purl }, signer('stranger/attestation'))
    this.#submit(encodeTransaction(ask))
    if (round === undefined) return
    const { signature } = beaconRound(round + 1)
    const proof = Buffer.from(signature).toString('hex')
    const forged = { type: 'beacon', ...common, round, randomness: this.#world.chance.hex(), proof } as const
    this.#submit(encodeTransaction(signTransaction<BeaconBody>(forged, signer('forger/attestation'))))
    this.#submit(encodeTransaction(signTransaction<BeaconBody>(forged, signer('b/consensus'))))
  }

  #submit(bytes: Uint8Array): void {
    this.#wires.send('stranger', 'authority', { type: 'submit', bytes, ticket: 'none' })
  }

  #calm(): void {
    this.#world.note('calm')
    this.#wires.weather = CALM
    this.#wires.cut(new Set())
    this.#authority.isFrail = false
    this.#authority.die(true, 100)
    const [first] = this.#requesters
    // The others stop asking: what is open must come to an end.
    for (const requester of this.#requesters) requester.last = this.#scenario.lastPurl
    if (first === undefined) this.#world.fail('scenario', 'wanted somebody who asks')
  }

  #checkSigned({ size, root }: LogHead): void {
    const text = Buffer.from(root).toString('hex')
    const before = this.#signed.get(size)
    if (before !== undefined && before !== text) this.#world.fail('one log', `two checkpoints of ${size} entries`)
    this.#signed.set(size, text)
  }

  /** Until everything is closed; what was asked for in calm weather is waited for so long, whether it is taken or not. */
  #isAwaited(calmMs: number): boolean {
    const attempts = [...this.#referee.view.attempts.values()]
    const isAsked = attempts.some(({ purl }) => purl === this.#scenario.lastPurl)
    return attempts.some(({ closed }) => !closed) || (!isAsked && calmMs < CALM_MAX_MS)
  }

  /** Every attempt comes to an end in time, those that began in calm weather too. */
  #checkWaiting(): void {
    const nowMs = this.#world.nowMs()
    const attempts = [...this.#referee.view.attempts.values()]
    for (const { closed, purl, name } of attempts) {
      const sinceMs = this.#waitingSinceMs.get(name) ?? nowMs
      this.#waitingSinceMs.set(name, sinceMs)
      if (closed || nowMs - sinceMs < CALM_MS) continue
      const text = `${purl} (${name.slice(0, 8)}) has no decision after ${CALM_MS / 1000} s without faults`
      this.#world.fail('liveness', text)
    }
  }

  /** What was asked for in calm weather was taken, and what enough honest builders were drawn for came to the truth. */
  #checkDecided(): void {
    const world = this.#world
    const { lastPurl } = this.#scenario
    const attempts = [...this.#referee.view.attempts.values()]
    const last = attempts.find(({ purl, disputes }) => purl === lastPurl && disputes === undefined)
    if (
      last === undefined &&
      this.#scenario.requesters.every(({ organisation }) => this.#referee.usedUp(organisation))
    ) {
      world.count('nobody may ask any more')
      return
    }
    if (last === undefined) {
      world.fail('liveness', 'what was asked for in calm weather was not taken')
      return
    }
    const { selection, verdict } = last
    if (selection === undefined) return
    const honest = selection.selected.filter(({ node }) => this.#prompt.has(node)).length
    if (honest < selection.quorum) return
    world.count('decided as enough are honest')
    if (last.agreement !== truthHash(lastPurl))
      world.fail('liveness', `${honest} honest builders came to ${verdict?.outcome}`)
  }

  /** A block's record is written before the engine has its state: what is on its way when the schedule ends may finish. */
  async #finishBlock(): Promise<void> {
    const { world, authority } = { world: this.#world, authority: this.#authority }
    const ahead = () => authority.disk.blocks.items.length - 1 > (authority.engine?.state().at.heightBlock ?? 0)
    for (let turn = 0; turn < FINISH_TURNS && ahead(); turn++) await world.run(world.nowMs() + FINISH_MS)
  }

  /** The journal, replayed from the genesis step by step, gives the same state and the same log. */
  #checkReplay(): void {
    const { disk, engine } = this.#authority
    const stepwise = mutated(this.#machine, {})
    const entries: Uint8Array[] = []
    let state: State | undefined
    for (const bytes of disk.blocks.items) {
      const record = decodeRecord(bytes)
      if (state === undefined) {
        const first = this.#machine.genesis(this.#scenario.genesis)
        state = first.state
        entries.push(...first.outputs.entries.map((entry) => entry.bytes))
        continue
      }
      const { heightBlock, timeSeconds, transactions } = record
      const applied = applyBlock(stepwise, state, { heightBlock, timeSeconds }, transactions)
      state = applied.state
      entries.push(...applied.entries.map((entry) => entry.bytes))
    }
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
    if (engine === undefined || state === undefined) {
      this.#world.fail('replay', 'nothing runs')
      return
    }
    if (hex(this.#machine.root(state)) !== hex(this.#machine.root(engine.state()))) {
      this.#world.fail('replay', 'the journal gives another state root')
    }
    const root = new TreeMemo(entries).root(entries.length)
    if (entries.length !== engine.log().size || hex(root) !== hex(engine.log().root)) {
      this.#world.fail('replay', 'the journal gives another log')
    }
    this.#world.count('entries', entries.length)
  }
}
