/**
 * Streams of a stored blob that check every piece before its bytes are handed out. The next piece is read while the consumer
 * has the present one.
 */
import { AppError, assert, throwIfAborted, wrapError } from '../../../base/errors.ts'
import { pieceAgrees } from '../../../base/piece-hash.ts'
import { PIECE_BYTES, type PieceManifest, pieceSize } from '../../../base/pieces.ts'
import type { ByteRange, ByteStream } from '../../../base/streams.ts'
import type { BufferPool } from '../buffers.ts'
import { type Files, fileErrorCode } from '../files.ts'
import type { CheckedPieces } from './checked-pieces.ts'
import type { SharedFile } from './open-files.ts'

/** What a checked stream needs. */
export interface CheckedSource {
  readonly file: SharedFile
  readonly manifest: PieceManifest
  readonly files: Files
  readonly buffers: BufferPool
  /** Pieces that need not be read; undefined: the file itself is to be looked at. */
  readonly kept: CheckedPieces | undefined
  /** Takes the blob out of service. */
  damaged(reason: string): void
}

/** Streams a range of bytes that were checked and are the whole blob. @throws aborted.caller */
export async function* keptStream(blob: Buffer, range?: ByteRange, signal?: AbortSignal): ByteStream {
  const { from, end } = boundsWithin(blob.byteLength, range)
  throwIfAborted(signal)
  if (from < end) yield blob.subarray(from, end)
}

/** Streams a range; see `BlobReader.stream`. @throws damaged.blob, aborted.caller */
export async function* checkedStream(source: CheckedSource, range?: ByteRange, signal?: AbortSignal): ByteStream {
  const { manifest, buffers } = source
  const { from, end } = boundsWithin(manifest.sizeBytes, range)
  if (from === end) return
  const only = singlePiece(from, end)
  const kept = only === undefined ? undefined : source.kept?.get(manifest.id, only)
  if (only !== undefined && kept !== undefined) {
    throwIfAborted(signal)
    yield kept.subarray(from - only * PIECE_BYTES, end - only * PIECE_BYTES)
    return
  }
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
      if (index === only && isWorthKeeping(manifest, piece, end - from)) source.kept?.put(manifest.id, index, piece)
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

function boundsWithin(
  sizeBytes: number,
  range: ByteRange | undefined,
): { readonly from: number; readonly end: number } {
  const from = range?.offset ?? 0
  const end = from + (range?.lengthBytes ?? sizeBytes - from)
  assert(from >= 0 && from <= end && end <= sizeBytes, `reading bytes ${from} to ${end} of ${sizeBytes}`)
  return { from, end }
}

/** Small blobs are read again and again; of large ones only those parts that readers pick out. */
function isWorthKeeping({ sizeBytes }: PieceManifest, piece: Uint8Array, wantedBytes: number): boolean {
  return sizeBytes <= PIECE_BYTES || wantedBytes < piece.byteLength
}

/** The piece that has all of these bytes; undefined if several have. */
function singlePiece(from: number, end: number): number | undefined {
  const index = Math.floor(from / PIECE_BYTES)
  return end <= (index + 1) * PIECE_BYTES ? index : undefined
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
