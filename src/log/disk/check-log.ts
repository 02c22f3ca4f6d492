/**
 * Verifies a whole log from its entries: every leaf, tile and root is computed anew and compared with the files, and the checkpoint
 * with them. `log check` and the tests of crashes use it. Reads only, and needs no lock: beside a running node it checks what
 * the checkpoint covered when it began.
 */
import { join } from 'node:path'
import { silentLogger } from '../../base/clock.ts'
import { AppError, errorChain, throwIfAborted } from '../../base/errors.ts'
import type { Vkey } from '../../base/network/vkey.ts'
import { type Edge, EMPTY_EDGE, grow, headOf } from '../growth.ts'
import type { TreeHead } from '../log.ts'
import { parseCheckpoint } from '../note/checkpoint.ts'
import { openNote, parseNote } from '../note/note.ts'
import { decodeEntries } from '../tree/entry-bundle.ts'
import { sameHash } from '../tree/hash.ts'
import { entriesPath, grownBundles, hashesAtLevel, TILE_WIDTH, tilePath } from '../tree/tiles.ts'
import { type LogFiles, nodeLogFiles } from './files.ts'
import type { LogLayout } from './layout.ts'
import { readEdge, readNewest, readRecord } from './record.ts'

/** Something that is wrong. */
export interface LogProblem {
  /** The file, below the log's directory. */
  readonly path: string
  readonly problem: string
}

/** What a check came to: the log is sound if there are no problems. */
export interface LogReport {
  /** What the checkpoint states; undefined if it cannot be read. */
  readonly checkpoint: (TreeHead & { readonly origin: string }) | undefined
  readonly entries: number
  /** At most `PROBLEMS_MAX`. */
  readonly problems: readonly LogProblem[]
}

/** Problems after which a check gives up: there is no need to list a million. */
export const PROBLEMS_MAX = 100

/** Options of a check. */
export interface CheckOptions {
  /** The key whose signature the checkpoint must have; left out, its signature is not looked at. */
  readonly key?: Vkey
  readonly signal?: AbortSignal
  readonly files?: LogFiles
}

/** Checks the log in `directory`, which holds `checkpoint` and `tile/`. @throws aborted.caller, unavailable.storage */
export async function checkLog(
  directory: string,
  { key, signal, files = nodeLogFiles }: CheckOptions = {},
): Promise<LogReport> {
  const problems: LogProblem[] = []
  const tell = (path: string, problem: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push({ path, problem })
  }
  const checkpoint = await readCheckpoint(files, directory, key, tell)
  if (checkpoint === undefined) return { checkpoint, entries: 0, problems }
  const partials = partialTiles(checkpoint.size)
  let edge: Edge = EMPTY_EDGE
  for (const { index, width } of grownBundles(0, checkpoint.size)) {
    throwIfAborted(signal)
    if (problems.length >= PROBLEMS_MAX) break
    const path = entriesPath({ index, width })
    const entries = await readBundle(files, join(directory, path), width)
    if (typeof entries === 'string') {
      // What follows cannot be computed without these entries.
      tell(path, entries)
      break
    }
    const growth = grow(edge, entries)
    for (const file of growth.files) {
      const partial = file.path.includes('.p/') && !partials.has(file.path)
      if (!partial && file.path !== path) await compare(files, directory, file.path, file.bytes, tell)
    }
    edge = growth.edge
  }
  if (problems.length === 0 && !sameHash(headOf(edge).root, checkpoint.root)) {
    tell('checkpoint', `states another root than its ${checkpoint.size} entries have`)
  }
  return { checkpoint, entries: edge.size, problems }
}

async function readCheckpoint(
  files: LogFiles,
  directory: string,
  key: Vkey | undefined,
  tell: (path: string, problem: string) => void,
): Promise<(TreeHead & { readonly origin: string }) | undefined> {
  const bytes = await files.read(join(directory, 'checkpoint'))
  if (bytes === undefined) {
    tell('checkpoint', 'is missing')
    return undefined
  }
  try {
    const note = parseNote(bytes)
    const { origin, size, root } = parseCheckpoint(note.text)
    if (key !== undefined) {
      try {
        openNote(note, [key])
      } catch (error) {
        tell('checkpoint', `is not signed by ${key.name}: ${errorChain(error).join(': ')}`)
      }
    }
    return { origin, size, root }
  } catch (error) {
    tell('checkpoint', `cannot be read: ${errorChain(error).join(': ')}`)
    return undefined
  }
}

/** A running node may append while it is looked at: so often it is begun again. */
const ATTEMPTS = 20

/**
 * What is wrong with the record of a log of this node: without one that covers the checkpoint and fits the tiles, the log is not
 * opened, however sound its entries are. @throws unavailable.storage
 */
export async function checkRecord(
  layout: LogLayout,
  origin: string,
  files: LogFiles = nodeLogFiles,
): Promise<readonly LogProblem[]> {
  const path = layout.record
  for (let attempt = 1; ; attempt += 1) {
    const before = await files.read(path)
    try {
      const record = await readRecord(files, layout, origin)
      if (record === undefined) return [{ path, problem: 'is missing; only a copy of it that is not older will do' }]
      await readNewest(files, layout, origin, record, silentLogger)
      await readEdge(files, layout, record.head)
      return []
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'damaged.log') throw error
      const after = await files.read(path)
      const moved = before !== undefined && after !== undefined && !sameHash(before, after)
      if (!moved || attempt === ATTEMPTS) return [{ path, problem: errorChain(error).join(': ') }]
    }
  }
}

/** The entries of a bundle, or what is wrong with it. */
async function readBundle(files: LogFiles, path: string, width: number): Promise<Uint8Array[] | string> {
  try {
    const bytes = await files.read(path)
    if (bytes !== undefined) return decodeEntries(bytes, width)
    const full = await files.read(fullOf(path))
    return full === undefined ? 'is missing' : decodeEntries(full, TILE_WIDTH).slice(0, width)
  } catch (error) {
    if (error instanceof AppError) return `cannot be read: ${error.message}`
    throw error
  }
}

async function compare(
  files: LogFiles,
  directory: string,
  path: string,
  bytes: Uint8Array,
  tell: (path: string, problem: string) => void,
): Promise<void> {
  const file = join(directory, path)
  const found = (await files.read(file)) ?? (await files.read(fullOf(file)))?.subarray(0, bytes.byteLength)
  if (found === undefined) tell(path, 'is missing')
  else if (!sameHash(found, bytes)) tell(path, 'is not what the entries give')
}

/** The full form of a partial file, which may have taken its place meanwhile; of a full one the file itself. */
function fullOf(path: string): string {
  return path.replace(/\.p\/\d+$/, '')
}

/** The partial tiles that a tree of `size` ends with; those of smaller trees may be gone. */
function partialTiles(size: number): ReadonlySet<string> {
  const paths = new Set<string>()
  for (let level = 0; hashesAtLevel(size, level) > 0; level += 1) {
    const count = hashesAtLevel(size, level)
    const width = count % TILE_WIDTH
    if (width > 0) paths.add(tilePath({ level, index: Math.floor(count / TILE_WIDTH), width }))
  }
  return paths
}
