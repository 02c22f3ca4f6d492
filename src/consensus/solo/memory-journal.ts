/** The journal in memory: the twin of `disk-journal.ts`. It outlives the engine that writes it, as files do. */
import type { Journal } from './journal.ts'

/** An empty journal. */
export function createMemoryJournal(): Journal {
  const records: Uint8Array[] = []
  let pieces: Uint8Array[] | undefined
  return {
    async *records(height) {
      for (const record of records.slice(height)) yield record
    },
    async append(height, record) {
      records[height] = Uint8Array.from(record)
    },
    snapshot: () => pieces,
    async saveSnapshot(_height, given) {
      pieces = [...given].map((piece) => Uint8Array.from(piece))
    },
    async close() {},
  }
}
