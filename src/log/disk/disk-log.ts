/**
 * What every log on disk does, whoever signs it: reading up to the newest checkpoint, publishing checkpoints, and keeping the
 * index of entries up with it. The appender and the mirror build on it. Files only grow, so readers need no locks.
 */
import type { Logger } from '../../base/clock.ts'
import { errorChain, throwIfAborted } from '../../base/errors.ts'
import type { Edge } from '../growth.ts'
import type { LogIndex } from '../index/log-index.ts'
import { type EntryPlace, IndexRows, wordOf } from '../index/rows.ts'
import type { AcceptedCheckpoint, KeysOf, LogHit, LogQuery, LogStore, TreeHead } from '../log.ts'
import { allOfKind, answers, beyond, checkPublish, limitOf } from '../rules.ts'
import { HASH_BYTES } from '../tree/hash.ts'
import { consistencyRows, inclusionRows, rootRow } from '../tree/nodes.ts'
import { hashesAtLevel, parseTilePath, TILE_WIDTH } from '../tree/tiles.ts'
import { Turns } from '../turns.ts'
import { Watchers } from '../watchers.ts'
import { DurableWriter } from './durable.ts'
import { fileFailure, type LogFiles } from './files.ts'
import type { LogLayout } from './layout.ts'
import type { LogLock } from './lock.ts'
import { encodeAccepted, encodeRecord, type LogRecord } from './record.ts'
import { encodeHex } from './sealed.ts'
import { TileReader } from './tile-reader.ts'

/** What a log on disk is made of. */
export interface DiskParts {
  readonly origin: string
  readonly layout: LogLayout
  readonly files: LogFiles
  readonly logger: Logger
  readonly keysOf: KeysOf
  readonly lock: LogLock
  readonly index: LogIndex
  readonly loaded: LoadedLog
}

/** What was found on disk. */
export interface LoadedLog {
  readonly record: LogRecord
  readonly edge: Edge
  readonly newest: AcceptedCheckpoint | undefined
}

/** Bundles that are indexed in one go when the index is behind. */
const CATCH_UP_BUNDLES = 64
/** Places that are looked at in one go: more than most purls have. */
const PLACES_AT_ONCE = 64

/** A log on disk that can be read and published. */
export abstract class DiskLog implements LogStore {
  readonly mode = 'full'
  readonly origin: string
  protected readonly parts: DiskParts
  protected readonly turns: Turns = new Turns()
  protected readonly reader: TileReader
  protected record: LogRecord
  protected edge: Edge
  protected durable: DurableWriter
  #newest: AcceptedCheckpoint | undefined
  #catchingUp: Promise<void> | undefined
  readonly #watchers: Watchers
  readonly #closing = new AbortController()

  constructor(parts: DiskParts) {
    this.origin = parts.origin
    this.parts = parts
    this.record = parts.loaded.record
    this.edge = parts.loaded.edge
    this.#newest = parts.loaded.newest
    this.durable = this.newDurableWriter()
    this.reader = new TileReader(parts.files, parts.layout.served, () => this.record.head.size)
    this.#watchers = new Watchers(parts.logger)
  }

  newest(): AcceptedCheckpoint | undefined {
    return this.#newest
  }

  head(): TreeHead {
    return this.record.head
  }

  async entry(index: number): Promise<Uint8Array> {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.#size()) throw beyond(`entry ${index}`, this.#newest)
    const at = index % TILE_WIDTH
    const entries = await this.reader.entries(Math.floor(index / TILE_WIDTH), at + 1)
    return Uint8Array.from(entries[at] as Uint8Array)
  }

