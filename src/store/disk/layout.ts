/** Where things lie below the store's directory; see docs/decisions/0020-store-layout.md. */
import { join } from 'node:path'
import { type BlobId, hexOf } from '../../base/digest.ts'

/** Paths of one store. */
export interface Layout {
  readonly directory: string
  readonly database: string
  readonly lock: string
  /** There while a process has the store open; says which, and in which run of the machine. */
  readonly marker: string
  /** Room that is given up when the disk is full. */
  readonly reserve: string
  /** Blobs that are being written, and those on their way out. */
  readonly incoming: string
  readonly blobs: string
  /** Directory of the blobs whose hex digits begin with these two. */
  prefix(twoDigits: string): string
  blob(id: BlobId): string
}

/** The layout below `directory`. */
export function layoutOf(directory: string): Layout {
  const blobs = join(directory, 'blobs', 'sha256')
  return {
    directory,
    database: join(directory, 'store.db'),
    lock: join(directory, 'store.lock'),
    marker: join(directory, 'unclean'),
    reserve: join(directory, 'reserve'),
    incoming: join(directory, 'incoming'),
    blobs,
    prefix: (twoDigits) => join(blobs, twoDigits),
    blob: (id) => join(blobs, hexOf(id).slice(0, 2), hexOf(id)),
  }
}
