/** Randomness of the simulation: everything that is left to chance comes from one seed, in streams by name. */
import { hash } from 'node:crypto'

/** A stream of chance. */
export interface Chance {
  /** A number in [0, 1). */
  fraction(): number
  /** A whole number from `least` to `most`, both possible. */
  whole(least: number, most: number): number
  /** True so often, 0 to 1. */
  hit(probability: number): boolean
  /** One of these; there is at least one. */
  pick<T>(items: readonly T[]): T
  /** These in another order; a new array. */
  shuffle<T>(items: readonly T[]): T[]
  /** 32 bytes in hex. */
  hex(): string
  /** A stream of its own: what is drawn from it leaves this one alone. */
  stream(name: string): Chance
}

/** The stream of this name. */
export function chanceOf(name: string): Chance {
  const start = hash('sha256', `pyrsia-sim ${name}`, 'buffer')
  const state = Uint32Array.of(start.readUInt32LE(0), start.readUInt32LE(4), start.readUInt32LE(8), 1)
  let drawn = 0
  const chance: Chance = {
    fraction: () => sfc32(state) / 4_294_967_296,
    whole: (least, most) => least + Math.floor(chance.fraction() * (most - least + 1)),
    hit: (probability) => chance.fraction() < probability,
    pick: (items) => items[chance.whole(0, items.length - 1)] as never,
    shuffle(items) {
      const left = [...items]
      return items.map(() => left.splice(chance.whole(0, left.length - 1), 1)[0] as never)
    },
    hex() {
      drawn += 1
      return hash('sha256', `pyrsia-sim ${name} hex ${drawn}`, 'hex')
    },
    stream: (other) => chanceOf(`${name}/${other}`),
  }
  for (let turn = 0; turn < 12; turn += 1) sfc32(state)
  return chance
}

/** Small fast counter, 128 bits of state (C. Doty-Humphrey): statistically sound and the same on every machine. */
function sfc32(state: Uint32Array): number {
  const [a = 0, b = 0, c = 0, count = 0] = state
  const sum = (a + b + count) >>> 0
  state[3] = count + 1
  state[0] = b ^ (b >>> 9)
  state[1] = c + (c << 3)
  state[2] = ((c << 21) | (c >>> 11)) + sum
  return sum
}
