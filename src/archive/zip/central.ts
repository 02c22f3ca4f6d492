/** The directory of a zip archive, record by record (APPNOTE 4.3.12), each field checked. */
import type { ByteSource } from '../archive.ts'
import { malformed, shown, shownBytes, tooLarge } from '../malformed.ts'
import { nameText } from '../paths.ts'
import type { Directory } from './end.ts'
import { type ExtraField, readExtra, zip64Of } from './extra.ts'
import { bytesAt, SIGNATURES, WIDE, wideNumber } from './fields.ts'

/** One record. */
export interface CentralRecord {
  /** Its offset in the file. */
  readonly at: number
  /** The whole record. */
  readonly bytes: Buffer
  readonly name: string
  readonly nameBytes: Buffer
  readonly flags: number
  readonly method: 0 | 8
  readonly crc32: number
  readonly packedBytes: number
  readonly sizeBytes: number
  /** Where its local header is. */
  readonly localAt: number
  readonly externalAttributes: number
  readonly extra: readonly ExtraField[]
  readonly comment: Buffer
}

/** Flags of an entry (4.4.4). */
export const FLAGS = { descriptor: 0x0008, utf8: 0x0800, deflateHints: 0x0006 } as const
const KNOWN_FLAGS = FLAGS.descriptor | FLAGS.utf8 | FLAGS.deflateHints
const RECORD_BYTES = 46
const DIRECTORY_BYTES_MAX = 512 * 1024 ** 2
/** No deflate stream unpacks to more (RFC 1951: 258 bytes for 2 bits). */
const DEFLATE_RATIO_MAX = 1032

/** The records, in their order. @throws untrusted.archive, exhausted.size */
export function readCentral(source: ByteSource, directory: Directory, entriesMax: number): CentralRecord[] {
  const { offsetBytes, sizeBytes, count } = directory
  if (sizeBytes > DIRECTORY_BYTES_MAX || count * RECORD_BYTES > sizeBytes) {
    throw malformed(offsetBytes, `a directory of ${count} entries`, `${sizeBytes} bytes`)
  }
  if (count > entriesMax) throw tooLarge(`at most ${entriesMax} entries`, `${count}`)
  const table = Buffer.from(bytesAt(source, offsetBytes, sizeBytes, 'a directory'))
  const records: CentralRecord[] = []
  let at = 0
  for (let index = 0; index < count; index++) {
    const record = readRecord(table, at, offsetBytes)
    records.push(record)
    at += record.bytes.byteLength
  }
  if (at !== table.byteLength) {
    throw malformed(offsetBytes + at, `the end of ${count} entries`, shownBytes(table.subarray(at)))
  }
  return records
}

function readRecord(table: Buffer, start: number, offsetBytes: number): CentralRecord {
  const at = offsetBytes + start
  const left = table.byteLength - start
  if (left < RECORD_BYTES || table.readUInt32LE(start) !== SIGNATURES.central) {
    throw malformed(at, 'an entry of the directory', shownBytes(table.subarray(start)))
  }
  const [nameLength, extraLength] = [table.readUInt16LE(start + 28), table.readUInt16LE(start + 30)]
  const length = RECORD_BYTES + nameLength + extraLength + table.readUInt16LE(start + 32)
  if (length > left) throw malformed(at, `an entry of ${length} bytes`, `${left} bytes of directory`)
  const bytes = table.subarray(start, start + length)
  const extraAt = RECORD_BYTES + nameLength
  const nameBytes = bytes.subarray(RECORD_BYTES, extraAt)
  const extra = readExtra(bytes.subarray(extraAt, extraAt + extraLength), at + extraAt)
  const flags = bytes.readUInt16LE(8)
  const name = nameText(nameBytes, at + RECORD_BYTES)
  if ((flags & ~KNOWN_FLAGS) !== 0)
    throw malformed(at + 8, 'an entry without encryption or patches', `flags 0x${flags.toString(16)}`)
  if (/[^\0-\x7f]/.test(name) && (flags & FLAGS.utf8) === 0) {
    throw malformed(at + 8, 'the UTF-8 flag of a name that is not ASCII', shown(name))
  }
  const method = bytes.readUInt16LE(10)
  if (method !== 0 && method !== 8) throw malformed(at + 10, 'method 0 (stored) or 8 (deflated)', `${method}`)
  const versionNeeded = bytes.readUInt16LE(6)
  if ((versionNeeded & 0xff) > 63) throw malformed(at + 6, 'a version of at most 6.3', `${versionNeeded}`)
  const wide = wideFields(bytes, extra, at)
  const { sizeBytes, packedBytes } = wide
  if (method === 0 && sizeBytes !== packedBytes) throw malformed(at + 20, `${sizeBytes} stored bytes`, `${packedBytes}`)
  if (method === 8 && (packedBytes === 0 || sizeBytes > packedBytes * DEFLATE_RATIO_MAX)) {
    throw malformed(at + 24, `what ${packedBytes} bytes can unpack to`, `${sizeBytes}`)
  }
  return {
    at,
    bytes,
    name,
    nameBytes,
    flags,
    method,
    crc32: bytes.readUInt32LE(16),
    ...wide,
    externalAttributes: bytes.readUInt32LE(38),
    extra,
    comment: bytes.subarray(extraAt + extraLength),
  }
}

/** Sizes and offset, those out of the zip64 field that the record refers to; the field has these and no others (4.5.3). */
function wideFields(bytes: Buffer, extra: readonly ExtraField[], at: number) {
  const field = zip64Of(extra)
  let next = 0
  const read = (offset: number): number => {
    const value = bytes.readUInt32LE(offset)
    if (value !== WIDE || field === undefined) return value
    if (next + 8 > field.byteLength)
      throw malformed(at + offset, 'a zip64 field with this size', `${field.byteLength} bytes`)
    next += 8
    return wideNumber(field, next - 8, at + offset)
  }
  // In the order in which they stand in the field.
  const sizeBytes = read(24)
  const packedBytes = read(20)
  const localAt = read(42)
  const disk = bytes.readUInt16LE(34)
  if (disk !== 0) throw malformed(at + 34, 'an archive on one disk', `disk ${disk}`)
  if (field !== undefined && next !== field.byteLength) {
    throw malformed(at, `a zip64 field of ${next} bytes, for what does not fit elsewhere`, `${field.byteLength}`)
  }
  return { sizeBytes, packedBytes, localAt }
}
