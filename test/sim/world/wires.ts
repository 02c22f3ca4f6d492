/** The network between the nodes: messages are lost, late, twice, out of order, kept back by partitions, and brought again by strangers. */
import type { Refusal } from '../../../src/consensus/draft/refusal.ts'
import type { World } from './world.ts'

/** What nodes say to each other. */
export type Message =
  | { readonly type: 'submit'; readonly bytes: Uint8Array; readonly ticket: string }
  | { readonly type: 'receipt'; readonly ticket: string; readonly refusal: Refusal | undefined }
  | { readonly type: 'follow'; readonly size: number }
  | {
      readonly type: 'news'
      readonly first: number
      readonly entries: readonly Uint8Array[]
      readonly root: Uint8Array
    }

/** How bad the network is, each 0 to 1. */
export interface Weather {
  readonly loss: number
  readonly twice: number
  /** How often a message takes up to a minute and a half instead of some milliseconds. */
  readonly slow: number
  /** How often somebody keeps a transaction and brings it again much later. */
  readonly replay: number
}

/** The weather in which a network must decide. */
export const CALM: Weather = { loss: 0, twice: 0, slow: 0, replay: 0 }

/** Carries messages. */
export class Wires {
  weather: Weather
  readonly #world: World
  readonly #doors = new Map<string, (from: string, message: Message) => void>()
  #apart: ReadonlySet<string> = new Set()

  constructor(world: World, weather: Weather) {
    this.#world = world
    this.weather = weather
  }

  /** What is sent to this name comes here. */
  listen(name: string, door: (from: string, message: Message) => void): void {
    this.#doors.set(name, door)
  }

  /** Only those and only the others hear each other. */
  cut(apart: ReadonlySet<string>): void {
    this.#apart = apart
  }

  /** Sends; nobody knows whether it arrives. */
  send(from: string, to: string, message: Message): void {
    const { chance } = this.#world
    const { loss, twice, slow, replay } = this.weather
    this.#world.count('messages')
    const deliver = (delayMs: number) =>
      this.#world.after(delayMs, () => {
        if (this.#apart.has(from) === this.#apart.has(to)) this.#doors.get(to)?.(from, message)
        else this.#world.count('messages cut off')
      })
    const delayMs = () => (chance.hit(slow) ? chance.whole(1000, 90_000) : chance.whole(2, 60))
    if (chance.hit(loss)) this.#world.count('messages lost')
    else deliver(delayMs())
    if (chance.hit(twice)) {
      this.#world.count('messages twice')
      deliver(delayMs())
    }
    if (message.type === 'submit' && chance.hit(replay)) {
      this.#world.count('messages replayed')
      deliver(chance.whole(60_000, 900_000))
    }
  }
}
