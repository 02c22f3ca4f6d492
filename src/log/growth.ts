/**
 * How a tree grows: its right edge, and the files that come out of appending entries (C2SP tlog-tiles). Pure: the appender, the
 * followers' copy and consensus' "what would the root be" all go through `grow`, so they cannot disagree.
 */

import type { TreeHead } from './log.ts'
import { encodeEntries } from './tree/entry-bundle.ts'
import { type Hash, leafHash, nodeHash } from './tree/hash.ts'
import { rootOf } from './tree/proof.ts'
import { encodeTile, entriesPath, hashOfTile, nodeOfTile, placeOfNode, TILE_WIDTH, tilePath } from './tree/tiles.ts'

/** The unfinished end of a tree: all that is needed to go on. Never changed once made. */
export interface Edge {
  readonly size: number
  /** Per tile level the hashes of its partial tile, fewer than 256 each. */
  readonly levels: readonly (readonly Hash[])[]
  /** The entries of the partial bundle. */
  readonly entries: readonly Uint8Array[]
}

/** The edge of the empty tree. */
export const EMPTY_EDGE: Edge = { size: 0, levels: [], entries: [] }

/** A file of the log: its path below the log's prefix, and its bytes. */
export interface LogFile {
  readonly path: string
  readonly bytes: Uint8Array
}

/** What appending comes to. */
export interface Growth {
  readonly edge: Edge
  readonly head: TreeHead
  /** Every file that is new or wider, in no order that matters. */
  readonly files: readonly LogFile[]
}

/** The tree after `entries` were appended to `edge`. @throws usage.log for an entry that is too long */
export function grow(edge: Edge, entries: readonly Uint8Array[]): Growth {
  const leaves = entries.map(leafHash)
  const files = bundleFiles(edge, entries)
  const levels = growLevels(edge, leaves, files)
  const whole = [...edge.entries, ...entries]
  const size = edge.size + entries.length
  const grown: Edge = { size, levels, entries: whole.slice(whole.length - (size % TILE_WIDTH)) }
  return { edge: grown, head: headOf(grown), files }
}

/** What `grow` says of the head, without making files. */
export function headAfter(edge: Edge, entries: readonly Uint8Array[]): TreeHead {
  const levels = growLevels(edge, entries.map(leafHash), [])
  return headOf({ size: edge.size + entries.length, levels, entries: [] })
}

/** The size and root of the tree that ends so. */
export function headOf(edge: Edge): TreeHead {
  const tiles = edge.levels.map(encodeTile)
  const root = rootOf(edge.size, (level, index) => {
    const tile = tiles[placeOfNode({ level, index }).level]
    return nodeOfTile(tile ?? new Uint8Array(0), { level, index })
  })
  return { size: edge.size, root: Uint8Array.from(root) }
}

/** The hash of a full tile, which is what stands for it one level up. */
export function hashOfFullTile(tile: Uint8Array): Hash {
  const half = { level: 7, index: 0 }
  return nodeHash(nodeOfTile(tile, half), nodeOfTile(tile, { ...half, index: 1 }))
}

/** The hashes of a tile. */
export function hashesOfTile(tile: Uint8Array, width: number): Hash[] {
  return Array.from({ length: width }, (_, at) => hashOfTile(tile, at))
}

function bundleFiles(edge: Edge, entries: readonly Uint8Array[]): LogFile[] {
  const files: LogFile[] = []
  let pending = [...edge.entries]
  let index = Math.floor(edge.size / TILE_WIDTH)
  for (let at = 0; at < entries.length; ) {
    const room = TILE_WIDTH - pending.length
    pending = [...pending, ...entries.slice(at, at + room)]
    at += room
    files.push({ path: entriesPath({ index, width: pending.length }), bytes: encodeEntries(pending) })
    pending = []
    index += 1
  }
  return files
}

/** The levels after `leaves` came; pushes what becomes wider onto `files`. */
function growLevels(edge: Edge, leaves: readonly Hash[], files: LogFile[]): Hash[][] {
  const levels: Hash[][] = []
  let arriving: readonly Hash[] = leaves
  for (let level = 0; arriving.length > 0 || level < edge.levels.length; level += 1) {
    const pending = [...(edge.levels[level] ?? [])]
    let index = Math.floor(edge.size / TILE_WIDTH ** (level + 1))
    const parents: Hash[] = []
    for (const hash of arriving) {
      pending.push(hash)
      if (pending.length < TILE_WIDTH) continue
      const bytes = encodeTile(pending)
      files.push({ path: tilePath({ level, index, width: TILE_WIDTH }), bytes })
      parents.push(Uint8Array.from(hashOfFullTile(bytes)))
      pending.length = 0
      index += 1
    }
    if (arriving.length > 0 && pending.length > 0) {
      files.push({ path: tilePath({ level, index, width: pending.length }), bytes: encodeTile(pending) })
    }
    levels.push(pending)
    arriving = parents
  }
  return levels
}
