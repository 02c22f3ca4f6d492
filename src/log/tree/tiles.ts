/**
 * Tiles (C2SP tlog-tiles, "Merkle Tree"): names, widths, and where in them the hash of a complete subtree is found. Pure; who
 * stores or fetches tiles is elsewhere.
 */
import { AppError } from '../../base/errors.ts'
import { HASH_BYTES, type Hash, nodeHash } from './hash.ts'
import { isSize, type NodeId } from './nodes.ts'

/** Hashes in a full tile, and entries in a full bundle. */
export const TILE_WIDTH = 256
/** Tree levels that one tile spans. */
export const TILE_HEIGHT = 8
/** The highest tile level that a path may name. */
export const TILE_LEVEL_MAX = 63

/** A tile of hashes. `width` is 1 to 256 (full). */
export interface Tile {
  readonly level: number
  readonly index: number
  readonly width: number
}

/** What a path under the log's prefix names: a tile of hashes or a bundle of entries. */
export type TilePath =
  | { readonly kind: 'tile'; readonly tile: Tile }
  | { readonly kind: 'entries'; readonly index: number; readonly width: number }

/** `tile/<L>/<N>[.p/<W>]`, below the log's prefix. @throws usage.log */
export function tilePath({ level, index, width }: Tile): string {
  if (!isSize(level) || level > TILE_LEVEL_MAX) throw new AppError('usage.log', `wanted a tile level, found ${level}`)
  return `tile/${level}/${indexPath(index, width)}`
}

/** `tile/entries/<N>[.p/<W>]`, below the log's prefix. @throws usage.log */
export function entriesPath({ index, width }: { readonly index: number; readonly width: number }): string {
  return `tile/entries/${indexPath(index, width)}`
}

const PATH = /^tile\/(entries|0|[1-9]\d?)\/((?:x\d{3}\/)*)(\d{3})(?:\.p\/([1-9]\d{0,2}))?$/

/** What `path` names, or undefined if it is not exactly the path of something. */
export function parseTilePath(path: string): TilePath | undefined {
  const [, where = '', heads = '', tail = '', partial] = (path.length <= 64 ? PATH.exec(path) : null) ?? []
  if (where === '') return undefined
  const index = Number(heads.replaceAll(/[x/]/g, '') + tail)
  const width = partial === undefined ? TILE_WIDTH : Number(partial)
  if (!isSize(index) || width > TILE_WIDTH || (where !== 'entries' && Number(where) > TILE_LEVEL_MAX)) return undefined
  // One thing has one path: neither leading zeros nor a suffix on what is full.
  if (`tile/${where}/${indexPath(index, width)}` !== path) return undefined
  if (where === 'entries') return { kind: 'entries', index, width }
  return { kind: 'tile', tile: { level: Number(where), index, width } }
}

function indexPath(index: number, width: number): string {
  if (!isSize(index) || !isSize(width) || width === 0 || width > TILE_WIDTH) {
    throw new AppError('usage.log', `wanted a tile's index and width, found ${index} and ${width}`)
  }
  let path = String(index % 1000).padStart(3, '0')
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`
  }
  return width === TILE_WIDTH ? path : `${path}.p/${width}`
}

/** How many hashes a tree of `size` has at a tile level: `floor(size / 256 ** level)`. */
export function hashesAtLevel(size: number, level: number): number {
  return Math.floor(size / TILE_WIDTH ** level)
}

/** The widest form in which a tree of `size` has a tile, or undefined if it has none of it. */
export function tileOfSize(size: number, level: number, index: number): Tile | undefined {
  const width = Math.min(TILE_WIDTH, hashesAtLevel(size, level) - index * TILE_WIDTH)
  return width > 0 ? { level, index, width } : undefined
}

/**
 * The tiles that are written when a tree grows from `size1` to `size2`, lowest level first, left to right: all that become full,
 * and the partial one that each level ends with. @throws usage.log
 */
export function grownTiles(size1: number, size2: number): Tile[] {
  if (!isSize(size1) || !isSize(size2) || size1 > size2) {
    throw new AppError('usage.log', `wanted two sizes in order, found ${size1} and ${size2}`)
  }
  const tiles: Tile[] = []
  for (let level = 0; hashesAtLevel(size2, level) > 0; level += 1) {
    const before = hashesAtLevel(size1, level)
    const after = hashesAtLevel(size2, level)
    if (before === after) break
    for (let index = Math.floor(before / TILE_WIDTH); index * TILE_WIDTH < after; index += 1) {
      tiles.push({ level, index, width: Math.min(TILE_WIDTH, after - index * TILE_WIDTH) })
    }
  }
  return tiles
}

/** The bundles of entries that are written when a tree grows from `size1` to `size2`, left to right. @throws usage.log */
export function grownBundles(size1: number, size2: number): { readonly index: number; readonly width: number }[] {
  return grownTiles(size1, size2)
    .filter(({ level }) => level === 0)
    .map(({ index, width }) => ({ index, width }))
}

/** Where the hash of a complete subtree stands: it is made of `count` hashes of this tile, from `offset` on. */
export function placeOfNode({ level, index }: NodeId): {
  readonly level: number
  readonly index: number
  readonly offset: number
  readonly count: number
} {
  const tileLevel = Math.floor(level / TILE_HEIGHT)
  const count = 2 ** (level % TILE_HEIGHT)
  const first = index * count
  return { level: tileLevel, index: Math.floor(first / TILE_WIDTH), offset: first % TILE_WIDTH, count }
}

/** The hash of a complete subtree, out of the bytes of the tile that `placeOfNode` names. @throws usage.log if it is too short */
export function nodeOfTile(tile: Uint8Array, node: NodeId): Hash {
  const { offset, count } = placeOfNode(node)
  return hashOfRun(tile, offset, count)
}

/** Hash number `at` of a tile. @throws usage.log if it is too short */
export function hashOfTile(tile: Uint8Array, at: number): Hash {
  const hash = tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)
  if (hash.byteLength === HASH_BYTES) return hash
  throw new AppError('usage.log', `wanted ${at + 1} hashes in a tile, found ${tile.byteLength} bytes`)
}

/** The bytes of a tile of these hashes. */
export function encodeTile(hashes: readonly Hash[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * HASH_BYTES)
  for (const [at, hash] of hashes.entries()) bytes.set(hash, at * HASH_BYTES)
  return bytes
}

/** Passes `bytes` if they are as many as a tile of this width has. @throws usage.log */
export function checkTile(bytes: Uint8Array, width: number): Uint8Array {
  if (bytes.byteLength === width * HASH_BYTES) return bytes
  throw new AppError('usage.log', `wanted a tile of ${width * HASH_BYTES} bytes, found ${bytes.byteLength}`)
}

function hashOfRun(tile: Uint8Array, offset: number, count: number): Hash {
  if (count === 1) return hashOfTile(tile, offset)
  return nodeHash(hashOfRun(tile, offset, count / 2), hashOfRun(tile, offset + count / 2, count / 2))
}
