/** The process of a member: follows the log, says what its habits want, dies and comes back with what it had written down. */
import type { Message, Wires } from '../world/wires.ts'
import type { Life, World } from '../world/world.ts'
import { Reader } from './authority.ts'
import { LogView, type Seen, seeEntry } from './log-view.ts'
import { Mouth } from './mouth.ts'

/** What a member does, again and again. */
export interface Habit {
  /** Looks at the log and says something, or not. */
  act(member: Member): void
  /** What it had in memory is gone; what it had written down is not. */
  forget(): void
}

/** A member's process. */
export class Member {
  readonly name: string
  readonly world: World
  readonly mouth: Mouth
  life: Life = { alive: true }
  view: LogView = new LogView()
  seen: Seen[] = []
  #reader: Reader
  readonly #isCareful: boolean
  readonly #wires: Wires
  readonly #habits: readonly Habit[]

  constructor(name: string, world: World, wires: Wires, habits: readonly Habit[], isCareful: boolean) {
    this.name = name
    this.world = world
    this.#wires = wires
    this.#habits = habits
    this.#isCareful = isCareful
    this.#reader = new Reader(isCareful)
    this.mouth = new Mouth(name, world, wires)
    wires.listen(name, (_from, message) => this.#hear(message))
    this.#beat(this.life)
  }

  /** Dies and comes back. */
  die(backMs: number): void {
    if (!this.life.alive) return
    this.life.alive = false
    this.world.count('deaths of members')
    this.world.note(`${this.name} dies`)
    this.mouth.crash()
    for (const habit of this.#habits) habit.forget()
    this.#reader = new Reader(this.#isCareful)
    this.view = new LogView()
    this.seen = []
    this.world.after(backMs, () => {
      this.life = { alive: true }
      this.#beat(this.life)
    })
  }

  #hear(message: Message): void {
    if (!this.life.alive) return
    if (message.type === 'receipt') this.mouth.hear(message.ticket, message.refusal, this.life)
    if (message.type !== 'news') return
    if (!this.#reader.take(this.world, message)) {
      this.#wires.send(this.name, 'authority', { type: 'follow', size: this.#reader.entries.length })
      return
    }
    if (this.#reader.entries.length === this.view.size) return
    for (const bytes of this.#reader.entries.slice(this.view.size)) {
      const seen = seeEntry(bytes, this.view.size)
      this.seen.push(seen)
      this.view.take(seen)
    }
    this.#act()
  }

  #act(): void {
    for (const habit of this.#habits) habit.act(this)
  }

  #beat(life: Life): void {
    this.#wires.send(this.name, 'authority', { type: 'follow', size: this.#reader.entries.length })
    this.mouth.remind()
    this.#act()
    this.world.after(this.world.chance.whole(10_000, 25_000), () => this.#beat(life), life)
  }
}
