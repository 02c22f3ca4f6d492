/** The authority: the embedded engine on a disk that may fail, in a process that may die. It answers, tells of blocks, and brings the beacon. */
import { type Clock, silentLogger } from '../../../src/base/clock.ts'
import { type BeaconBody, encodeTransaction, signTransaction } from '../../../src/base/entries/transaction.ts'
import { errorChain } from '../../../src/base/errors.ts'
import { secondsOfRound } from '../../../src/base/network/beacon-schedule.ts'
import type { Consensus, LogHead } from '../../../src/consensus/consensus.ts'
import { nextSequence } from '../../../src/consensus/query.ts'
import { startSolo } from '../../../src/consensus/solo.ts'
import type { StateMachine } from '../../../src/consensus/state.ts'
import { TEST_ORIGIN, TEST_SECONDS } from '../../kit/proof-log.ts'
import { beaconRound, publicKey, type Scenario, signer } from '../scenario.ts'
import {
  type AuthorityDisk,
  type DiskHabits,
  emptyDisk,
  type JournalBug,
  journalOn,
  logOn,
  TreeMemo,
} from '../world/disk.ts'
import type { Message, Wires } from '../world/wires.ts'
import type { Life, World } from '../world/world.ts'

/** What the authority needs of the simulation. */
export interface AuthorityParts {
  readonly world: World
  readonly wires: Wires
  readonly scenario: Scenario
  readonly machine: StateMachine
  readonly bug: JournalBug
  /** Everybody who is told of new entries. */
  readonly audience: readonly string[]
  /** After each durable block, and after each start: everything that is in the log. */
  readonly logged: (entries: readonly Uint8Array[]) => void
  readonly signed: (head: LogHead) => void
}

const KEY = 'a/consensus'

/** The process and its disk. */
export class Authority {
  readonly disk: AuthorityDisk = emptyDisk()
  engine: Consensus | undefined
  /** Whether its disk fails and it dies while it writes. */
  isFrail = true
  readonly #parts: AuthorityParts
  #life: Life = { alive: false }
  #skewMs = 0
  #sequence = 0

  constructor(parts: AuthorityParts) {
    this.#parts = parts
    parts.wires.listen('authority', (from, message) => this.#hear(from, message))
  }

  /** Starts the process, from what is on the disk. */
  start(): void {
    const { world, scenario, machine, bug, signed } = this.#parts
    if (this.#life.alive) return
    const life = { alive: true }
    this.#life = life
    this.#skewMs = world.chance.whole(-scenario.skewMs, scenario.skewMs)
    const { failure, death } = this.isFrail ? scenario : { failure: 0, death: 0 }
    const die = () => this.#dieWriting()
    const habits: DiskHabits = { syncMs: 40, failure, death, die }
    const journal = journalOn(world, life, this.disk, habits, bug)
    const log = logOn(world, life, this.disk, habits, signed)
    const parts = { machine, journal, log, clock: this.#clock(life), logger: silentLogger }
    startSolo({ genesis: scenario.genesis, snapshotBlocks: 7, idleMs: 10_000, settleMs: 1000 }, parts).then(
      (engine) => this.#opened(engine, life),
      (error) => this.#refused(error, life),
    )
  }

  /** Dies: the process alone, or with the power, and then what was not synced is lost. Comes back after a while. */
  die(isPower: boolean, backMs: number): void {
    const { world } = this.#parts
    this.#life.alive = false
    this.engine = undefined
    if (isPower) {
      const kept = (unsynced: number) => world.chance.whole(0, unsynced)
      this.disk.blocks.crash(kept)
      this.disk.entries.crash(kept)
      this.disk.snapshot.crash()
    }
    world.count(isPower ? 'power cuts of the authority' : 'deaths of the authority')
    world.note(`authority dies${isPower ? ' with the power' : ''}`)
    world.after(backMs, () => this.start())
  }

  /** Troubles come together: what a process left unsynced is at risk when the power goes soon after the next start. */
  #dieWriting(): void {
    const { world } = this.#parts
    const isPower = world.chance.hit(0.4)
    const backMs = world.chance.whole(1, 3000)
    this.die(isPower, backMs)
    if (isPower || world.chance.hit(0.4)) return
    world.after(backMs + world.chance.whole(1, 300), () => this.isFrail && this.die(true, world.chance.whole(1, 3000)))
  }

  #opened(engine: Consensus, life: Life): void {
    const { world, logged } = this.#parts
    if (!life.alive) return
    this.engine = engine
    this.#sequence = 0
    world.note(`authority runs at block ${engine.state().at.heightBlock}, ${engine.log().size} entries`)
    logged(this.disk.entries.items)
    engine.watch((block) => {
      if (!life.alive) return
      logged(this.disk.entries.items)
      if (block.entries.length > 0) this.#tell(block.entries[0]?.index ?? 0)
    })
    this.#beat(life)
  }

  /** A disk that failed is tried again; anything else is a bug: what is durable must be enough to start from. */
  #refused(error: unknown, life: Life): void {
    const { world } = this.#parts
    if (!life.alive) return
    const text = errorChain(error).join(': ')
    if (text.includes('simulated disk')) this.die(false, 3000)
    else world.fail('restart', `the authority does not start: ${text}`)
  }

