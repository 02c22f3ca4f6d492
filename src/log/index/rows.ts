/** Rows of the index in columns of numbers, since a log of a million entries has millions of them. Pure. */
import { hash } from 'node:crypto'
import type { EntryKeys, KeysOf, LogQuery } from '../log.ts'
import { TILE_WIDTH } from '../tree/tiles.ts'

const LENGTHS = 65_536
/** Words have 52 bits: numbers of both JavaScript and SQLite. Those that share them are told apart by the entries. */
const WORD_HEX_DIGITS = 13
const BUCKETS = 65_536
const WORDS_PER_BUCKET = 2 ** (4 * WORD_HEX_DIGITS) / BUCKETS

/** Where the bytes of an entry are: `offset` bytes into its bundle, which stays so when the bundle grows. */
export interface EntryPlace {
  readonly index: number
  readonly offset: number
  readonly length: number
}

/** The words that an entry with these keys can be found by. */
export function wordsOf({ kind, purls, digests, packages = [] }: EntryKeys): string[] {
  const words = [...purls.map((purl) => `purl ${purl}`), ...digests.map((digest) => `digest ${digest}`)]
  for (const one of packages) words.push(`package ${one}`)
  return kind === undefined ? words : [...words, `kind ${kind}`]
}

/** The word of a query that fewest entries have; the others are compared with the entry. */
export function wordOf({ purl, digest, kind, package: named }: LogQuery): string {
  if (digest !== undefined) return `digest ${digest}`
  if (purl !== undefined) return `purl ${purl}`
  return named === undefined ? `kind ${kind}` : `package ${named}`
}

/** The number that stands for a word. */
export function numberOfWord(word: string): number {
  return Number.parseInt(hash('sha256', word, 'hex').slice(0, WORD_HEX_DIGITS), 16)
}

/** What `IndexRows` stored of a place. */
export function placeOf(index: number, packed: number): EntryPlace {
  return { index, offset: Math.floor(packed / LENGTHS), length: packed % LENGTHS }
}

/** Growing columns of word, index and place. */
export class IndexRows {
  count = 0
  #words = new Float64Array(1024)
  #indexes = new Float64Array(1024)
  #places = new Float64Array(1024)
  readonly #keysOf: KeysOf

  constructor(keysOf: KeysOf) {
    this.#keysOf = keysOf
  }

  /** Adds entries that follow each other from `index` on, the first of them `offset` bytes into its bundle. */
  add(entries: readonly Uint8Array[], index: number, offset: number): void {
    let at = offset
    for (const [number, entry] of entries.entries()) {
      const position = index + number
      if (position % TILE_WIDTH === 0) at = 0
      const words = wordsOf(this.#keysOf(entry))
      for (const word of words.length > 1 ? new Set(words) : words) {
        this.#push(numberOfWord(word), position, (at + 2) * LENGTHS + entry.byteLength)
      }
      at += 2 + entry.byteLength
    }
  }

  /** Adds those of the entries of a bundle, whose first is entry `start`, that are from `from` up to `to` (not included). */
  addBundle(entries: readonly Uint8Array[], start: number, from: number, to: number): void {
    const skipped = Math.max(0, from - start)
    const offset = entries.slice(0, skipped).reduce((sum, { byteLength }) => sum + 2 + byteLength, 0)
    this.add(entries.slice(skipped, to - start), start + skipped, offset)
  }

  /** Rows of three numbers each, at most `rowsMax` at a time, by word and then by index. Sorts as it goes. */
  *sorted(rowsMax: number): Generator<readonly number[]> {
    let values: number[] = []
    for (const row of this.#order()) {
      values.push(this.#words[row] as number, this.#indexes[row] as number, this.#places[row] as number)
      if (values.length < 3 * rowsMax) continue
      yield values
      values = []
    }
    if (values.length > 0) yield values
  }

  clear(): void {
    this.count = 0
  }

  #push(word: number, index: number, place: number): void {
    if (this.count === this.#words.length) {
      this.#words = doubled(this.#words)
      this.#indexes = doubled(this.#indexes)
      this.#places = doubled(this.#places)
    }
    this.#words[this.count] = word
    this.#indexes[this.count] = index
    this.#places[this.count] = place
    this.count += 1
  }

  /** The rows in order: spread into buckets first, because words are evenly spread and comparing is what costs. */
  *#order(): Generator<number> {
    const starts = new Uint32Array(BUCKETS + 1)
    const bucketOf = (row: number) => Math.floor((this.#words[row] as number) / WORDS_PER_BUCKET)
    for (let row = 0; row < this.count; row += 1) starts[bucketOf(row) + 1] = (starts[bucketOf(row) + 1] as number) + 1
    for (let at = 1; at <= BUCKETS; at += 1) starts[at] = (starts[at] as number) + (starts[at - 1] as number)
    const ends = starts.slice()
    const order = new Uint32Array(this.count)
    for (let row = 0; row < this.count; row += 1) {
      const bucket = bucketOf(row)
      order[ends[bucket] as number] = row
      ends[bucket] = (ends[bucket] as number) + 1
    }
    const compare = (a: number, b: number) =>
      (this.#words[a] as number) - (this.#words[b] as number) ||
      (this.#indexes[a] as number) - (this.#indexes[b] as number)
    for (let at = 0; at < BUCKETS; at += 1) yield* order.subarray(starts[at], starts[at + 1]).sort(compare)
  }
}

function doubled(column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(column.length * 2)
  longer.set(column)
  return longer
}
