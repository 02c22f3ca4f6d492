/**
 * Where the embedded engine keeps what it has decided: a record per block, from the genesis on, and now and then a snapshot of the state
 * so that a start need not begin at the genesis. `disk-journal.ts` keeps it in files, `memory-journal.ts` is its twin.
 */
import { canonicalJson, type Json, parseCanonicalJson } from '../../base/crypto/canonical-json.ts'
import type { At, Hex32 } from '../../base/entries/fields.ts'
import type { Transaction } from '../../base/entries/transaction.ts'
import { AppError } from '../../base/errors.ts'
import type { Genesis } from '../state.ts'

/** Bytes of a record that are read. */
export const RECORD_BYTES_MAX: number = 64 * 1024 * 1024

/** A durable list of records and the newest snapshot. One process at a time. */
export interface Journal {
  /** Records of these heights, from `height` on. A last one that is torn was never acknowledged and is not there. @throws damaged.snapshot */
  records(height: number): AsyncIterable<Uint8Array>
  /** Adds the record of this height, one more than the last; resolves when it is durable. @throws exhausted.disk, unavailable.storage */
  append(height: number, record: Uint8Array): Promise<void>
  /** The newest snapshot in pieces; undefined if there is none. */
  snapshot(): Iterable<Uint8Array> | undefined
  /** Puts a snapshot of this height in the place of the last. @throws exhausted.disk, unavailable.storage */
  saveSnapshot(height: number, pieces: Iterable<Uint8Array>): Promise<void>
  close(): Promise<void>
}

/** What is written down of a block; `genesis` in block 0 alone. */
export interface BlockRecord extends At {
  readonly network: string
  readonly transactions: readonly Transaction[]
  readonly genesis: Genesis | null
  /** What it must come to. */
  readonly stateRoot: Hex32
  readonly logSize: number
  readonly logRoot: Hex32
}

/** A record's bytes. */
export function encodeRecord(record: BlockRecord): Uint8Array {
  return canonicalJson(record as unknown as Json)
}

/** The record in these bytes, which this engine wrote. @throws damaged.snapshot */
export function decodeRecord(bytes: Uint8Array): BlockRecord {
  try {
    return parseCanonicalJson(bytes, { bytesMax: RECORD_BYTES_MAX }) as unknown as BlockRecord
  } catch (cause) {
    throw new AppError('damaged.snapshot', 'wanted a record of the journal of blocks', { cause })
  }
}
