/**
 * The memory twin of the store: the same behaviour without a disk, for tests and the simulation. It is trustworthy because
 * `test/kit/store-suite.ts` holds it and `disk.ts` to the same cases. Nothing outlives it.
 */
import type { Clock, Logger, Random } from '../base/clock.ts'
import { type BlobId, type Digest, isBlobId } from '../base/digest.ts'
import { AppError, assert, throwIfAborted } from '../base/errors.ts'
import { manifestOf, pieceAgrees } from '../base/piece-hash.ts'
import { PIECE_BYTES, type PieceManifest } from '../base/pieces.ts'
import type { Purl } from '../base/purl.ts'
import { widerShare } from '../base/share.ts'
import type { ByteRange, ByteStream } from '../base/streams.ts'
import { type BoundOptions, boundsOf, type StoreBounds } from './bounds.ts'
import { checkExpectation } from './expectation.ts'
import { MemoryNotebook, MemoryServed, MemoryShelf } from './memory-records.ts'
import { MapWriter } from './memory-writer.ts'
import type {
  BlobExpectation,
  BlobFacts,
  BlobInfo,
  BlobReader,
  BlobWriter,
  CollectReport,
  ScrubReport,
  ServedFact,
  Store,
  StoreEvent,
  StoreUsage,
} from './store.ts'

/** What a memory store needs. */
export interface MemoryDependencies {
  readonly clock: Clock
  readonly random?: Random
  readonly logger?: Logger
}

/** A store in memory that a test may damage. */
export interface MemoryStore extends Store {
  /** Flips the lowest bit of a stored byte, as a failing disk would. */
  flip(id: BlobId, offset: number): void
}

/** A store in memory. `limitBytes` and the other bounds are kept as the disk store keeps them. */
export function createMemoryStore(options: BoundOptions, dependencies: MemoryDependencies): MemoryStore {
  return new MapStore(boundsOf(options), dependencies.clock)
}

interface Entry {
  info: BlobInfo
  bytes: Buffer
  readonly manifest: PieceManifest
  damaged: boolean
  readers: number
}

class MapStore implements MemoryStore {
  readonly documents: MemoryShelf
  readonly notebook: MemoryNotebook
  readonly #bounds: StoreBounds
  readonly #clock: Clock
  readonly #served: MemoryServed
  readonly #blobs = new Map<BlobId, Entry>()
  readonly #aliases = new Map<Digest, BlobId[]>()
  readonly #writers = new Set<MapWriter>()
  readonly #listeners = new Set<(event: StoreEvent) => void>()

  constructor(bounds: StoreBounds, clock: Clock) {
    this.#bounds = bounds
    this.#clock = clock
    this.notebook = new MemoryNotebook(bounds)
    this.#served = new MemoryServed(bounds)
    this.documents = new MemoryShelf(bounds, {
      has: (id) => this.lookup(id) !== undefined,
      release: (ids) => {
        for (const id of ids) this.#update(id, { usedAtMs: 0 })
      },
    })
  }

