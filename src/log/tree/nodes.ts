/**
 * Which complete subtrees a proof is made of (RFC 6962, 2.1.1 and 2.1.2). Each hash of a proof covers a run of entries, and each
 * run is a row of complete subtrees, which is what tiles hold: whoever reads them from elsewhere learns here what to read, in
 * one go, before any hashing.
 */
import { AppError } from '../../base/errors.ts'
import { EMPTY_ROOT, type Hash, nodeHash } from './hash.ts'

/** A complete subtree: `2 ** level` entries, the first of which is `index * 2 ** level`. */
export interface NodeId {
  readonly level: number
  readonly index: number
}

/** Gives the hash of a complete subtree; throws if it has none. */
export type ReadNode = (level: number, index: number) => Hash

/** Complete subtrees that make one hash together, left to right. */
export type Row = readonly NodeId[]

/** The rows of an inclusion proof for entry `index` in the tree of `size`, from the leaf's sibling up. @throws usage.log */
export function inclusionRows(index: number, size: number): Row[] {
  if (!isSize(index) || !isSize(size) || index >= size) {
    throw new AppError('usage.log', `wanted an index below the tree's size, found ${index} of ${size}`)
  }
  const rows: Row[] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start)
    rows.push(index < middle ? rowOf(middle, end) : rowOf(start, middle))
    if (index < middle) end = middle
    else start = middle
  }
  return rows.reverse()
}

/** The rows of a consistency proof between trees of these sizes, 0 < size1 <= size2. @throws usage.log */
export function consistencyRows(size1: number, size2: number): Row[] {
  if (!isSize(size1) || !isSize(size2) || size1 === 0 || size1 > size2) {
    throw new AppError('usage.log', `wanted two sizes in order and above zero, found ${size1} and ${size2}`)
  }
  const rows: Row[] = []
  let start = 0
  let end = size2
  let whole = true
  while (size1 !== end) {
    const middle = start + largestPowerBelow(end - start)
    rows.push(size1 <= middle ? rowOf(middle, end) : rowOf(start, middle))
    if (size1 <= middle) end = middle
    else {
      start = middle
      whole = false
    }
  }
  if (!whole) rows.push(rowOf(start, end))
  return rows.reverse()
}

/** The row whose hash is the root of the tree of `size`; empty for the empty tree. @throws usage.log */
export function rootRow(size: number): Row {
  if (!isSize(size)) throw new AppError('usage.log', `wanted a tree size, found ${size}`)
  return rowOf(0, size)
}

/** The hash that the subtrees of a row make together. */
export function hashOfRow(row: Row, read: ReadNode): Hash {
  let hash: Hash | undefined
  for (let at = row.length - 1; at >= 0; at -= 1) {
    const { level, index } = row[at] as NodeId
    const left = read(level, index)
    hash = hash === undefined ? left : nodeHash(left, hash)
  }
  return hash ?? EMPTY_ROOT
}

/** True for sizes and indexes: whole numbers from 0 up to 2^53 - 1. */
export function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/** The largest power of two below `count`, which is at least 2. */
function largestPowerBelow(count: number): number {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}

/** The complete subtrees of the entries from `start` to `end`, largest first; `start` is a multiple of a power of two >= the run. */
function rowOf(start: number, end: number): NodeId[] {
  const row: NodeId[] = []
  let at = start
  for (let level = 53; level >= 0; level -= 1) {
    const width = 2 ** level
    if (end - at < width) continue
    row.push({ level, index: at / width })
    at += width
  }
  return row
}
