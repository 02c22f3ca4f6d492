/**
 * The log that this node signs. Appends wait in a bounded queue; all that wait when the last batch is done become the next one,
 * which is: files written and synced, the record written, the checkpoint signed and published, the callers told. A batch that
 * fails is forgotten, and the state is read from the disk again before the next, because nobody knows how far it came.
 */

import { join } from 'node:path'
import type { Signer } from '../../base/crypto/ed25519.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import { grow, headAfter } from '../growth.ts'
import { IndexRows } from '../index/rows.ts'
import type { AcceptedCheckpoint, Appended, LogWriter, TreeHead } from '../log.ts'
import { APPEND_ENTRIES_MAX, beyond, bytesOfAppend, checkAt } from '../rules.ts'
import { signedCheckpoint } from '../signed-checkpoint.ts'
import { entriesPath, hashesAtLevel, TILE_WIDTH, tileOfSize, tilePath } from '../tree/tiles.ts'
import { DiskLog, type DiskParts } from './disk-log.ts'
import { fileFailure } from './files.ts'

/** How a log that this node signs behaves. */
export interface WriterBehaviour {
  /** Every append signs a checkpoint; otherwise `sign` does. */
  readonly signAtOnce: boolean
  /** Entries of a batch, beyond which it takes no further append. */
  readonly batchEntriesMax: number
  /** Entries, and bytes of them, that may wait. */
  readonly queueEntriesMax: number
  readonly queueBytesMax: number
}

/** What is used where nothing is said. */
export const WRITER_DEFAULTS: WriterBehaviour = {
  signAtOnce: true,
  batchEntriesMax: 4096,
  queueEntriesMax: 65_536,
  queueBytesMax: 128 * 1_048_576,
}

interface Waiting {
  readonly entries: readonly Uint8Array[]
  readonly bytes: number
  readonly at: number | undefined
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: unknown) => void
}

/** Reads what is on disk again, as at a start. */
export type Reload = () => Promise<DiskParts['loaded']>

/** The writer on disk. `start` before anything else. */
export class DiskWriter extends DiskLog implements LogWriter {
  readonly #signer: Signer
  readonly #behaviour: WriterBehaviour
  readonly #reload: Reload
  #waiting: Waiting[] = []
  #waitingEntries = 0
  #waitingBytes = 0
  /** True while what waits has a turn to come. */
  #scheduled = false
  /** Resolves when the last batch is in the index. */
  #indexed: Promise<void> = Promise.resolve()
  /** True after a failure: memory and disk may differ. */
  #uncertain = false

  constructor(parts: DiskParts, signer: Signer, behaviour: WriterBehaviour, reload: Reload) {
    super(parts)
    this.#signer = signer
    this.#behaviour = behaviour
    this.#reload = reload
  }

  /** Finishes what a crash left unfinished. @throws damaged.log, exhausted.disk, unavailable.storage */
  async start(): Promise<void> {
    await this.turns.take(() => this.#recover(false))
  }

  append(entries: readonly Uint8Array[], { at }: { readonly at?: number } = {}): Promise<Appended> {
    return new Promise((resolve, reject) => {
      const bytes = bytesOfAppend(entries)
      const { queueEntriesMax, queueBytesMax } = this.#behaviour
      if (this.#waitingEntries + entries.length > queueEntriesMax || this.#waitingBytes + bytes > queueBytesMax) {
        throw new AppError('exhausted.queue', `appending to the log: ${this.#waitingEntries} entries wait already`)
      }
      const copies = entries.map((entry) => Uint8Array.from(entry))
      this.#waiting.push({ entries: copies, bytes, at, resolve, reject })
      this.#waitingEntries += entries.length
      this.#waitingBytes += bytes
      this.#schedule()
    })
  }

  pureRoot(entries: readonly Uint8Array[]): TreeHead {
    bytesOfAppend(entries)
    return headAfter(this.edge, entries)
  }

  sign(size: number): Promise<AcceptedCheckpoint> {
    return this.turns.take(async () => {
      if (this.#uncertain) await this.#recover(true)
      const { head, published } = this.record
      const newest = this.newest()
      if (newest !== undefined && newest.size === size) return newest
      if (size > head.size) throw beyond(`the tree of ${size} entries`, head)
      if (published !== undefined && size < published.size) {
        throw new AppError(
          'conflict.changed',
          `signing the checkpoint at ${size}: one at ${published.size} was signed already`,
        )
      }
      const root = await this.rootOfFirst(size)
      return this.#guarded(`signing the checkpoint at ${size}`, async () => {
        await this.writeRecord({ head, published: { size, root } })
        return this.#signPublished()
      })
    })
  }