  lookup(name: Digest): BlobInfo | undefined {
    const ids = isBlobId(name) ? [name] : (this.#aliases.get(name) ?? [])
    for (const id of ids) {
      const entry = this.#blobs.get(id)
      if (entry !== undefined && !entry.damaged) return entry.info
    }
    return undefined
  }

  async open(id: BlobId): Promise<BlobReader> {
    const entry = this.#blobs.get(id)
    if (entry === undefined) throw new AppError('absent.blob', `opening ${id}: it is not in the store`)
    if (entry.damaged) throw new AppError('damaged.blob', `opening ${id}: it is damaged and out of service`)
    entry.readers += 1
    this.#update(id, { usedAtMs: this.#clock.nowMs() })
    let closed = false
    return {
      info: entry.info,
      stream: (range, signal) => this.#stream(entry, range, signal),
      async close() {
        if (!closed) entry.readers -= 1
        closed = true
      },
    }
  }

  pieces(id: BlobId): PieceManifest | undefined {
    const entry = this.#blobs.get(id)
    return entry === undefined || entry.damaged ? undefined : entry.manifest
  }

  async begin(expectation: BlobExpectation): Promise<BlobWriter> {
    checkExpectation(expectation)
    this.#makeRoom(expectation.sizeBytes ?? 0)
    const writer = new MapWriter(expectation, {
      grow: (extraBytes) => this.#makeRoom(extraBytes),
      add: (bytes, names, facts) => this.#add(bytes, names, facts),
      end: (ended) => this.#writers.delete(ended),
    })
    this.#writers.add(writer)
    return writer
  }

  amend(id: BlobId, facts: { readonly share?: BlobFacts['share']; readonly mediaType?: string }): void {
    const before = this.#blobs.get(id)?.info
    if (before === undefined) return
    const share = widerShare(before.share, facts.share ?? 'none')
    this.#update(id, { share, mediaType: before.mediaType ?? facts.mediaType })
    if (share !== before.share) this.#announce(id)
  }

  async remove(id: BlobId): Promise<void> {
    const entry = this.#blobs.get(id)
    if (entry === undefined) return
    this.#blobs.delete(id)
    for (const name of entry.info.names) {
      const others = (this.#aliases.get(name) ?? []).filter((other) => other !== id)
      if (others.length > 0) this.#aliases.set(name, others)
      else this.#aliases.delete(name)
    }
    this.documents.forget(id)
    this.#emit({ kind: 'removed', id, names: entry.info.names })
  }

  pin(id: BlobId, label: string): void {
    const entry = this.#blobs.get(id)
    if (entry === undefined) throw new AppError('absent.blob', `pinning ${id}: it is not in the store`)
    this.#update(id, { pins: [...new Set([...entry.info.pins, label])].sort() })
  }

  unpin(id: BlobId, label: string): void {
    const pins = this.#blobs.get(id)?.info.pins ?? []
    this.#update(id, { pins: pins.filter((other) => other !== label) })
  }

  list(options: { readonly after?: BlobId; readonly limit: number }): BlobInfo[] {
    const ids = [...this.#blobs.keys()].sort().filter((id) => options.after === undefined || id > options.after)
    return ids
      .map((id) => this.lookup(id))
      .filter((info) => info !== undefined)
      .slice(0, options.limit)
  }

  async collect(options: { readonly toBytes?: number } = {}): Promise<CollectReport> {
    return this.#evict(options.toBytes ?? this.#bounds.limitBytes * this.#bounds.lowWatermark)
  }

  async scrub(options: Parameters<Store['scrub']>[0]): Promise<ScrubReport> {
    const ids = options.id === undefined ? [...this.#blobs.keys()].sort() : [options.id]
    const totalBytes = ids.reduce((sum, id) => sum + (this.#blobs.get(id)?.info.sizeBytes ?? 0), 0)
    const damaged: BlobId[] = []
    let checkedBytes = 0
    let checkedBlobs = 0
    for (const id of ids) {
      throwIfAborted(options.signal)
      const entry = this.#blobs.get(id)
      if (entry === undefined || entry.damaged) continue
      checkedBlobs += 1
      for (let index = 0; index * PIECE_BYTES < entry.info.sizeBytes && !entry.damaged; index += 1) {
        if (!pieceAgrees(entry.manifest, index, pieceOf(entry.bytes, index))) this.#damage(entry)
      }
      if (entry.damaged) damaged.push(id)
      checkedBytes += entry.info.sizeBytes
      options.progress?.(checkedBytes, totalBytes)
    }
    return { checkedBlobs, checkedBytes, damaged }
  }

  usage(): StoreUsage {
    const sound = [...this.#blobs.values()].filter((entry) => !entry.damaged)
    const sum = (entries: readonly Entry[]) => entries.reduce((bytes, entry) => bytes + entry.info.sizeBytes, 0)
    return {
      blobs: sound.length,
      bytes: sum(sound),
      pinnedBytes: sum(sound.filter((entry) => entry.info.pins.length > 0)),
      writingBytes: this.#writingBytes(),
      limitBytes: this.#bounds.limitBytes,
      freeBytes: undefined,
      damaged: this.#blobs.size - sound.length,
    }
  }

  record(fact: Omit<ServedFact, 'firstAtMs' | 'lastAtMs'>): void {
    this.#served.record(fact, this.#clock.nowMs())
  }

  served(purl?: Purl): ServedFact[] {
    return this.#served.served(purl)
  }

  watch(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#writers].map((writer) => writer.ended))
    this.#listeners.clear()
  }

  flip(id: BlobId, offset: number): void {
    const bytes = this.#blobs.get(id)?.bytes
    assert(bytes !== undefined && offset < bytes.length, `flipping a bit of ${id}: no byte ${offset}`)
    bytes[offset] = (bytes[offset] ?? 0) ^ 1
  }

  async *#stream(entry: Entry, range: ByteRange | undefined, signal: AbortSignal | undefined): ByteStream {
    const { sizeBytes, id } = entry.info
    const from = range?.offset ?? 0
    const end = from + (range?.lengthBytes ?? sizeBytes - from)
    assert(from >= 0 && end <= sizeBytes && from <= end, `reading ${id}: bytes ${from} to ${end} of ${sizeBytes}`)
    entry.readers += 1
    try {
      for (let at = from; at < end; ) {
        throwIfAborted(signal)
        const index = Math.floor(at / PIECE_BYTES)
        const piece = pieceOf(entry.bytes, index)
        if (!pieceAgrees(entry.manifest, index, piece)) {
          this.#damage(entry)
          throw new AppError('damaged.blob', `reading ${id}: piece ${index} no longer has the bytes that were verified`)
        }
        const start = index * PIECE_BYTES
        const stop = Math.min(end, start + piece.byteLength)
        yield Buffer.from(piece.subarray(at - start, stop - start))
        at = stop
      }
    } finally {
      entry.readers -= 1
    }
  }

  #add(bytes: Buffer, names: readonly [BlobId, ...Digest[]], facts: BlobFacts): BlobInfo {
    const id = names[0]
    const nowMs = this.#clock.nowMs()
    const before = this.#blobs.get(id)
    const info: BlobInfo = {
      id,
      sizeBytes: bytes.byteLength,
      names: [...new Set([...(before?.info.names ?? []), ...names])],
      mediaType: before?.info.mediaType ?? facts.mediaType,
      share: widerShare(before?.info.share ?? 'none', facts.share),
      pins: before?.info.pins ?? [],
      storedAtMs: before?.damaged === false ? before.info.storedAtMs : nowMs,
      usedAtMs: nowMs,
      origin: before?.damaged === false ? before.info.origin : facts.origin,
    }
    for (const name of info.names) {
      if (name !== id) this.#aliases.set(name, [...new Set([...(this.#aliases.get(name) ?? []), id])])
    }
    const known = before === undefined || before.damaged ? undefined : before.info
    if (before !== undefined && known !== undefined) before.info = info
    else this.#blobs.set(id, { info, bytes, manifest: manifestOf(id, bytes), damaged: false, readers: 0 })
    if (known?.share !== info.share || known.names.length !== info.names.length) this.#announce(id)
    return info
  }

  #makeRoom(extraBytes: number): void {
    const { limitBytes, highWatermark, lowWatermark } = this.#bounds
    const wantedBytes = this.usage().bytes + this.#writingBytes() + extraBytes
    if (wantedBytes <= limitBytes * highWatermark) return
    // What can never fit must not cost what is there.
    const hopeless = this.usage().pinnedBytes + this.#writingBytes() + extraBytes > limitBytes
    if (!hopeless) this.#evict(Math.max(0, limitBytes * lowWatermark - this.#writingBytes() - extraBytes))
    if (this.usage().bytes + this.#writingBytes() + extraBytes <= limitBytes) return
    throw new AppError('exhausted.disk', `making room for ${extraBytes} bytes: the limit of ${limitBytes} is reached`, {
      data: { limitBytes, extraBytes },
    })
  }

  #evict(toBytes: number): CollectReport {
    let { bytes: keptBytes } = this.usage()
    let removedBlobs = 0
    let removedBytes = 0
    const byUse = [...this.#blobs.values()].sort((a, b) => a.info.usedAtMs - b.info.usedAtMs)
    for (const entry of byUse) {
      if (keptBytes <= toBytes) break
      if (entry.info.pins.length > 0 || entry.readers > 0) continue
      const freedBytes = entry.damaged ? 0 : entry.info.sizeBytes
      void this.remove(entry.info.id)
      keptBytes -= freedBytes
      removedBytes += freedBytes
      removedBlobs += 1
    }
    return { removedBlobs, removedBytes, keptBytes }
  }

  #writingBytes(): number {
    let bytes = 0
    for (const writer of this.#writers) bytes += writer.heldBytes
    return bytes
  }

  #damage(entry: Entry): void {
    if (entry.damaged) return
    entry.damaged = true
    this.#emit({ kind: 'damaged', blob: entry.info })
  }

  #update(id: BlobId, change: Partial<BlobInfo>): void {
    const entry = this.#blobs.get(id)
    if (entry !== undefined) entry.info = { ...entry.info, ...change }
  }

  #announce(id: BlobId): void {
    const blob = this.lookup(id)
    if (blob !== undefined) this.#emit({ kind: 'added', blob })
  }

  #emit(event: StoreEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}

function pieceOf(bytes: Buffer, index: number): Buffer {
  return bytes.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES)
}
