/**
 * Fetches what a checkpoint covers beyond a copy's end, and checks it from the top: the right edge against the root, each tile
 * against the one above, each bundle against its tile; so every single file that does not belong is found, and its giver can
 * be blamed. What an earlier, broken off call left on the disk is looked at first, and checked like anything else.
 */
import { join } from 'node:path'
import { AppError, throwIfAborted } from '../../base/errors.ts'
import { type Edge, hashesOfTile, hashOfFullTile, headOf } from '../growth.ts'
import type { AcceptedCheckpoint, TileSource } from '../log.ts'
import { decodeEntries } from '../tree/entry-bundle.ts'
import { type Hash, leafHash, sameHash } from '../tree/hash.ts'
import {
  checkTile,
  encodeTile,
  entriesPath,
  grownBundles,
  grownTiles,
  hashesAtLevel,
  hashOfTile,
  TILE_WIDTH,
  type Tile,
  tilePath,
} from '../tree/tiles.ts'
import type { DurableWriter } from './durable.ts'
import type { LogFiles } from './files.ts'

/** How often a file is asked for: one giver that lies must not keep a copy from growing. */
const ATTEMPTS_MAX = 4
/** Bundles that are under way at the same time. */
const BUNDLES_AT_ONCE = 8

/** What an ingest needs. */
export interface IngestParts {
  readonly files: LogFiles
  readonly served: string
  readonly durable: DurableWriter
  readonly source: TileSource
  readonly signal: AbortSignal
  /** The end of the copy. */
  readonly edge: Edge
  readonly checkpoint: AcceptedCheckpoint
  /** Is given each checked bundle of entries and the index of its first, in any order. */
  onBundle(entries: readonly Uint8Array[], start: number): void
}

/**
 * Puts every new file below `served`, not yet durable, and gives the tree's new edge. @throws untrusted.proof,
 * aborted.caller, errors of the source and the file system
 */
export async function ingestFiles(parts: IngestParts): Promise<Edge> {
  const ingest = new Ingest(parts)
  const edge = await ingest.edge()
  await ingest.upperTiles(edge)
  ingest.checkBeginning()
  await ingest.bundles(edge)
  return edge
}

class Ingest {
  readonly #parts: IngestParts
  /** Checked tiles of level 1 and above, by level and index. */
  readonly #tiles = new Map<string, Uint8Array>()

  constructor(parts: IngestParts) {
    this.#parts = parts
  }

  /** The right edge that the checkpoint's root demands. Its files stand or fall together. */
  async edge(): Promise<Edge> {
    const { checkpoint, source } = this.#parts
    for (let attempt = 1; ; attempt += 1) {
      const asked: string[] = []
      try {
        const edge = await this.#fetchEdge(attempt, asked)
        if (!sameHash(headOf(edge).root, checkpoint.root)) throw this.#refused('its right edge')
        return edge
      } catch (error) {
        if (!isRefusal(error) || attempt === ATTEMPTS_MAX) throw this.#asRefusal(error, 'its right edge')
        for (const path of asked) source.reject(path, error)
      }
    }
  }

