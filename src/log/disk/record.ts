/**
 * What a log on disk is: how much of it is durable, up to where checkpoints were signed or published, and the newest of them. The
 * record is written before anything is signed, so that after a crash the same is signed again and never something else.
 */

import { join } from 'node:path'
import type { Logger } from '../../base/clock.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import { type Edge, EMPTY_EDGE, hashesOfTile, headOf } from '../growth.ts'
import type { AcceptedCheckpoint, Cosignature, TreeHead } from '../log.ts'
import { parseCheckpoint } from '../note/checkpoint.ts'
import { parseNote } from '../note/note.ts'
import { decodeEntries } from '../tree/entry-bundle.ts'
import { leafHash, sameHash } from '../tree/hash.ts'
import { checkTile, entriesPath, hashesAtLevel, TILE_WIDTH, tilePath } from '../tree/tiles.ts'
import type { LogFiles } from './files.ts'
import type { LogLayout } from './layout.ts'
import { headOfSealed, seal, sealedHead, unseal } from './sealed.ts'

const RECORD_FORMAT = 'pyrsia.log-record/1'
const ACCEPTED_FORMAT = 'pyrsia.accepted-checkpoint/1'

/** The record of a log. */
export interface LogRecord {
  readonly head: TreeHead
  /** The largest tree of which a checkpoint was, or is about to be, signed or published. */
  readonly published: TreeHead | undefined
}

/** The bytes of a record. */
export function encodeRecord(origin: string, { head, published }: LogRecord): Uint8Array {
  return seal({ format: RECORD_FORMAT, origin, head: sealedHead(head), published: sealedHead(published) })
}

/** The record of a log; undefined if there is none. @throws damaged.log */
export async function readRecord(
  files: LogFiles,
  { record: path }: LogLayout,
  origin: string,
): Promise<LogRecord | undefined> {
  const bytes = await files.read(path)
  if (bytes === undefined) return undefined
  const fields = unseal(bytes, path)
  const head = headOfSealed(fields.head, path)
  if (fields.format !== RECORD_FORMAT || fields.origin !== origin || head === undefined) {
    throw damaged(`reading ${path}: wanted the record of ${origin}, found another`, path)
  }
  return { head, published: headOfSealed(fields.published, path) }
}

/** The bytes that keep an accepted checkpoint. */
export function encodeAccepted({ note, cosignatures }: AcceptedCheckpoint): Uint8Array {
  return seal({
    format: ACCEPTED_FORMAT,
    note,
    cosignatures: cosignatures.map(({ name, timeSeconds }) => ({ name, timeSeconds })),
  })
}

/**
 * The newest checkpoint of the files, with its cosigners if they were kept. A file of it that cannot be read is passed over: it is
 * shown without being synced, so that a power cut may leave anything, and the record restores it. @throws damaged.log if it is
 * newer than the record: then an old copy of the record was restored, or a new one of the rest
 */
export async function readNewest(
  files: LogFiles,
  layout: LogLayout,
  origin: string,
  record: LogRecord,
  logger: Logger,
): Promise<AcceptedCheckpoint | undefined> {
  const found = [await readAccepted(files, layout, logger), await readShown(files, layout.checkpoint, logger)].filter(
    (checkpoint) => checkpoint !== undefined,
  )
  const newest = found.reduce<AcceptedCheckpoint | undefined>(
    (best, next) => (best === undefined || next.size > best.size ? next : best),
    undefined,
  )
  for (const { origin: other, size, root } of found) {
    const limit = record.published
    if (
      other !== origin ||
      limit === undefined ||
      size > limit.size ||
      (size === limit.size && !sameHash(root, limit.root))
    ) {
      throw damaged(
        `opening the log ${origin}: its checkpoint of size ${size} is not covered by its record, which goes to ${limit?.size ?? 'none'}; was an old copy restored?`,
        layout.checkpoint,
      )
    }
  }
  return newest
}

async function readAccepted(
  files: LogFiles,
  { accepted: path }: LogLayout,
  logger: Logger,
): Promise<AcceptedCheckpoint | undefined> {
  const bytes = await files.read(path)
  if (bytes === undefined) return undefined
  try {
    const { format, note, cosignatures } = unseal(bytes, path)
    if (format !== ACCEPTED_FORMAT || typeof note !== 'string') throw damaged(`reading ${path}: wanted a note`, path)
    return acceptedOf(note, cosignatures as unknown as readonly Cosignature[], path)
  } catch (error) {
    // The checkpoint itself is published beside it; who cosigned will be known again.
    logger.warn({ cause: errorChain(error) }, 'the cosigners of the newest checkpoint were forgotten')
    return undefined
  }
}

async function readShown(files: LogFiles, path: string, logger: Logger): Promise<AcceptedCheckpoint | undefined> {
  const bytes = await files.read(path)
  if (bytes === undefined) return undefined
  try {
    return acceptedOf(Buffer.from(bytes).toString('utf8'), [], path)
  } catch (error) {
    logger.warn({ cause: errorChain(error) }, 'the checkpoint that is shown could not be read: it is written again')
    return undefined
  }
}

function acceptedOf(note: string, cosignatures: readonly Cosignature[], path: string): AcceptedCheckpoint {
  try {
    const { origin, size, root } = parseCheckpoint(parseNote(Buffer.from(note)).text)
    return { origin, size, root, note, cosignatures }
  } catch (error) {
    throw new AppError('damaged.log', `reading ${path}: it is no checkpoint`, { data: { path }, cause: error })
  }
}

/** The edge of the tree that the record names, from its files. @throws damaged.log */
export async function readEdge(files: LogFiles, { served }: LogLayout, head: TreeHead): Promise<Edge> {
  const read = async (path: string): Promise<Uint8Array> => {
    const bytes = await files.read(join(served, path))
    if (bytes === undefined) throw damaged(`opening the log: ${path} is missing`, path)
    return bytes
  }
  try {
    const levels: Uint8Array[][] = []
    for (let level = 0; hashesAtLevel(head.size, level) > 0; level += 1) {
      const count = hashesAtLevel(head.size, level)
      const width = count % TILE_WIDTH
      const path = { level, index: Math.floor(count / TILE_WIDTH), width }
      levels.push(width === 0 ? [] : hashesOfTile(checkTile(await read(tilePath(path)), width), width))
    }
    const width = head.size % TILE_WIDTH
    const index = Math.floor(head.size / TILE_WIDTH)
    const entries = width === 0 ? [] : decodeEntries(await read(entriesPath({ index, width })), width)
    const edge = head.size === 0 ? EMPTY_EDGE : { size: head.size, levels, entries }
    const whole = entries.every((entry, at) => sameHash(leafHash(entry), levels[0]?.[at] as Uint8Array))
    if (!whole || !sameHash(headOf(edge).root, head.root)) {
      throw damaged(`opening the log: its tiles do not have the root of its record at ${head.size}`, served)
    }
    return edge
  } catch (error) {
    if (error instanceof AppError && error.code === 'usage.log') {
      throw new AppError('damaged.log', 'opening the log: a tile of its end cannot be read', { cause: error })
    }
    throw error
  }
}

function damaged(message: string, path: string): AppError {
  return new AppError('damaged.log', message, { data: { path } })
}
