/**
 * Merkle tree hashing (RFC 6962, section 2.1, SHA-256). Pure; leaves and nodes are told apart by their first byte, so that no
 * node can be passed off as an entry.
 */
import { createHash, hash } from 'node:crypto'

/** A SHA-256 hash: 32 bytes. */
export type Hash = Uint8Array

/** Bytes of a `Hash`. */
export const HASH_BYTES = 32

/** The root of a tree without entries: the hash of the empty string. */
export const EMPTY_ROOT: Hash = sha256(new Uint8Array(0))

const LEAF_PREFIX = Uint8Array.of(0)
const NODE_BYTES = 1 + 2 * HASH_BYTES

/** The hash of an entry's bytes: SHA-256 of 0x00 and the entry. */
export function leafHash(entry: Uint8Array): Hash {
  const digest = createHash('sha256').update(LEAF_PREFIX).update(entry).digest()
  return new Uint8Array(digest.buffer, digest.byteOffset, HASH_BYTES)
}

/** The hash of a node with these children: SHA-256 of 0x01, left, right. */
export function nodeHash(left: Hash, right: Hash): Hash {
  const bytes = new Uint8Array(NODE_BYTES)
  bytes[0] = 1
  bytes.set(left, 1)
  bytes.set(right, 1 + HASH_BYTES)
  return sha256(bytes)
}

/** True if both hold the same bytes. Hashes are public: no need for constant time. */
export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && Buffer.compare(a, b) === 0
}

function sha256(bytes: Uint8Array): Hash {
  const digest = hash('sha256', bytes, 'buffer')
  return new Uint8Array(digest.buffer, digest.byteOffset, HASH_BYTES)
}