  async *entries(from: number, to: number, signal?: AbortSignal): AsyncGenerator<LogHit> {
    const end = Math.min(to, this.#size())
    for (let index = from; index < end; ) {
      throwIfAborted(signal)
      const bundle = Math.floor(index / TILE_WIDTH)
      const last = Math.min(end, (bundle + 1) * TILE_WIDTH)
      const entries = await this.reader.entries(bundle, last - bundle * TILE_WIDTH)
      for (; index < last; index += 1)
        yield { index, entry: Uint8Array.from(entries[index % TILE_WIDTH] as Uint8Array) }
    }
  }

  async find(query: LogQuery, signal?: AbortSignal): Promise<LogHit[]> {
    const limit = limitOf(query)
    const size = this.#size()
    while (this.parts.index.head().size < size) await this.caughtUp()
    const found: LogHit[] = []
    const word = wordOf(query)
    let before = Math.min(query.before ?? size, size)
    while (found.length < limit) {
      throwIfAborted(signal)
      const places = this.parts.index.find(word, query.from ?? 0, before, Math.min(limit, PLACES_AT_ONCE))
      for (const place of places) {
        const entry = await this.#entryOf(place)
        if (found.length < limit && answers(query, this.parts.keysOf(entry))) found.push({ index: place.index, entry })
        before = place.index
      }
      if (places.length < Math.min(limit, PLACES_AT_ONCE)) break
    }
    return found
  }

  revocations(signal?: AbortSignal): Promise<LogHit[]> {
    return allOfKind('revocation', (query) => this.find(query, signal))
  }

  async rootAt(size: number): Promise<Uint8Array> {
    if (size > this.#size()) throw beyond(`the root of ${size} entries`, this.#newest)
    return this.rootOfFirst(size)
  }

  async inclusion(index: number, size: number): Promise<Uint8Array[]> {
    if (size > this.#size() || index >= size) throw beyond(`entry ${index} of ${size}`, this.#newest)
    return this.reader.hashes(inclusionRows(index, size))
  }

  async consistency(fromSize: number, toSize: number): Promise<Uint8Array[]> {
    if (toSize > this.#size()) throw beyond(`the tree of ${toSize} entries`, this.#newest)
    return this.reader.hashes(consistencyRows(fromSize, toSize))
  }

  async tile(path: string): Promise<Uint8Array | undefined> {
    const named = parseTilePath(path)
    if (named === undefined) return undefined
    const { level, index, width } = named.kind === 'tile' ? named.tile : { ...named, level: 0 }
    if (index * TILE_WIDTH + width > hashesAtLevel(this.#size(), level)) return undefined
    if (named.kind === 'tile') return (await this.reader.tile(level, index)).subarray(0, width * HASH_BYTES)
    return beginningOf(await this.reader.bundle(index), width)
  }

  watch(listener: (checkpoint: AcceptedCheckpoint) => void): () => void {
    return this.#watchers.add(listener)
  }

  publish(checkpoint: AcceptedCheckpoint): Promise<void> {
    return this.turns.take(() => this.publishNow(checkpoint))
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.turns.take(async () => {})
    await this.#catchingUp?.catch(() => {})
    this.parts.index.close()
    this.parts.lock.release()
  }

  protected async rootOfFirst(size: number): Promise<Uint8Array> {
    const [root] = await this.reader.hashes([rootRow(size)])
    return root as Uint8Array
  }

  protected newDurableWriter(): DurableWriter {
    return new DurableWriter(this.parts.files, this.parts.layout.served, this.parts.layout.incoming)
  }

  /** `publish` for who has the turn. */
  protected async publishNow(checkpoint: AcceptedCheckpoint): Promise<void> {
    const { head, published } = this.record
    checkPublish(
      published,
      checkpoint,
      this.origin,
      checkpoint.size > head.size ? undefined : await this.rootOfFirst(checkpoint.size),
    )
    try {
      if (checkpoint.size > (published?.size ?? -1)) {
        await this.writeRecord({ head, published: { size: checkpoint.size, root: checkpoint.root } })
      }
      await this.durable.replace({ path: this.parts.layout.accepted, bytes: encodeAccepted(checkpoint) }, 0o600)
      await this.publishFile(checkpoint)
    } catch (error) {
      throw fileFailure(error, `publishing the checkpoint at ${checkpoint.size}`)
    }
  }

  /** Makes the record durable, and only then this log's. */
  protected async writeRecord(record: LogRecord): Promise<void> {
    await this.durable.replace({ path: this.parts.layout.record, bytes: encodeRecord(this.origin, record) }, 0o600)
    this.record = record
  }

  /** Makes the checkpoint the one that is served. Not synced: the record, or `accepted`, was, and restores it (`readNewest`). */
  protected async publishFile(checkpoint: AcceptedCheckpoint): Promise<void> {
    await this.durable.show({ path: this.parts.layout.checkpoint, bytes: Buffer.from(checkpoint.note) })
    this.#newest = checkpoint
    this.#watchers.tell(checkpoint)
  }

  /** Adds rows to the index if it is up to `from`; what fails is made good by `caughtUp`. */
  protected async addToIndex(rows: IndexRows, from: TreeHead, to: TreeHead): Promise<void> {
    const { index, logger } = this.parts
    if (this.#catchingUp !== undefined || index.head().size !== from.size) return
    if (from.size > 0 && index.head().rootHex !== encodeHex(from.root)) return
    this.#catchingUp = index.add(rows, to).finally(() => {
      this.#catchingUp = undefined
    })
    await this.#catchingUp.catch((error: unknown) => {
      logger.warn({ cause: errorChain(error) }, 'the index of the log is behind')
    })
  }

  /** Fills the index in the background, if it is behind: after a crash, or because it was lost. */
  beginIndexing(): void {
    if (this.parts.index.head().size === this.record.head.size) return
    this.caughtUp().catch((error: unknown) => {
      this.parts.logger.warn({ cause: errorChain(error) }, 'the index of the log is behind')
    })
  }

  /** Resolves when the index has every durable entry. */
  protected caughtUp(): Promise<void> {
    this.#catchingUp ??= this.#catchUp().finally(() => {
      this.#catchingUp = undefined
    })
    return this.#catchingUp
  }

  async #catchUp(): Promise<void> {
    const { index, keysOf, logger } = this.parts
    const { size, rootHex } = index.head()
    if (size > this.record.head.size || (size > 0 && encodeHex(await this.rootOfFirst(size)) !== rootHex)) {
      logger.warn({ size }, 'the index is not of this log: it is made anew')
      index.clear()
    }
    while (index.head().size < this.record.head.size) {
      throwIfAborted(this.#closing.signal)
      const from = index.head().size
      const first = Math.floor(from / TILE_WIDTH)
      const to = Math.min(this.record.head.size, (first + CATCH_UP_BUNDLES) * TILE_WIDTH)
      const rows = new IndexRows(keysOf)
      for (let at = first; at * TILE_WIDTH < to; at += 1) {
        const entries = await this.reader.entries(at, Math.min(TILE_WIDTH, to - at * TILE_WIDTH))
        rows.addBundle(entries, at * TILE_WIDTH, from, to)
      }
      await index.add(rows, { size: to, root: await this.rootOfFirst(to) })
    }
  }

  /** Where the index states a wrong place, the entry is read by its number. */
  async #entryOf(place: EntryPlace): Promise<Uint8Array> {
    return this.reader.entryNow(place) ?? (await this.entry(place.index))
  }

  #size(): number {
    return this.#newest?.size ?? 0
  }
}

/** The bytes of the first `width` entries of a bundle. */
function beginningOf(bundle: Uint8Array, width: number): Uint8Array {
  let at = 0
  for (let count = 0; count < width; count += 1) at += 2 + (((bundle[at] ?? 0) << 8) | (bundle[at + 1] ?? 0))
  return bundle.subarray(0, at)
}
