/**
 * The right edge of a tree: the partial tile of each level. All its hashes together make the root, so they are checked together,
 * and have to come from one source: whoever's root is another gave wrong ones. C2SP tlog-tiles, "Partial Tiles".
 */
import { AppError, isKind } from '../../base/errors.ts'
import type { TreeHead } from '../log.ts'
import { HASH_BYTES, sameHash } from '../tree/hash.ts'
import { rootOf } from '../tree/proof.ts'
import { checkTile, hashesAtLevel, nodeOfTile, placeOfNode, TILE_WIDTH, type Tile, tilePath } from '../tree/tiles.ts'
import { bytesMaxOf, type LogSource, type SourcePool } from './source.ts'

/** The bytes of the partial tile of each level that has one. */
export type Edge = ReadonlyMap<number, Uint8Array>

/**
 * The edge of this tree from the first source that has the right one; who gives another is left.
 * @throws unavailable.peer if nobody has it, aborted.caller
 */
export async function findEdge(head: TreeHead, pool: SourcePool, signal: AbortSignal): Promise<Edge> {
  const tiles = edgeTiles(head.size)
  for (const source of pool.left()) {
    try {
      return await readEdge(head, tiles, source, signal)
    } catch (error) {
      if (isKind(error, 'untrusted') || (error instanceof AppError && error.code === 'exhausted.size')) {
        pool.leave(source, error.message)
      } else if (!isKind(error, 'unavailable') && !isKind(error, 'exhausted')) throw error
    }
  }
  throw new AppError('unavailable.peer', `nobody has the log at the size ${head.size}`)
}

function edgeTiles(size: number): Tile[] {
  const tiles: Tile[] = []
  for (let level = 0; hashesAtLevel(size, level) > 0; level += 1) {
    const hashes = hashesAtLevel(size, level)
    const width = hashes % TILE_WIDTH
    if (width > 0) tiles.push({ level, index: Math.floor(hashes / TILE_WIDTH), width })
  }
  return tiles
}

async function readEdge(
  { size, root }: TreeHead,
  tiles: readonly Tile[],
  source: LogSource,
  signal: AbortSignal,
): Promise<Edge> {
  const read = await Promise.all(
    tiles.map(async (tile) => [tile.level, await readPartial(tile, source, signal)] as const),
  )
  const edge = new Map(read)
  const found = rootOf(size, (level, index) =>
    nodeOfTile(edge.get(placeOfNode({ level, index }).level) ?? new Uint8Array(0), { level, index }),
  )
  if (sameHash(found, root)) return edge
  throw new AppError('untrusted.proof', `the tiles of ${source.name} are not those of the tree of ${size}`)
}

/** A partial tile may be gone once the full one is there, which begins with it. */
async function readPartial(tile: Tile, source: LogSource, signal: AbortSignal): Promise<Uint8Array> {
  const path = tilePath(tile)
  const found = await source.fetch(path, { bytesMax: bytesMaxOf(path), signal })
  if (found !== undefined) return sized(found, tile.width, path)
  const fullPath = tilePath({ ...tile, width: TILE_WIDTH })
  const full = await source.fetch(fullPath, { bytesMax: bytesMaxOf(fullPath), signal })
  if (full === undefined) throw new AppError('unavailable.peer', `${source.name} has no ${path} of the log`)
  return sized(full, TILE_WIDTH, fullPath).subarray(0, tile.width * HASH_BYTES)
}

/** Passes a tile of `width` hashes. @throws untrusted.proof */
export function sized(bytes: Uint8Array, width: number, path: string): Uint8Array {
  try {
    return checkTile(bytes, width)
  } catch (cause) {
    throw new AppError('untrusted.proof', `${path} of the log has another size`, { cause })
  }
}
