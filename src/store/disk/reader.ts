/**
 * Open blobs: one descriptor per blob, shared by its readers, and streams that check every piece before its bytes are handed
 * out. The next piece is read while the consumer has the present one.
 */
import type { BlobId } from '../../base/digest.ts'
import { AppError, assert, throwIfAborted, wrapError } from '../../base/errors.ts'
import { pieceAgrees } from '../../base/piece-hash.ts'
import { PIECE_BYTES, type PieceManifest, pieceSize } from '../../base/pieces.ts'
import type { ByteRange, ByteStream } from '../../base/streams.ts'
import type { BufferPool } from './buffers.ts'
import { type Files, fileErrorCode } from './files.ts'

/** A descriptor with the count of those who use it; closed with the last one. */
export class SharedFile {
  readonly #files: Files
  readonly #opening: Promise<number>
  readonly #closed: () => void
  #users = 0

  /** Opens at once; `closed` is called when the last user has left. */
  constructor(path: string, files: Files, closed: () => void) {
    this.#files = files
    this.#closed = closed
    this.#opening = files.open(path, 'read')
    this.#opening.catch(() => {})
  }

  /** The descriptor. Every successful or failed call is followed by one `leave`. */
  async join(): Promise<number> {
    this.#users += 1
    return await this.#opening
  }

  leave(): void {
    this.#users -= 1
    if (this.#users > 0) return
    this.#closed()
    this.#opening.then((fd) => this.#files.close(fd)).catch(() => {})
  }
}

/** The files that are being read, by blob. */
export class OpenFiles {
  readonly #files: Files
  readonly #open = new Map<BlobId, SharedFile>()

  constructor(files: Files) {
    this.#files = files
  }

  /** The blob's file, opened if nobody has it open; the caller joins it. */
  of(id: BlobId, path: string): SharedFile {
    const open = this.#open.get(id)
    if (open !== undefined) return open
    const file = new SharedFile(path, this.#files, () => {
      if (this.serves(id, file)) this.drop(id)
    })
    this.#open.set(id, file)
    return file
  }

  has(id: BlobId): boolean {
    return this.#open.has(id)
  }

  /** False once the blob was removed or replaced: `file` then only serves those who already have it. */
  serves(id: BlobId, file: SharedFile): boolean {
    return this.#open.get(id) === file
  }

  drop(id: BlobId): void {
    this.#open.delete(id)
  }
}

/** What a checked stream needs. */
export interface CheckedSource {
  readonly file: SharedFile
  readonly manifest: PieceManifest
  readonly files: Files
  readonly buffers: BufferPool
  /** Takes the blob out of service. */
  damaged(reason: string): void
}

/** Streams a range; see `BlobReader.stream`. @throws damaged.blob, aborted.caller */
export async function* checkedStream(source: CheckedSource, range?: ByteRange, signal?: AbortSignal): ByteStream {
  const { manifest, buffers } = source
  const from = range?.offset ?? 0
  const end = from + (range?.lengthBytes ?? manifest.sizeBytes - from)
  assert(
    from >= 0 && from <= end && end <= manifest.sizeBytes,
    `reading bytes ${from} to ${end} of ${manifest.sizeBytes}`,
  )
  if (from === end) return
  const held: Buffer[] = []
  let ahead: Promise<Buffer> | undefined
  try {
    const fd = await source.file.join()
    const read = (index: number, buffer: Buffer): Promise<Buffer> => {
      const reading = readPiece(source, fd, index, buffer)
      reading.catch(() => {})
      return reading
    }
    const lastIndex = Math.floor((end - 1) / PIECE_BYTES)
    let index = Math.floor(from / PIECE_BYTES)
    const take = (at: number): Buffer => {
      const buffer = buffers.take(pieceSize(manifest.sizeBytes, at))
      held.push(buffer)
      return buffer
    }
    const slots = [take(index), index < lastIndex ? take(index + 1) : undefined] as const
    ahead = read(index, slots[0])
    for (; index <= lastIndex; index += 1) {
      throwIfAborted(signal)
      assert(ahead !== undefined, 'the next piece is always under way')
      const piece = await checkedPiece(source, fd, index, await ahead)
      const spare = piece.buffer === slots[0].buffer ? slots[1] : slots[0]
      ahead = index < lastIndex && spare !== undefined ? read(index + 1, spare) : undefined
      const start = index * PIECE_BYTES
      yield piece.subarray(Math.max(0, from - start), Math.min(piece.byteLength, end - start))
    }
  } finally {
    await ahead?.catch(() => {})
    for (const buffer of held) buffers.give(buffer)
    source.file.leave()
  }
}

/**
 * Reads every piece and compares it; false (and the blob is out of service) if one differs. Yields to `pace` after each piece.
 * @throws aborted.caller
 */
export async function checkAllPieces(
  source: CheckedSource,
  checked: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    for await (const piece of checkedStream(source, undefined, signal)) checked(piece.byteLength)
    return true
  } catch (error) {
    if (error instanceof AppError && error.code === 'damaged.blob') return false
    throw error
  }
}

/** What a failure to open or read means: a file that is gone is damage, anything else is the machine's. */
export function readFailure(error: unknown, source: Pick<CheckedSource, 'manifest' | 'damaged'>): AppError {
  const reason = fileErrorCode(error) ?? 'unknown'
  if (reason === 'ENOENT' || reason === 'EIO') {
    source.damaged(reason)
    return wrapError(error, 'damaged.blob', `reading ${source.manifest.id}: its file failed with ${reason}`, { reason })
  }
  return wrapError(error, 'unavailable.storage', `reading ${source.manifest.id}: the file system refused`, { reason })
}

async function checkedPiece(source: CheckedSource, fd: number, index: number, piece: Buffer): Promise<Buffer> {
  if (pieceAgrees(source.manifest, index, piece)) return piece
  // A second look tells a failing wire or memory from a failing disk.
  const again = await readPiece(source, fd, index, piece)
  if (pieceAgrees(source.manifest, index, again)) return again
  source.damaged(`piece ${index} differs`)
  throw new AppError(
    'damaged.blob',
    `reading ${source.manifest.id}: piece ${index} no longer has the bytes that were verified`,
    { data: { id: source.manifest.id, piece: index } },
  )
}

async function readPiece(source: CheckedSource, fd: number, index: number, buffer: Buffer): Promise<Buffer> {
  const piece = buffer.subarray(0, pieceSize(source.manifest.sizeBytes, index))
  try {
    const count = await source.files.read(fd, piece, index * PIECE_BYTES)
    return piece.subarray(0, count)
  } catch (error) {
    throw readFailure(error, source)
  }
}