  /** Sees to it that what waits gets a turn, and only one: each takes all that fits into a batch. */
  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return
    this.#scheduled = true
    this.turns.take(async () => {
      this.#scheduled = false
      await this.#batch()
      this.#schedule()
    })
  }

  async #batch(): Promise<void> {
    const taken = this.#take()
    try {
      if (this.#uncertain) await this.#recover(true)
    } catch (error) {
      for (const { reject } of taken) reject(error)
      return
    }
    const entries: Uint8Array[] = []
    const places: { readonly waiting: Waiting; readonly firstIndex: number }[] = []
    for (const waiting of taken) {
      const firstIndex = this.record.head.size + entries.length
      try {
        checkAt(waiting.at, firstIndex)
        for (const entry of waiting.entries) entries.push(entry)
        places.push({ waiting, firstIndex })
      } catch (error) {
        waiting.reject(error)
      }
    }
    try {
      const before = this.record.head
      if (entries.length > 0) await this.#guarded('appending to the log', () => this.#integrate(entries))
      for (const { waiting, firstIndex } of places) waiting.resolve({ firstIndex, ...this.record.head })
      await this.#removeFilled(before, this.record.head)
    } catch (error) {
      for (const { waiting } of places) waiting.reject(error)
    }
  }

  #take(): Waiting[] {
    let count = 0
    let entries = 0
    for (const waiting of this.#waiting) {
      if (count > 0 && entries + waiting.entries.length > this.#behaviour.batchEntriesMax) break
      entries += waiting.entries.length
      this.#waitingBytes -= waiting.bytes
      count += 1
    }
    this.#waitingEntries -= entries
    return this.#waiting.splice(0, count)
  }

  async #integrate(entries: readonly Uint8Array[]): Promise<void> {
    const before = this.record.head
    const growth = grow(this.edge, entries)
    const { served } = this.parts.layout
    const written = this.durable.put(growth.files.map(({ path, bytes }) => ({ path: join(served, path), bytes })))
    let rows: IndexRows
    try {
      // Made while the disk is at work.
      rows = this.#rowsOf(entries)
    } finally {
      await written
    }
    await this.durable.flush()
    const published = this.#behaviour.signAtOnce ? growth.head : this.record.published
    await this.writeRecord({ head: growth.head, published })
    this.edge = growth.edge
    // The index may follow one batch behind: `find` waits for it, callers of `append` need not.
    await this.#indexed
    this.#indexed = this.addToIndex(rows, before, growth.head)
    if (this.#behaviour.signAtOnce) await this.#signPublished()
  }

  #rowsOf(entries: readonly Uint8Array[]): IndexRows {
    const rows = new IndexRows(this.parts.keysOf)
    const offset = this.edge.entries.reduce((sum, { byteLength }) => sum + 2 + byteLength, 0)
    rows.add(entries, this.edge.size, offset)
    return rows
  }

  /** Signs what the record says is, or is about to be, signed. */
  async #signPublished(): Promise<AcceptedCheckpoint> {
    const checkpoint = signedCheckpoint(this.origin, this.record.published as TreeHead, this.#signer)
    await this.publishFile(checkpoint)
    return checkpoint
  }

  /** Partial files whose full ones are there may go (tlog-tiles, "Partial Tiles"). What stays behind does no harm. */
  async #removeFilled(before: TreeHead, head: TreeHead): Promise<void> {
    const { files, layout, logger } = this.parts
    try {
      for (let level = 0, size = before.size; size > 0; level += 1, size = Math.floor(size / TILE_WIDTH)) {
        const index = Math.floor(size / TILE_WIDTH)
        if (size % TILE_WIDTH === 0 || tileOfSize(head.size, level, index)?.width !== TILE_WIDTH) continue
        for (const full of fullPaths(level, index)) await files.remove(join(layout.served, `${full}.p`))
      }
    } catch (error) {
      logger.warn({ cause: errorChain(error) }, 'partial tiles of the log were not removed')
    }
  }

  async #guarded<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.#uncertain = true
      throw fileFailure(error, doing)
    }
  }

  /**
   * Reads the disk again if `again`, removes what was written beyond the record, makes the record durable once more (a rename that
   * was seen may not have been), and signs what was about to be signed.
   */
  async #recover(again: boolean): Promise<void> {
    this.#uncertain = true
    try {
      if (again) {
        const { record, edge } = await this.#reload()
        this.record = record
        this.edge = edge
      }
      this.durable = this.newDurableWriter()
      await this.#removeUnrecorded()
      await this.writeRecord(this.record)
      const { published } = this.record
      const newest = this.newest()
      if (published === undefined && this.#behaviour.signAtOnce) {
        await this.writeRecord({ ...this.record, published: this.record.head })
        await this.#signPublished()
      } else if (published !== undefined && (newest === undefined || newest.size < published.size)) {
        await this.#signPublished()
      } else if (newest !== undefined) await this.publishFile(newest)
    } catch (error) {
      throw fileFailure(error, `opening the log ${this.origin}`)
    }
    this.#uncertain = false
  }

  /** Files beyond the record are of batches that nobody was told of. They lie within one append of its end. */
  async #removeUnrecorded(): Promise<void> {
    const { size } = this.record.head
    const reach = size + APPEND_ENTRIES_MAX + this.#behaviour.batchEntriesMax
    for (let level = 0; hashesAtLevel(reach, level) > 0; level += 1) {
      const last = Math.floor(hashesAtLevel(reach, level) / TILE_WIDTH)
      for (let index = Math.floor(hashesAtLevel(size, level) / TILE_WIDTH); index <= last; index += 1) {
        const width = tileOfSize(size, level, index)?.width ?? 0
        for (const path of fullPaths(level, index)) await this.#removeWider(join(this.parts.layout.served, path), width)
      }
    }
  }

  /** Removes the forms of a tile that are wider than `width`, which is less than full. */
  async #removeWider(full: string, width: number): Promise<void> {
    const { files } = this.parts
    if (width < TILE_WIDTH && files.readNow(full, 0, 0) !== undefined) await files.remove(full)
    for (const name of await files.names(`${full}.p`)) {
      if (Number(name) > width) await files.remove(join(`${full}.p`, name))
    }
  }
}

/** The paths of a full tile, and of the bundle beside it. */
function fullPaths(level: number, index: number): string[] {
  const tile = tilePath({ level, index, width: TILE_WIDTH })
  return level === 0 ? [tile, entriesPath({ index, width: TILE_WIDTH })] : [tile]
}
