/**
 * A state tree as bytes and back: a tree in pre-order, leaves as they are in memory. Reading does not trust them: whoever restores a
 * snapshot compares the root, which covers every byte and the shape.
 */
import { AppError } from '../../base/errors.ts'
import { countIn } from './bucket.ts'
import type { Bucket, Tree, TreeNode } from './tree.ts'

const LEAF = 0
const BRANCH = 1
const EMPTY = 2
/** Deeper than keys have bits there is nothing. */
const DEPTH_MAX = 128
/** Bytes of one leaf that are believed. */
const LEAF_BYTES_MAX = 16 * 1024 * 1024

/** The tree as pieces of bytes: for a leaf 0, its length (4 bytes), it; for a branch 1, 1 byte of which children there are, they; 2 for nothing. */
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
    yield Buffer.of(
      BRANCH,
      tree.children.reduce((bits, child, at) => bits | (child === undefined ? 0 : 1 << at), 0),
    )
    for (const child of tree.children) if (child !== undefined) yield* dumpTree(child)
  }
}

/** Reads bytes in order, in pieces of any size, each of which is used up before the next is asked for. */
export interface ByteReader {
  /** The next byte. @throws damaged.snapshot at the end, as all of these */
  byte(): number
  /** The next 4 bytes as a number, big-endian. */
  uint32(): number
  /** The next `length` bytes, copied. */
  take(length: number): Buffer<ArrayBuffer>
  /** True if nothing is left. */
  atEnd(): boolean
}

/** Copies share memory of this size: an allocation of its own for each leaf would cost half as much as the leaf. */
const SLAB_BYTES = 64 * 1024

/** A reader of these pieces, which are asked for one after the other. */
export function readerOf(pieces: Iterable<Uint8Array>): ByteReader {
  return new PieceReader(pieces[Symbol.iterator]())
}

class PieceReader implements ByteReader {
  readonly #pieces: Iterator<Uint8Array>
  #piece: Uint8Array = new Uint8Array()
  #at = 0
  #slab: Buffer<ArrayBuffer> = Buffer.alloc(0)
  #slabAt = 0

  constructor(pieces: Iterator<Uint8Array>) {
    this.#pieces = pieces
  }

  byte(): number {
    if (this.atEnd()) throw new AppError('damaged.snapshot', 'wanted more bytes of a snapshot, found its end')
    const byte = this.#piece[this.#at] ?? 0
    this.#at += 1
    return byte
  }

  uint32(): number {
    return this.byte() * 2 ** 24 + this.byte() * 2 ** 16 + this.byte() * 2 ** 8 + this.byte()
  }

  take(length: number): Buffer<ArrayBuffer> {
    const made = this.#room(length)
    for (let filled = 0; filled < length; ) {
      if (this.atEnd()) {
        throw new AppError('damaged.snapshot', `wanted ${length} more bytes of a snapshot, found ${filled}`)
      }
      const part = this.#piece.subarray(this.#at, this.#at + length - filled)
      made.set(part, filled)
      filled += part.length
      this.#at += part.length
    }
    return made
  }

  atEnd(): boolean {
    while (this.#at === this.#piece.length) {
      const next = this.#pieces.next()
      if (next.done === true) return true
      this.#piece = next.value
      this.#at = 0
    }
    return false
  }

  #room(length: number): Buffer<ArrayBuffer> {
    if (length > SLAB_BYTES / 4) return Buffer.allocUnsafeSlow(length)
    if (this.#slabAt + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.#slabAt = 0
    }
    this.#slabAt += length
    return this.#slab.subarray(this.#slabAt - length, this.#slabAt)
  }
}

/** A leaf that keeps no view of its memory: the views of a million entries take more room than all else beside their bytes. */
class RestoredBucket implements Bucket {
  readonly count: number
  digest: string | undefined = undefined
  readonly #memory: ArrayBuffer
  readonly #offset: number
  readonly #length: number

  constructor({ buffer, byteOffset, length }: Buffer<ArrayBuffer>, count: number) {
    this.#memory = buffer
    this.#offset = byteOffset
    this.#length = length
    this.count = count
  }

  get bytes(): Buffer {
    return Buffer.from(this.#memory, this.#offset, this.#length)
  }
}

/** The next tree of a reader. @throws damaged.snapshot */
export function loadTree(reader: ByteReader, depth = 0): Tree {
  const kind = reader.byte()
  if (kind === EMPTY && depth === 0) return undefined
  if (kind === LEAF) {
    const length = reader.uint32()
    if (length > LEAF_BYTES_MAX) throw new AppError('damaged.snapshot', `found a leaf of ${length} bytes in a snapshot`)
    const bytes = reader.take(length)
    const count = countIn(bytes)
    if (count === undefined) throw new AppError('damaged.snapshot', 'found a leaf with a torn entry in a snapshot')
    return new RestoredBucket(bytes, count)
  }
  if (kind !== BRANCH || depth > DEPTH_MAX)
    throw new AppError('damaged.snapshot', `found no tree in a snapshot: ${kind}`)
  const bits = reader.byte()
  const children: (TreeNode | undefined)[] = []
  let count = 0
  for (let at = 0; at < 4; at += 1) {
    const child = (bits >> at) % 2 === 1 ? loadTree(reader, depth + 1) : undefined
    children.push(child)
    count += child?.count ?? 0
  }
  return { children, count, digest: undefined }
}
