/**
 * The log in memory: the twin of `disk.ts`, for tests, simulation and nodes that keep nothing. Straight from the definitions of
 * RFC 6962 over a list of entries, so that it is an oracle for the disk rather than a copy of it.
 */
import { silentLogger } from '../base/clock.ts'
import type { Signer } from '../base/crypto/ed25519.ts'
import { AppError, throwIfAborted } from '../base/errors.ts'
import type {
  AcceptedCheckpoint,
  Appended,
  KeysOf,
  LogHit,
  LogMirror,
  LogQuery,
  LogStore,
  LogWriter,
  TileSource,
  TreeHead,
} from './log.ts'
import { allOfKind, answers, beyond, bytesOfAppend, checkAt, checkPublish, limitOf } from './rules.ts'
import { signedCheckpoint } from './signed-checkpoint.ts'
import { decodeEntries, encodeEntries } from './tree/entry-bundle.ts'
import { type Hash, leafHash, nodeHash, sameHash } from './tree/hash.ts'
import { consistencyProof, inclusionProof, rootOf } from './tree/proof.ts'
import {
  encodeTile,
  entriesPath,
  grownBundles,
  hashesAtLevel,
  parseTilePath,
  TILE_HEIGHT,
  TILE_WIDTH,
} from './tree/tiles.ts'
import { Watchers } from './watchers.ts'

/** What makes a log in memory. */
export interface MemoryOptions {
  readonly origin: string
  readonly keysOf: KeysOf
}

/** What makes a log in memory that signs. `signAtOnce` (true if left out): every append signs a checkpoint. */
export interface MemoryWriterOptions extends MemoryOptions {
  readonly signAtOnce?: boolean
}

/** A new, empty log that `signer` signs. */
export function createMemoryWriter(options: MemoryWriterOptions, signer: Signer): LogWriter {
  return new MemoryWriter(options, signer)
}

/** A new, empty copy of a log. */
export function createMemoryMirror(options: MemoryOptions): LogMirror {
  return new MemoryMirror(options)
}

class MemoryLog implements LogStore {
  readonly mode = 'full'
  readonly origin: string
  protected entriesHeld: Uint8Array[] = []
  protected accepted: AcceptedCheckpoint | undefined
  readonly #keysOf: KeysOf
  readonly #watchers = new Watchers(silentLogger)
  readonly #leaves: Hash[] = []
  readonly #nodes = new Map<string, Hash>()

  constructor({ origin, keysOf }: MemoryOptions) {
    this.origin = origin
    this.#keysOf = keysOf
  }

  newest(): AcceptedCheckpoint | undefined {
    return this.accepted
  }

  head(): TreeHead {
    return this.headOf(this.entriesHeld)
  }

