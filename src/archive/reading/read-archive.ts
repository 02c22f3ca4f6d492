/** Reads an archive of a format strictly, with what the format itself demands. */
import { AppError } from '../../base/errors.ts'
import { ARCHIVE_LIMITS, type Archive, type ArchiveLimits, type ByteSource, type Format } from '../archive.ts'
import { readTar } from '../tar/read-tar.ts'
import { readZip } from '../zip/read-zip.ts'
import type { Reading } from './inflate-need.ts'
import { readNow } from './inflate-now.ts'

/** What else a reader may be told. */
export interface ArchiveOptions {
  readonly limits?: ArchiveLimits
  /** Files whose content is kept, beside those that the rules of the format want. */
  readonly keep?: (path: string, sizeBytes: number) => boolean
}

/** The archive. @throws untrusted.archive, exhausted.size, bug.assertion for a format that is no archive */
export function* readArchive(source: ByteSource, format: Format, options: ArchiveOptions = {}): Reading<Archive> {
  const { limits = ARCHIVE_LIMITS, keep = () => false } = options
  const wants = (path: string, sizeBytes: number) =>
    keep(path, sizeBytes) || format.rules.some((rule) => rule.wants(path))
  if (format.container === 'bytes') throw new AppError('bug.assertion', `${format.name} is no archive`)
  const read = format.container === 'zip' ? readZip : readTar
  const archive = yield* read(source, { layer: format.layer, limits, keep: wants })
  format.check?.(archive)
  return archive
}

/** As `readArchive`, at once. @throws untrusted.archive, exhausted.size */
export function readArchiveNow(bytes: Uint8Array, format: Format, options: ArchiveOptions = {}): Archive {
  return readNow(readArchive(sourceOf(bytes), format, options))
}

/** Bytes in memory as a source. */
export function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    sizeBytes: bytes.byteLength,
    read: (offsetBytes, lengthBytes) => bytes.subarray(offsetBytes, offsetBytes + lengthBytes),
  }
}
