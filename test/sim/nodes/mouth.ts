/** What a member says, again and again until there is an answer, through a network that may lose both. Sequences outlive a crash. */
import {
  encodeTransaction,
  signTransaction,
  type Transaction,
  type TransactionBody,
} from '../../../src/base/entries/transaction.ts'
import { hashOf } from '../../../src/consensus/draft/draft.ts'
import type { Refusal } from '../../../src/consensus/draft/refusal.ts'
import { TEST_ORIGIN } from '../../kit/proof-log.ts'
import { signer } from '../scenario.ts'
import { DiskCell } from '../world/disk.ts'
import type { Wires } from '../world/wires.ts'
import type { Life, World } from '../world/world.ts'

/** A body without what the mouth adds. */
export type Words<T extends TransactionBody> = Omit<T, 'key' | 'network' | 'sequence'>

interface Said {
  readonly key: string
  readonly words: object
  readonly bytes: Uint8Array
  readonly sentMs: number
}

const AGAIN_MS = 9_000

/** The mouth of one node. */
export class Mouth {
  readonly #name: string
  readonly #world: World
  readonly #wires: Wires
  readonly #sequences = new DiskCell<ReadonlyMap<string, number>>(new Map())
  readonly #open = new Map<string, Said>()
  readonly #answered = new Map<string, Refusal | undefined>()

  constructor(name: string, world: World, wires: Wires) {
    this.#name = name
    this.#world = world
    this.#wires = wires
  }

  /** Says it once under this tag; later calls do nothing. `key` is the name of a key. */
  say<T extends TransactionBody>(tag: string, key: string, words: Words<T>, life: Life): void {
    if (this.#open.has(tag) || this.#answered.has(tag)) return
    this.#utter(tag, key, words, life)
  }

  /** What was answered: undefined while nothing was, or nothing was said; `taken` or why not. */
  answer(tag: string): Refusal | 'taken' | undefined {
    return this.#answered.has(tag) ? (this.#answered.get(tag) ?? 'taken') : undefined
  }

  /** Forgets what was answered, so that it can be said again. */
  forget(tag: string): void {
    this.#answered.delete(tag)
  }

  /** An answer came. */
  hear(tag: string, refusal: Refusal | undefined, life: Life): void {
    const said = this.#open.get(tag)
    if (said === undefined) return
    this.#open.delete(tag)
    // Another transaction of the key overtook this one, or it was taken and the first answer lost: saying it anew does no harm.
    if (refusal === 'sequence') this.#utter(tag, said.key, said.words, life)
    else this.#answered.set(tag, refusal)
  }

  /** Says again what had no answer. */
  remind(): void {
    for (const [tag, said] of this.#open) {
      if (this.#world.nowMs() - said.sentMs < AGAIN_MS) continue
      this.#open.set(tag, { ...said, sentMs: this.#world.nowMs() })
      this.#wires.send(this.#name, 'authority', { type: 'submit', bytes: said.bytes, ticket: tag })
    }
  }

  /** The process dies; what it had not written down is gone. */
  crash(): void {
    this.#sequences.crash()
    this.#open.clear()
    this.#answered.clear()
  }

  #utter(tag: string, key: string, words: object, life: Life): void {
    const sequence = (this.#sequences.value.get(key) ?? 0) + 1
    const sequences = new Map(this.#sequences.value).set(key, sequence)
    this.#sequences.value = sequences
    const body = { ...words, network: TEST_ORIGIN, sequence } as never
    const bytes = encodeTransaction(signTransaction(body, signer(key)) as Transaction)
    this.#open.set(tag, { key, words, bytes, sentMs: this.#world.nowMs() })
    // The sequence is durable before it is used: else a restart would use it twice.
    const send = () => {
      this.#sequences.sync(this.#sequences.value)
      this.#wires.send(this.#name, 'authority', { type: 'submit', bytes, ticket: tag })
    }
    this.#world.after(this.#world.chance.whole(1, 20), send, life)
  }
}

/** A tag for something about a request. */
export function tagOf(what: string, request: string, more: unknown = ''): string {
  return `${what} ${request} ${more === '' ? '' : hashOf(more).slice(0, 8)}`
}
