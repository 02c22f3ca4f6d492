/** Reads tiles, bundles and proofs of a log out of its files. What it cannot find or read there is the log's own damage. */
import { join } from 'node:path'
import { AppError } from '../../base/errors.ts'
import type { EntryPlace } from '../index/rows.ts'
import { decodeEntries } from '../tree/entry-bundle.ts'
import { HASH_BYTES, type Hash, leafHash, sameHash } from '../tree/hash.ts'
import { hashOfRow, type NodeId, type Row } from '../tree/nodes.ts'
import {
  checkTile,
  entriesPath,
  hashOfTile,
  nodeOfTile,
  placeOfNode,
  TILE_WIDTH,
  tileOfSize,
  tilePath,
} from '../tree/tiles.ts'
import type { LogFiles } from './files.ts'

/** Decoded bundles that are kept: a reader often wants the next entry. */
const BUNDLES_MAX = 4
/** Full tiles that are kept: proofs of one time share most of theirs. */
const TILES_MAX = 128

/** Reads the files of one log. */
export class TileReader {
  readonly #files: LogFiles
  readonly #served: string
  readonly #size: () => number
  readonly #bundles = new Map<string, Uint8Array[]>()
  readonly #tiles = new Map<string, Uint8Array>()

  /** `size`: how many entries are durable, at any moment. */
  constructor(files: LogFiles, served: string, size: () => number) {
    this.#files = files
    this.#served = served
    this.#size = size
  }

  /** The widest form of a tile. @throws damaged.log */
  async tile(level: number, index: number): Promise<Uint8Array> {
    const name = `${level}/${index}`
    const kept = this.#tiles.get(name)
    if (kept !== undefined) return kept
    const { bytes, width } = await this.#widest(level, index, (at) => tilePath({ level, index, width: at }))
    const tile = damagedUnless(() => checkTile(bytes, width), `tile ${name}`)
    if (width === TILE_WIDTH) keep(this.#tiles, TILES_MAX, name, tile)
    return tile
  }

  /** The bytes of the widest form of a bundle. @throws damaged.log */
  async bundle(index: number): Promise<Uint8Array> {
    return (await this.#widest(0, index, (width) => entriesPath({ index, width }))).bytes
  }

  /** The entries of a bundle, at least `width`, each of them the one that the tree has. @throws damaged.log */
  async entries(index: number, width: number): Promise<readonly Uint8Array[]> {
    const name = String(index)
    const kept = this.#bundles.get(name)
    if (kept !== undefined && kept.length >= width) return kept
    const found = await this.#widest(0, index, (at) => entriesPath({ index, width: at }))
    const tile = await this.tile(0, index)
    const entries = damagedUnless(() => decodeEntries(found.bytes, found.width), `bundle ${index}`)
    for (const [at, entry] of entries.entries()) {
      if (!sameHash(leafHash(entry), hashOfTile(tile, at))) throw notTheEntry(index * TILE_WIDTH + at)
    }
    keep(this.#bundles, BUNDLES_MAX, name, entries)
    return entries
  }

  /** The entry at a place that the index stated, at once; undefined if it stated wrongly. @throws damaged.log */
  entryNow({ index, offset, length }: EntryPlace): Uint8Array | undefined {
    const bundle = Math.floor(index / TILE_WIDTH)
    const width = tileOfSize(this.#size(), 0, bundle)?.width
    if (width === undefined) return undefined
    const entry = this.#files.readNow(join(this.#served, entriesPath({ index: bundle, width })), offset, length)
    const at = (index % TILE_WIDTH) * HASH_BYTES
    const path = join(this.#served, tilePath({ level: 0, index: bundle, width }))
    const hash = this.#files.readNow(path, at, HASH_BYTES)
    if (entry === undefined || hash === undefined) throw missing(path)
    return sameHash(leafHash(entry), hash) ? entry : undefined
  }

  /** The hashes that rows of complete subtrees make. @throws damaged.log */
  async hashes(rows: readonly Row[]): Promise<Hash[]> {
    const tiles = new Map<string, Uint8Array>()
    const places = new Map(rows.flat().map((node) => [nameOf(node), placeOfNode(node)] as const))
    await Promise.all(
      [...places].map(async ([name, { level, index }]) => tiles.set(name, await this.tile(level, index))),
    )
    const read = (level: number, index: number): Hash => {
      const node = { level, index }
      return nodeOfTile(tiles.get(nameOf(node)) as Uint8Array, node)
    }
    return rows.map((row) => damagedUnless(() => Uint8Array.from(hashOfRow(row, read)), 'tiles'))
  }

  /** Partial files go when their full one is there, so who looked at the size before must look again. */
  async #widest(
    level: number,
    index: number,
    pathOf: (width: number) => string,
  ): Promise<{ readonly bytes: Uint8Array; readonly width: number }> {
    for (;;) {
      const size = this.#size()
      const width = tileOfSize(size, level, index)?.width
      if (width === undefined) throw missing(`tile ${level}/${index}`)
      const path = join(this.#served, pathOf(width))
      const bytes = await this.#files.read(path)
      if (bytes !== undefined) return { bytes, width }
      if (this.#size() === size) throw missing(path)
    }
  }
}

function nameOf(node: NodeId): string {
  const { level, index } = placeOfNode(node)
  return `${level}/${index}`
}

function keep<T>(cache: Map<string, T>, countMax: number, name: string, value: T): void {
  cache.delete(name)
  for (const oldest of cache.keys()) {
    if (cache.size < countMax) break
    cache.delete(oldest)
  }
  cache.set(name, value)
}

function damagedUnless<T>(read: () => T, what: string): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof AppError && error.code === 'damaged.log'
      ? error
      : new AppError('damaged.log', `reading the log: ${what} cannot be read`, { cause: error })
  }
}

function missing(path: string): AppError {
  return new AppError('damaged.log', `reading the log: ${path} is missing`, { data: { path } })
}

/** @returns the error for an entry that is not the one in the tree */
export function notTheEntry(index: number): AppError {
  return new AppError('damaged.log', `reading the log: entry ${index} is not the one that the tree has`, {
    data: { index },
  })
}
