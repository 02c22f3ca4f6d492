/**
 * The complete revocation list has one hash, which the newest `head` entry carries: whoever holds the list computes it again, item by
 * item, and so knows that nothing was kept from it. 2-trust.md, "The log".
 */
import { canonicalJson } from '../crypto/canonical-json.ts'
import { domainHash } from '../crypto/domain-hash.ts'
import type { Hex32 } from './fields.ts'

/** One item: a package, or those files of it that have these digests. */
export interface RevokedItem {
  readonly purl: string
  /** Ascending; empty: whatever the bytes. */
  readonly digests: readonly string[]
}

/** The hash of the empty list. */
export const NO_REVOCATIONS: Hex32 = '0'.repeat(64)

/** The hash of the list with `item` added at its end, from the hash before. Items never leave the list. */
export function withRevoked(before: Hex32, { purl, digests }: RevokedItem): Hex32 {
  const item = canonicalJson({ purl, digests })
  return Buffer.from(domainHash('pyrsia/revocations/1', [Buffer.from(before, 'hex'), item])).toString('hex')
}

/** The hash of a complete list in its order. */
export function revocationHash(items: readonly RevokedItem[]): Hex32 {
  return items.reduce(withRevoked, NO_REVOCATIONS)
}