  /** Checks and puts the full tiles above the bundles, from the top. */
  async upperTiles(edge: Edge): Promise<void> {
    const { edge: own, checkpoint, durable, served } = this.#parts
    for (const [level, hashes] of edge.levels.entries()) {
      const index = Math.floor(hashesAtLevel(checkpoint.size, level) / TILE_WIDTH)
      if (level > 0 && hashes.length > 0) this.#tiles.set(`${level}/${index}`, encodeTile(hashes))
    }
    const grown = grownTiles(own.size, checkpoint.size).filter(({ level }) => level > 0)
    for (const tile of grown.toReversed()) {
      if (tile.width < TILE_WIDTH) continue
      const wanted = this.#hashOf(tile)
      const bytes = await this.#checked(tilePath(tile), (found) => {
        if (!sameHash(hashOfFullTile(checkTile(found, TILE_WIDTH)), wanted)) throw this.#refused(tilePath(tile))
        return found
      })
      this.#tiles.set(`${tile.level}/${tile.index}`, bytes)
    }
    const files = grown.map((tile) => ({
      path: join(served, tilePath(tile)),
      bytes: this.#tiles.get(`${tile.level}/${tile.index}`) as Uint8Array,
    }))
    await durable.put(files)
  }

  /** Passes if the new tree begins with the copy, as far as tiles above the bundles say; `bundles` looks at the rest. */
  checkBeginning(): void {
    const { edge } = this.#parts
    for (const [level, hashes] of edge.levels.entries()) {
      const tile = this.#tiles.get(`${level}/${Math.floor(hashesAtLevel(edge.size, level) / TILE_WIDTH)}`)
      if (level > 0 && tile !== undefined) this.#checkPrefix(hashes, hashesOfTile(tile, tile.byteLength / 32))
    }
  }

  /** Checks and puts bundles and the tiles of their leaf hashes. */
  async bundles(edge: Edge): Promise<void> {
    const { checkpoint, edge: own } = this.#parts
    const wanted = grownBundles(own.size, checkpoint.size).values()
    let failed = false
    const work = async (): Promise<void> => {
      for (const { index, width } of wanted) {
        if (failed) return
        try {
          await this.#bundle(index, width < TILE_WIDTH ? edge.entries : undefined)
        } catch (error) {
          failed = true
          throw error
        }
      }
    }
    const done = await Promise.allSettled(Array.from({ length: BUNDLES_AT_ONCE }, work))
    for (const result of done) if (result.status === 'rejected') throw result.reason
  }

  /** One bundle; a partial one came with the edge. */
  async #bundle(index: number, known: readonly Uint8Array[] | undefined): Promise<void> {
    const { durable, served, edge } = this.#parts
    const width = known?.length ?? TILE_WIDTH
    const path = entriesPath({ index, width })
    const read = (bytes: Uint8Array) => {
      const entries = decodeEntries(bytes, width)
      const tile = encodeTile(entries.map(leafHash))
      if (known === undefined && !sameHash(hashOfFullTile(tile), this.#hashOf({ level: 0, index }))) {
        throw this.#refused(path)
      }
      return { bytes, entries, tile }
    }
    const { bytes, entries, tile } = await this.#checked(path, read)
    if (index === Math.floor(edge.size / TILE_WIDTH)) this.#checkPrefix(edge.levels[0] ?? [], hashesOfTile(tile, width))
    await durable.put([
      { path: join(served, path), bytes },
      { path: join(served, tilePath({ level: 0, index, width })), bytes: tile },
    ])
    this.#parts.onBundle(entries, index * TILE_WIDTH)
  }

  async #fetchEdge(attempt: number, asked: string[]): Promise<Edge> {
    const { size } = this.#parts.checkpoint
    const levels: Hash[][] = []
    let entries: readonly Uint8Array[] = []
    for (let level = 0; hashesAtLevel(size, level) > 0; level += 1) {
      const count = hashesAtLevel(size, level)
      const index = Math.floor(count / TILE_WIDTH)
      const width = count % TILE_WIDTH
      if (width === 0) levels.push([])
      else if (count === hashesAtLevel(this.#parts.edge.size, level))
        levels.push([...(this.#parts.edge.levels[level] ?? [])])
      else if (level === 0) {
        entries = decodeEntries(await this.#obtain(entriesPath({ index, width }), attempt, asked), width)
        levels.push(entries.map(leafHash))
      } else {
        const tile = checkTile(await this.#obtain(tilePath({ level, index, width }), attempt, asked), width)
        levels.push(hashesOfTile(tile, width))
      }
    }
    return { size, levels, entries }
  }

  /** What `read` makes of a file that it accepts. */
  async #checked<T>(path: string, read: (bytes: Uint8Array) => T): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const asked: string[] = []
      const bytes = await this.#obtain(path, attempt, asked)
      try {
        return read(bytes)
      } catch (error) {
        if (asked.length > 0) this.#parts.source.reject(path, error)
        if (!isRefusal(error) || attempt === ATTEMPTS_MAX) throw this.#asRefusal(error, path)
      }
    }
  }

  async #obtain(path: string, attempt: number, asked: string[]): Promise<Uint8Array> {
    const { files, served, source, signal } = this.#parts
    throwIfAborted(signal)
    const own = attempt === 1 ? await files.read(join(served, path)) : undefined
    if (own !== undefined) return own
    asked.push(path)
    return source.fetch(path, signal)
  }

  /** The hash that the level above has of a full tile. */
  #hashOf({ level, index }: Pick<Tile, 'level' | 'index'>): Hash {
    const above = this.#tiles.get(`${level + 1}/${Math.floor(index / TILE_WIDTH)}`)
    return hashOfTile(above ?? new Uint8Array(0), index % TILE_WIDTH)
  }

  #checkPrefix(own: readonly Hash[], found: readonly Hash[]): void {
    if (own.every((hash, at) => sameHash(hash, found[at] ?? new Uint8Array(0)))) return
    const { checkpoint, edge } = this.#parts
    throw new AppError(
      'untrusted.proof',
      `following ${checkpoint.origin}: its checkpoint of ${checkpoint.size} entries does not begin with the ${edge.size} that are here`,
      { data: { fork: true } },
    )
  }

  #refused(what: string): AppError {
    const { origin, size } = this.#parts.checkpoint
    return new AppError('untrusted.proof', `following ${origin}: ${what} is not what its checkpoint of ${size} says`)
  }

  #asRefusal(error: unknown, what: string): unknown {
    if (!(error instanceof AppError) || error.code !== 'usage.log') return error
    return new AppError('untrusted.proof', this.#refused(what).message, { cause: error })
  }
}

/** True for bytes that are not what they should be; another giver may have the right ones. */
function isRefusal(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'untrusted.proof' || error.code === 'usage.log')
}
