/** What an entry is called: requests and disputes are referred to by it. */
import { hash } from 'node:crypto'
import type { Hex32 } from './fields.ts'

const LEAF = Buffer.of(0)

/** The hash of the entry's leaf in the log (RFC 6962, 2.1), from its bytes. */
export function entryName(bytes: Uint8Array): Hex32 {
  return hash('sha256', Buffer.concat([LEAF, bytes]), 'hex')
}
