/**
 * The state tree: keys and values in bytes, an immutable map whose root hash depends on what it holds and on nothing else, so that two
 * authorities that did the same in another order compare one hash. Keys are placed by the SHA-256 of the key, two bits a level; up to
 * `BUCKET_MAX` entries share a leaf. A change copies a path; hashes are made when the root is asked for, and kept.
 */
import { hash } from 'node:crypto'
import { type Pair, pack, pairsOf, valueIn, withoutKey, withPair } from './bucket.ts'

/** Entries that one leaf holds at most. Part of the format: another number gives other roots. */
export const BUCKET_MAX = 16

/** A leaf with some entries. */
export interface Bucket {
  readonly bytes: Buffer
  readonly count: number
  /** 32 bytes as latin1 text, which takes a fifth of the room of a buffer; made on demand. */
  digest: string | undefined
}

/** Four subtrees that together hold more than a leaf may. */
export interface Branch {
  readonly children: readonly (TreeNode | undefined)[]
  readonly count: number
  /** As a bucket's. */
  digest: string | undefined
}

/** Part of a tree. */
export type TreeNode = Bucket | Branch

/** A tree; undefined is the empty one. Values of this type never change. */
export type Tree = TreeNode | undefined

/** What the empty tree hashes to. */
export const EMPTY_TREE_ROOT: Uint8Array = new Uint8Array(32)

/** How many entries there are. */
export function countOf(tree: Tree): number {
  return tree?.count ?? 0
}

/** The value of `key`: a view that must not be written to. */
export function getValue(tree: Tree, key: Uint8Array): Uint8Array | undefined {
  let node = tree
  if (node === undefined) return undefined
  const path = 'children' in node ? pathOf(key) : undefined
  for (let depth = 0; node !== undefined && path !== undefined && 'children' in node; depth += 1) {
    node = node.children[turn(path, depth)]
  }
  return node !== undefined && 'bytes' in node ? valueIn(node.bytes, key) : undefined
}

/** The tree with `key` set to `value`. */
export function setValue(tree: Tree, key: Uint8Array, value: Uint8Array): TreeNode {
  return set(tree, { key, value }, undefined, 0)
}

/** The tree without `key`. */
export function deleteValue(tree: Tree, key: Uint8Array): Tree {
  return tree === undefined ? undefined : remove(tree, key, undefined, 0)
}

/** The root hash, 32 bytes. */
export function rootOf(tree: Tree): Uint8Array {
  return tree === undefined ? EMPTY_TREE_ROOT : Buffer.from(digestOf(tree), 'latin1')
}

/** All entries, in the order of the tree. */
export function* entriesOf(tree: Tree): Generator<Pair> {
  if (tree === undefined) return
  if ('bytes' in tree) yield* pairsOf(tree.bytes)
  else for (const child of tree.children) yield* entriesOf(child)
}

function pathOf(key: Uint8Array): Buffer {
  return hash('sha256', key, 'buffer')
}

/** Which of four at this depth. */
function turn(path: Buffer, depth: number): number {
  return ((path[depth >> 2] ?? 0) >> (6 - 2 * (depth & 3))) & 3
}

function set(node: Tree, pair: Pair, known: Buffer | undefined, depth: number): TreeNode {
  if (node === undefined) return { bytes: pack([pair]), count: 1, digest: undefined }
  if ('bytes' in node) {
    const { bytes, added } = withPair(node.bytes, pair.key, pair.value)
    const count = node.count + (added ? 1 : 0)
    return count <= BUCKET_MAX ? { bytes, count, digest: undefined } : split([...pairsOf(bytes)], depth)
  }
  const path = known ?? pathOf(pair.key)
  const at = turn(path, depth)
  const before = node.children[at]
  const after = set(before, pair, path, depth + 1)
  return {
    children: node.children.with(at, after),
    count: node.count + after.count - countOf(before),
    digest: undefined,
  }
}

function split(pairs: readonly Pair[], depth: number): TreeNode {
  if (pairs.length <= BUCKET_MAX) return { bytes: pack(pairs), count: pairs.length, digest: undefined }
  const groups: Pair[][] = [[], [], [], []]
  for (const pair of pairs) groups[turn(pathOf(pair.key), depth)]?.push(pair)
  const children = groups.map((group) => (group.length === 0 ? undefined : split(group, depth + 1)))
  return { children, count: pairs.length, digest: undefined }
}

function remove(node: TreeNode, key: Uint8Array, known: Buffer | undefined, depth: number): Tree {
  if ('bytes' in node) {
    const bytes = withoutKey(node.bytes, key)
    if (bytes === undefined) return node
    return bytes.length === 0 ? undefined : { bytes, count: node.count - 1, digest: undefined }
  }
  const path = known ?? pathOf(key)
  const at = turn(path, depth)
  const before = node.children[at]
  const after = before === undefined ? undefined : remove(before, key, path, depth + 1)
  if (after === before) return node
  const made: Branch = { children: node.children.with(at, after), count: node.count - 1, digest: undefined }
  // What fits into a leaf is one: else the root would tell that there once was more.
  if (made.count > BUCKET_MAX) return made
  return { bytes: pack(entriesOf(made)), count: made.count, digest: undefined }
}

function digestOf(node: TreeNode): string {
  node.digest ??= 'bytes' in node ? leafDigest(node.bytes) : hash('sha256', branchBytes(node), 'binary')
  return node.digest
}

/** One buffer for all leaves: a copy for each would leave a heap of garbage behind a snapshot that is read. */
const scratch = Buffer.alloc(64 * 1024)

function leafDigest(bytes: Buffer): string {
  if (bytes.length >= scratch.length) return hash('sha256', Buffer.concat([LEAF, bytes]), 'binary')
  scratch[0] = 0
  scratch.set(bytes, 1)
  return hash('sha256', scratch.subarray(0, bytes.length + 1), 'binary')
}

function branchBytes({ children }: Branch): Buffer {
  const [first, second, third, fourth] = children.map(childDigest)
  return Buffer.from(`\u0001${first}${second}${third}${fourth}`, 'latin1')
}

function childDigest(child: Tree): string {
  return child === undefined ? NOTHING : digestOf(child)
}

const LEAF = Buffer.of(0)
const NOTHING = Buffer.from(EMPTY_TREE_ROOT).toString('latin1')
