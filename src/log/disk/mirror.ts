/** A copy of a log that somebody else signs: what a checkpoint covers is fetched, checked, stored, and only then counts. */
import { IndexRows } from '../index/rows.ts'
import type { AcceptedCheckpoint, LogMirror, TileSource } from '../log.ts'
import { checkPublish } from '../rules.ts'
import { DiskLog } from './disk-log.ts'
import { fileFailure } from './files.ts'
import { ingestFiles } from './ingest.ts'

/** Rows that are collected while fetching, some 24 bytes each; beyond, the index is filled from the files afterwards. */
const ROWS_MAX = 8_000_000

/** The mirror on disk. */
export class DiskMirror extends DiskLog implements LogMirror {
  /** Shows the newest checkpoint again where a power cut left another file of it, or none. @throws exhausted.disk, unavailable.storage */
  async start(): Promise<void> {
    const newest = this.newest()
    if (newest === undefined) return
    try {
      const shown = await this.parts.files.read(this.parts.layout.checkpoint)
      if (shown === undefined || Buffer.compare(shown, Buffer.from(newest.note)) !== 0) await this.publishFile(newest)
    } catch (error) {
      throw fileFailure(error, `opening the log ${this.origin}`)
    }
  }

  ingest(checkpoint: AcceptedCheckpoint, source: TileSource, signal: AbortSignal): Promise<void> {
    return this.turns.take(async () => {
      if (checkpoint.size > this.record.head.size) await this.#grow(checkpoint, source, signal)
      else await this.publishNow(checkpoint)
    })
  }

  async #grow(checkpoint: AcceptedCheckpoint, source: TileSource, signal: AbortSignal): Promise<void> {
    checkPublish(this.record.published, checkpoint, this.origin, checkpoint.root)
    const { files, layout, keysOf } = this.parts
    const { edge, durable } = this
    const before = this.record.head
    const rows = new IndexRows(keysOf)
    const onBundle = (entries: readonly Uint8Array[], start: number): void => {
      if (rows.count < ROWS_MAX) rows.addBundle(entries, start, before.size, start + entries.length)
    }
    const grown = await ingestFiles({
      files,
      served: layout.served,
      durable,
      source,
      signal,
      edge,
      checkpoint,
      onBundle,
    })
    const head = { size: checkpoint.size, root: checkpoint.root }
    try {
      await durable.flush()
      await this.writeRecord({ head, published: head })
    } catch (error) {
      throw fileFailure(error, `following ${this.origin}`)
    }
    this.edge = grown
    const indexed = rows.count < ROWS_MAX ? this.addToIndex(rows, before, head) : this.caughtUp()
    try {
      await this.publishNow(checkpoint)
    } finally {
      await indexed
    }
  }
}
