/**
 * A state tree as bytes and back: a tree in pre-order, leaves as they are in memory. Reading does not trust them: whoever restores a
 * snapshot compares the root, which covers every byte and the shape.
 */
import { AppError } from '../../base/errors.ts'
import { countIn } from './bucket.ts'
import type { Tree, TreeNode } from './tree.ts'

const LEAF = 0
const BRANCH = 1
const EMPTY = 2
/** Deeper than keys have bits there is nothing. */
const DEPTH_MAX = 64
/** Bytes of one leaf that are believed. */
const LEAF_BYTES_MAX = 16 * 1024 * 1024

/** The tree as pieces of bytes: for a leaf 0, its length (4 bytes), it; for a branch 1, 2 bytes of which children there are, they; 2 for nothing. */
export function* dumpTree(tree: Tree): Generator<Uint8Array> {
  if (tree === undefined) {
    yield Buffer.of(EMPTY)
  } else if ('bytes' in tree) {
    const head = Buffer.alloc(5)
    head.writeUInt8(LEAF, 0)
    head.writeUInt32BE(tree.bytes.length, 1)
    yield head
    yield tree.bytes
  } else {
    const head = Buffer.alloc(3)
    head.writeUInt8(BRANCH, 0)
    head.writeUInt16BE(
      tree.children.reduce((bits, child, at) => bits | (child === undefined ? 0 : 1 << at), 0),
      1,
    )
    yield head
    for (const child of tree.children) if (child !== undefined) yield* dumpTree(child)
  }
}

/** Reads bytes in order, in pieces of any size. */
export interface ByteReader {
  /** The next `length` bytes, as bytes of their own. @throws damaged.snapshot if there are fewer */
  take(length: number): Buffer
  /** True if nothing is left. */
  atEnd(): boolean
}

/** A reader of these pieces, which are asked for one after the other. */
export function readerOf(pieces: Iterable<Uint8Array>): ByteReader {
  const iterator = pieces[Symbol.iterator]()
  let piece: Uint8Array = new Uint8Array()
  let at = 0
  const refill = () => {
    while (at === piece.length) {
      const next = iterator.next()
      if (next.done === true) return false
      piece = next.value
      at = 0
    }
    return true
  }
  return {
    take(length) {
      const made = Buffer.allocUnsafeSlow(length)
      for (let filled = 0; filled < length; ) {
        if (!refill())
          throw new AppError('damaged.snapshot', `wanted ${length} more bytes of a snapshot, found ${filled}`)
        const part = piece.subarray(at, at + length - filled)
        made.set(part, filled)
        filled += part.length
        at += part.length
      }
      return made
    },
    atEnd: () => !refill(),
  }
}

/** The next tree of a reader. @throws damaged.snapshot */
export function loadTree(reader: ByteReader, depth = 0): Tree {
  const kind = reader.take(1).readUInt8()
  if (kind === EMPTY && depth === 0) return undefined
  if (kind === LEAF) {
    const length = reader.take(4).readUInt32BE()
    if (length > LEAF_BYTES_MAX) throw new AppError('damaged.snapshot', `found a leaf of ${length} bytes in a snapshot`)
    const bytes = reader.take(length)
    const count = countIn(bytes)
    if (count === undefined) throw new AppError('damaged.snapshot', 'found a leaf with a torn entry in a snapshot')
    return { bytes, count, digest: undefined }
  }
  if (kind !== BRANCH || depth > DEPTH_MAX)
    throw new AppError('damaged.snapshot', `found no tree in a snapshot: ${kind}`)
  const bits = reader.take(2).readUInt16BE()
  const children: (TreeNode | undefined)[] = []
  let count = 0
  for (let at = 0; at < 16; at += 1) {
    const child = (bits >> at) % 2 === 1 ? loadTree(reader, depth + 1) : undefined
    children.push(child)
    count += child?.count ?? 0
  }
  return { children, count, digest: undefined }
}
