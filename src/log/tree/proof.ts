/**
 * Inclusion and consistency proofs (RFC 6962, 2.1.1 and 2.1.2; verified as RFC 9162, 2.1.3.2 and 2.1.4.2 write it down), and roots.
 * Pure: complete subtrees come from the caller. Sizes go up to 2^53 - 1, so there are no bit operations on them.
 */
import { AppError } from '../../base/errors.ts'
import { HASH_BYTES, type Hash, nodeHash, sameHash } from './hash.ts'
import { consistencyRows, hashOfRow, inclusionRows, isSize, type ReadNode, rootRow } from './nodes.ts'

/** Hashes that a proof may have (tlog-witness). */
export const PROOF_HASHES_MAX = 63

/** The root of the tree of `size` entries. @throws usage.log and what `read` throws */
export function rootOf(size: number, read: ReadNode): Hash {
  return hashOfRow(rootRow(size), read)
}

/** The proof that the tree of `size` holds its entry `index`, the leaf's sibling first. @throws usage.log and what `read` throws */
export function inclusionProof(index: number, size: number, read: ReadNode): Hash[] {
  return inclusionRows(index, size).map((row) => hashOfRow(row, read))
}

/** The proof that the tree of `size1` > 0 is the beginning of that of `size2`. @throws usage.log and what `read` throws */
export function consistencyProof(size1: number, size2: number, read: ReadNode): Hash[] {
  return consistencyRows(size1, size2).map((row) => hashOfRow(row, read))
}

/** What an inclusion proof claims. */
export interface InclusionClaim {
  readonly index: number
  readonly size: number
  readonly leafHash: Hash
  readonly proof: readonly Hash[]
  readonly root: Hash
}

/** Returns only if the proof leads from the leaf to the root. @throws untrusted.proof */
export function verifyInclusion({ index, size, leafHash, proof, root }: InclusionClaim): void {
  if (!isSize(index) || !isSize(size) || index >= size) throw refused(`found index ${index} in a tree of ${size}`)
  checkHashes([leafHash, ...proof])
  let at = index
  let last = size - 1
  let hash = leafHash
  for (const sibling of proof) {
    if (last === 0) throw refused('found more hashes than the tree has levels')
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash)
      while (at % 2 === 0 && at !== 0) {
        at /= 2
        last = Math.floor(last / 2)
      }
    } else hash = nodeHash(hash, sibling)
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  if (last !== 0) throw refused('found fewer hashes than the tree has levels')
  if (!sameHash(hash, root)) throw refused('found another root')
}

/** What a consistency proof claims. */
export interface ConsistencyClaim {
  readonly size1: number
  readonly size2: number
  readonly root1: Hash
  readonly root2: Hash
  readonly proof: readonly Hash[]
}

/**
 * Returns only if the first tree is the beginning of the second. From the empty tree nothing can be proven: every tree begins
 * with it, and a caller that starts from nothing must not ask. @throws untrusted.proof
 */
export function verifyConsistency({ size1, size2, root1, root2, proof }: ConsistencyClaim): void {
  if (!isSize(size1) || !isSize(size2) || size1 === 0 || size1 > size2) {
    throw refused(`found sizes ${size1} and ${size2}`)
  }
  if (size1 === size2) {
    if (proof.length > 0) throw refused('found hashes between trees of one size')
    if (!sameHash(root1, root2)) throw refused('found two roots of one size')
    return
  }
  checkHashes([root1, ...proof])
  let at = size1 - 1
  let last = size2 - 1
  while (at % 2 === 1) {
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  // Where size1 is a power of two its root is a node of the second tree, and the proof leaves it out.
  const [seed, ...rest] = at === 0 ? [root1, ...proof] : proof
  if (seed === undefined || (at === 0 && rest.length === 0)) throw refused('found no hashes')
  let first = seed
  let second = seed
  for (const sibling of rest) {
    if (last === 0) throw refused('found more hashes than the tree has levels')
    if (at % 2 === 1 || at === last) {
      first = nodeHash(sibling, first)
      second = nodeHash(sibling, second)
      while (at % 2 === 0 && at !== 0) {
        at /= 2
        last = Math.floor(last / 2)
      }
    } else second = nodeHash(second, sibling)
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  if (last !== 0) throw refused('found fewer hashes than the tree has levels')
  if (!sameHash(first, root1)) throw refused('found another root of the smaller tree')
  if (!sameHash(second, root2)) throw refused('found another root of the larger tree')
}

/** The bound, and a leaf or root and hashes of the right length: a node hashed over others would say something else. */
function checkHashes(hashes: readonly Hash[]): void {
  if (hashes.length > PROOF_HASHES_MAX + 1) throw refused(`found ${hashes.length - 1} hashes`)
  const bad = hashes.find((hash) => hash.byteLength !== HASH_BYTES)
  if (bad !== undefined) throw refused(`found a hash of ${bad.byteLength} bytes`)
}

function refused(found: string): AppError {
  return new AppError('untrusted.proof', `checking a Merkle proof: ${found}`)
}
