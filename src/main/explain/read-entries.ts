/** Reads the entries of a log from its served files, in order. No lock is needed; nothing is verified: that is `log check`'s business. */
import { join } from 'node:path'
import { AppError, throwIfAborted, wrapError } from '../../base/errors.ts'
import { type LogFiles, nodeLogFiles } from '../../log/disk/files.ts'
import { parseCheckpoint } from '../../log/note/checkpoint.ts'
import { parseNote } from '../../log/note/note.ts'
import { decodeEntries } from '../../log/tree/entry-bundle.ts'
import { entriesPath, grownBundles, TILE_WIDTH } from '../../log/tree/tiles.ts'

/** The entries that the checkpoint in `directory` covers. @throws damaged.log for a file that is missing or malformed; absent.entry if there is no log */
export async function* readEntries(
  directory: string,
  { files = nodeLogFiles, signal }: { readonly files?: LogFiles; readonly signal?: AbortSignal } = {},
): AsyncGenerator<{ readonly index: number; readonly bytes: Uint8Array }> {
  const note = await files.read(join(directory, 'checkpoint'))
  if (note === undefined) throw new AppError('absent.entry', `${directory} holds no log: it has no checkpoint`)
  for (const bundle of grownBundles(0, sizeOf(note, directory))) {
    throwIfAborted(signal)
    const path = join(directory, entriesPath(bundle))
    const bytes = await files.read(path)
    if (bytes === undefined) throw new AppError('damaged.log', `${path} is missing`)
    let entries: Uint8Array[]
    try {
      entries = decodeEntries(bytes, bundle.width)
    } catch (error) {
      throw wrapError(error, 'damaged.log', `${path} cannot be read`)
    }
    for (const [at, entry] of entries.entries()) yield { index: bundle.index * TILE_WIDTH + at, bytes: entry }
  }
}

function sizeOf(note: Uint8Array, directory: string): number {
  try {
    return parseCheckpoint(parseNote(note).text).size
  } catch (error) {
    throw wrapError(error, 'damaged.log', `the checkpoint in ${directory} cannot be read`)
  }
}
