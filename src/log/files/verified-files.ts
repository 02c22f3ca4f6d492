/**
 * The files of a log at one checkpoint, from sources that nobody believes: each is checked against the root before anybody sees
 * it, hash tiles by the hash that the tile above has of them, entries by the hashes in their level 0 tile. So whoever gave a
 * wrong one is known at once, is left, and the file comes from another. C2SP tlog-tiles.
 */
import { AppError, isKind } from '../../base/errors.ts'
import type { TileSource, TreeHead } from '../log.ts'
import { decodeEntries, encodeEntries } from '../tree/entry-bundle.ts'
import { HASH_BYTES, type Hash, leafHash, nodeHash, sameHash } from '../tree/hash.ts'
import type { NodeId, ReadNode } from '../tree/nodes.ts'
import {
  entriesPath,
  hashesAtLevel,
  hashOfTile,
  nodeOfTile,
  parseTilePath,
  placeOfNode,
  TILE_HEIGHT,
  TILE_WIDTH,
  tileOfSize,
  tilePath,
} from '../tree/tiles.ts'
import { type Edge, findEdge, sized } from './edge.ts'
import type { SourcePool } from './source.ts'

/** Full tiles that are kept, of 8 KiB each: the upper ones are asked for again and again. */
const TILES_KEPT = 1024

/** The checked files of one tree. */
export class VerifiedFiles implements TileSource {
  readonly head: TreeHead
  readonly #pool: SourcePool
  readonly #tiles = new Map<string, Promise<Uint8Array>>()
  #edge: Promise<Edge> | undefined

  /** `head` is believed: its signatures were checked. */
  constructor(head: TreeHead, pool: SourcePool) {
    this.head = head
    this.#pool = pool
  }

  /** False once every source was left. */
  usable(): boolean {
    return this.#pool.left().length > 0
  }

  /** A tile or a bundle that this tree has, as `tile/...` names it. @throws unavailable.peer, usage.log for other paths, aborted.caller */
  async fetch(path: string, signal: AbortSignal): Promise<Uint8Array> {
    const found = parseTilePath(path)
    if (found === undefined) throw new AppError('usage.log', `wanted the path of a tile, found ${path.slice(0, 100)}`)
    if (found.kind === 'entries') return await this.bundle(found.index, found.width, signal)
    const { level, index, width } = found.tile
    const tile = await this.tile(level, index, signal)
    const bytes = tile.subarray(0, width * HASH_BYTES)
    return sized(bytes, width, path)
  }

  /** What is given out was checked: that somebody else refuses it blames no source. */
  reject(): void {}

  /** The hashes that the tree has in this tile. @throws unavailable.peer, aborted.caller */
  async tile(level: number, index: number, signal: AbortSignal): Promise<Uint8Array> {
    const tile = tileOfSize(this.head.size, level, index)
    if (tile === undefined)
      throw new AppError('usage.log', `a tree of ${this.head.size} has no tile ${index} of ${level}`)
    if (tile.width < TILE_WIDTH) return (await this.#theEdge(signal)).get(level) ?? new Uint8Array(0)
    const key = `${level}/${index}`
    const kept = this.#tiles.get(key)
    if (kept !== undefined) return await kept
    const reading = this.#fullTile(level, index, signal)
    this.#keep(key, reading)
    return await reading
  }

  /** The first `width` entries of a bundle, encoded. @throws unavailable.peer, aborted.caller */
  async bundle(index: number, width: number, signal: AbortSignal): Promise<Uint8Array> {
    const tile = await this.tile(0, index, signal)
    const path = entriesPath({ index, width })
    try {
      return await this.#checked(path, signal, (bytes) => checkBundle(bytes, width, tile))
    } catch (error) {
      if (width === TILE_WIDTH || !isKind(error, 'unavailable')) throw error
    }
    // Of a partial bundle only the full one may be left, which may hold more than this tree does.
    const fullPath = entriesPath({ index, width: TILE_WIDTH })
    const first = (bytes: Uint8Array): Uint8Array =>
      checkBundle(encodeEntries(decodeEntries(bytes, TILE_WIDTH).slice(0, width)), width, tile)
    return await this.#checked(fullPath, signal, first)
  }

  /** Reads these nodes of the tree: all their tiles are fetched first. @throws unavailable.peer, aborted.caller */
  async nodes(wanted: Iterable<NodeId>, signal: AbortSignal): Promise<ReadNode> {
    const places = new Map([...wanted].map((node) => [keyOf(node), placeOfNode(node)]))
    const read = [...places].map(
      async ([key, { level, index }]) => [key, await this.tile(level, index, signal)] as const,
    )
    const tiles = new Map(await Promise.all(read))
    return (level, index) => nodeOfTile(tiles.get(keyOf({ level, index })) ?? new Uint8Array(0), { level, index })
  }

  async #fullTile(level: number, index: number, signal: AbortSignal): Promise<Uint8Array> {
    if (hashesAtLevel(this.head.size, level + 1) <= index) {
      throw new AppError('bug.assertion', `the tile ${index} of level ${level} has nothing above it`)
    }
    const above = await this.tile(level + 1, Math.floor(index / TILE_WIDTH), signal)
    const wanted = Uint8Array.from(hashOfTile(above, index % TILE_WIDTH))
    return await this.#checked(tilePath({ level, index, width: TILE_WIDTH }), signal, (bytes) =>
      checkFullTile(bytes, wanted),
    )
  }

  /** Asks until somebody gives what passes. */
  async #checked(path: string, signal: AbortSignal, check: (bytes: Uint8Array) => Uint8Array): Promise<Uint8Array> {
    for (;;) {
      const bytes = await this.#pool.fetch(path, signal)
      try {
        return check(bytes)
      } catch (error) {
        if (!isKind(error, 'untrusted') && !isKind(error, 'usage')) throw error
        this.#pool.reject(path, error)
      }
    }
  }

  async #theEdge(signal: AbortSignal): Promise<Edge> {
    this.#edge ??= findEdge(this.head, this.#pool, signal)
    try {
      return await this.#edge
    } catch (error) {
      this.#edge = undefined
      throw error
    }
  }

  #keep(key: string, reading: Promise<Uint8Array>): void {
    const oldest = this.#tiles.size >= TILES_KEPT ? this.#tiles.keys().next().value : undefined
    if (oldest !== undefined) this.#tiles.delete(oldest)
    this.#tiles.set(key, reading)
    reading.catch(() => this.#tiles.delete(key))
  }
}

function keyOf(node: NodeId): string {
  const { level, index } = placeOfNode(node)
  return `${level}/${index}`
}

/** @throws untrusted.proof */
function checkFullTile(bytes: Uint8Array, wanted: Hash): Uint8Array {
  const tile = sized(bytes, TILE_WIDTH, 'a tile')
  const half = (index: number): Hash => nodeOfTile(tile, { level: TILE_HEIGHT - 1, index })
  if (sameHash(nodeHash(half(0), half(1)), wanted)) return tile
  throw new AppError('untrusted.proof', 'found hashes that do not lead to the root')
}

/** @throws untrusted.proof, usage.log */
function checkBundle(bytes: Uint8Array, width: number, tile: Uint8Array): Uint8Array {
  for (const [at, entry] of decodeEntries(bytes, width).entries()) {
    if (!sameHash(leafHash(entry), hashOfTile(tile, at))) {
      throw new AppError('untrusted.proof', `found another entry ${at} of the bundle than the tree has`)
    }
  }
  return bytes
}