  async entry(index: number): Promise<Uint8Array> {
    const entry = this.entriesHeld[index]
    if (entry === undefined || index >= this.#size()) throw beyond(`entry ${index}`, this.accepted)
    return Uint8Array.from(entry)
  }

  async *entries(from: number, to: number, signal?: AbortSignal): AsyncGenerator<LogHit> {
    for (let index = from; index < Math.min(to, this.#size()); index += 1) {
      throwIfAborted(signal)
      yield { index, entry: await this.entry(index) }
    }
  }

  async find(query: LogQuery): Promise<LogHit[]> {
    const limit = limitOf(query)
    const found: LogHit[] = []
    const before = Math.min(query.before ?? Number.POSITIVE_INFINITY, this.#size())
    for (let index = before - 1; index >= (query.from ?? 0) && found.length < limit; index -= 1) {
      const entry = this.entriesHeld[index] as Uint8Array
      if (answers(query, this.#keysOf(entry))) found.push({ index, entry })
    }
    return found
  }

  revocations(): Promise<LogHit[]> {
    return allOfKind('revocation', (query) => this.find(query))
  }

  async rootAt(size: number): Promise<Uint8Array> {
    if (size > this.#size()) throw beyond(`the root of ${size} entries`, this.accepted)
    return rootOf(size, this.#node)
  }

  async inclusion(index: number, size: number): Promise<Uint8Array[]> {
    if (size > this.#size() || index >= size) throw beyond(`entry ${index} of ${size}`, this.accepted)
    return inclusionProof(index, size, this.#node)
  }

  async consistency(fromSize: number, toSize: number): Promise<Uint8Array[]> {
    if (toSize > this.#size()) throw beyond(`the tree of ${toSize} entries`, this.accepted)
    return consistencyProof(fromSize, toSize, this.#node)
  }

  async tile(path: string): Promise<Uint8Array | undefined> {
    const named = parseTilePath(path)
    if (named === undefined) return undefined
    const { level, index, width } = named.kind === 'tile' ? named.tile : { ...named, level: 0 }
    const from = index * TILE_WIDTH
    if (from + width > hashesAtLevel(this.#size(), level)) return undefined
    if (named.kind === 'entries') return encodeEntries(this.entriesHeld.slice(from, from + width))
    return encodeTile(Array.from({ length: width }, (_, at) => this.#node(level * TILE_HEIGHT, from + at)))
  }

  watch(listener: (checkpoint: AcceptedCheckpoint) => void): () => void {
    return this.#watchers.add(listener)
  }

  async publish(checkpoint: AcceptedCheckpoint): Promise<void> {
    const root = checkpoint.size > this.entriesHeld.length ? undefined : this.rootOfFirst(checkpoint.size)
    checkPublish(this.accepted, checkpoint, this.origin, root)
    this.accepted = checkpoint
    this.#watchers.tell(checkpoint)
  }

  async close(): Promise<void> {}

  protected rootOfFirst(size: number): Hash {
    return rootOf(size, this.#node)
  }

  /** The head of a log of these entries, which begin with those that are here. */
  protected headOf(entries: readonly Uint8Array[]): TreeHead {
    if (entries.length === this.entriesHeld.length)
      return { size: entries.length, root: this.rootOfFirst(entries.length) }
    const twin = new MemoryLog({ origin: this.origin, keysOf: this.#keysOf })
    twin.entriesHeld = [...entries]
    return twin.head()
  }

  #size(): number {
    return this.accepted?.size ?? 0
  }

  readonly #node = (level: number, index: number): Hash => {
    if (level === 0) {
      const leaf = this.#leaves[index] ?? leafHash(this.entriesHeld[index] as Uint8Array)
      this.#leaves[index] = leaf
      return leaf
    }
    const name = `${level}/${index}`
    const hash =
      this.#nodes.get(name) ?? nodeHash(this.#node(level - 1, 2 * index), this.#node(level - 1, 2 * index + 1))
    this.#nodes.set(name, hash)
    return hash
  }
}

class MemoryWriter extends MemoryLog implements LogWriter {
  readonly #signer: Signer
  readonly #signAtOnce: boolean
  #signed = 0

  constructor(options: MemoryWriterOptions, signer: Signer) {
    super(options)
    this.#signer = signer
    this.#signAtOnce = options.signAtOnce ?? true
    if (this.#signAtOnce) this.accepted = signedCheckpoint(this.origin, this.head(), signer)
  }

  async append(entries: readonly Uint8Array[], { at }: { readonly at?: number } = {}): Promise<Appended> {
    bytesOfAppend(entries)
    const firstIndex = this.entriesHeld.length
    checkAt(at, firstIndex)
    this.entriesHeld.push(...entries.map((entry) => Uint8Array.from(entry)))
    const head = this.head()
    if (this.#signAtOnce && entries.length > 0) await this.sign(head.size)
    return { firstIndex, ...head }
  }

  pureRoot(entries: readonly Uint8Array[]): TreeHead {
    bytesOfAppend(entries)
    return this.headOf([...this.entriesHeld, ...entries])
  }

  async sign(size: number): Promise<AcceptedCheckpoint> {
    if (size > this.entriesHeld.length) throw beyond(`the tree of ${size} entries`, this.head())
    if (size < this.#signed) {
      throw new AppError(
        'conflict.changed',
        `signing the checkpoint at ${size}: one at ${this.#signed} was signed already`,
      )
    }
    if (this.accepted?.size === size) return this.accepted
    this.#signed = size
    const checkpoint = signedCheckpoint(this.origin, { size, root: this.rootOfFirst(size) }, this.#signer)
    await this.publish(checkpoint)
    return checkpoint
  }
}

class MemoryMirror extends MemoryLog implements LogMirror {
  async ingest(checkpoint: AcceptedCheckpoint, source: TileSource, signal: AbortSignal): Promise<void> {
    const entries = [...this.entriesHeld]
    const paths: string[] = []
    for (const { index, width } of grownBundles(Math.min(entries.length, checkpoint.size), checkpoint.size)) {
      throwIfAborted(signal)
      const path = entriesPath({ index, width })
      paths.push(path)
      const bundle = decodeEntries(await source.fetch(path, signal), width)
      entries.splice(index * TILE_WIDTH, TILE_WIDTH, ...bundle)
    }
    if (checkpoint.size >= this.entriesHeld.length) {
      const grown = this.headOf(entries)
      const begins = this.entriesHeld.every((entry, index) => sameHash(entry, entries[index] as Uint8Array))
      if (!begins || !sameHash(grown.root, checkpoint.root)) {
        const error = new AppError(
          'untrusted.proof',
          `following ${this.origin}: found other entries than the checkpoint says`,
        )
        for (const path of paths) source.reject(path, error)
        throw error
      }
      this.entriesHeld = entries
    }
    await this.publish(checkpoint)
  }
}
