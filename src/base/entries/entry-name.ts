/** What an entry is called: requests and disputes are referred to by it. */
import { hash } from 'node:crypto'
import { ENTRY_BYTES_MAX } from '../crypto/canonical-json.ts'
import type { Hex32 } from './fields.ts'

/** One buffer for all: an entry is hashed for each thing that is logged. */
const scratch = Buffer.alloc(1 + ENTRY_BYTES_MAX)

/** The hash of the entry's leaf in the log (RFC 6962, 2.1), from its bytes. */
export function entryName(bytes: Uint8Array): Hex32 {
  if (bytes.length > ENTRY_BYTES_MAX) return hash('sha256', Buffer.concat([LEAF, bytes]), 'hex')
  scratch.set(bytes, 1)
  return hash('sha256', scratch.subarray(0, 1 + bytes.length), 'hex')
}

const LEAF = Buffer.of(0)