  #beat(life: Life): void {
    const { world, wires } = this.#parts
    const { engine } = this
    if (engine === undefined) return
    const { rounds } = engine.state().scalars
    const trueSeconds = TEST_SECONDS + world.nowMs() / 1000
    for (const round of rounds) {
      if (secondsOfRound(engine.constants.beacon.schedule, round) > trueSeconds) continue
      if (!world.chance.hit(wires.weather.loss)) this.#bring(engine, round)
    }
    // Nothing else tells that a write failed: an engine that stopped takes no more transactions.
    world.after(2000, () => this.#beat(life), life)
  }

  #bring(engine: Consensus, round: number): void {
    const { randomness, signature } = beaconRound(round)
    this.#sequence = Math.max(this.#sequence + 1, nextSequence(engine.state(), publicKey(KEY)))
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
    const given = { round, randomness: hex(randomness), proof: hex(signature) }
    const body = { type: 'beacon', network: TEST_ORIGIN, sequence: this.#sequence, ...given } as const
    this.#order(encodeTransaction(signTransaction<BeaconBody>(body, signer(KEY))), () => undefined)
  }

  #hear(from: string, message: Message): void {
    const { wires } = this.#parts
    if (this.engine === undefined) return
    if (message.type === 'follow') this.#news(from, message.size)
    if (message.type !== 'submit') return
    const { bytes, ticket } = message
    this.#order(bytes, (refusal) => wires.send('authority', from, { type: 'receipt', ticket, refusal }))
  }

  #order(bytes: Uint8Array, answer: (refusal: Awaited<ReturnType<Consensus['submit']>>['refusal']) => void): void {
    const life = this.#life
    this.engine?.submit(bytes).then(
      ({ refusal }) => {
        this.#parts.world.count(refusal === undefined ? 'taken' : `refused ${refusal}`)
        if (life.alive) answer(refusal)
      },
      (error) => {
        if (!life.alive) return
        this.#parts.world.count('engine stopped')
        const text = errorChain(error).join(': ')
        this.#parts.world.note(`the engine gives up: ${text}`)
        if (!text.includes('simulated disk')) this.#parts.world.fail('engine', `it gives up: ${text}`)
        this.die(false, 2000)
      },
    )
  }

  #tell(first: number): void {
    for (const name of this.#parts.audience) this.#news(name, first)
  }

  #news(to: string, first: number): void {
    const size = this.engine?.log().size ?? 0
    const entries = this.disk.entries.items.slice(first, size)
    if (entries.length === 0) return
    const root = this.engine?.log().root ?? new Uint8Array()
    this.#parts.wires.send('authority', to, { type: 'news', first, entries, root })
  }

  #clock(life: Life): Clock {
    const { world } = this.#parts
    return {
      nowMs: () => TEST_SECONDS * 1000 + world.nowMs() + this.#skewMs,
      monotonicMs: () => world.nowMs(),
      sleep: (ms) => new Promise((resolve) => world.after(ms, resolve, life)),
      after(ms, fn) {
        const own = { alive: true }
        world.after(ms, () => own.alive && life.alive && fn(), life)
        return () => {
          own.alive = false
        }
      },
    }
  }
}

/** Follows a log as a reader does: what it is shown must continue what it has, and come to the root that it is told. */
export class Reader {
  readonly entries: Uint8Array[] = []
  readonly #tree: TreeMemo | undefined

  /** `isCareful`: computes every root; the others only look at the order. */
  constructor(isCareful: boolean) {
    this.#tree = isCareful ? new TreeMemo(this.entries) : undefined
  }

  /** Takes news; false if the entries before them are missing. */
  take(world: World, { first, entries, root }: Message & { type: 'news' }): boolean {
    if (first > this.entries.length) return false
    const fresh = entries.slice(this.entries.length - first)
    if (fresh.length === 0) return true
    this.entries.push(...fresh)
    const own = this.#tree?.root(this.entries.length) ?? root
    if (Buffer.compare(own, root) !== 0) {
      world.fail('split view', `a reader was shown another root for ${this.entries.length} entries`)
    }
    return true
  }
}
