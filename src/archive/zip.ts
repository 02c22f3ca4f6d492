/**
 * A bounded reader of zip archives (PKWARE APPNOTE 6.3.10), zip64 included, that reads one entry after the other and holds none: for
 * databases of millions of records, where `zip/` would hold all their headers. It follows the directory and does not account for every
 * byte: what a package holds is never compared or vouched for by it. No spanning, no encryption, no method but stored and deflated. Pure.
 */
import { crc32, inflateRawSync } from 'node:zlib'
import { AppError } from '../base/errors.ts'

/** Where the archive's bytes are. `read` gives exactly `lengthBytes` bytes. */
export interface ZipSource {
  readonly sizeBytes: number
  read(offsetBytes: number, lengthBytes: number): Uint8Array
}

/** One file of an archive. */
export interface ZipEntry {
  readonly name: string
  readonly sizeBytes: number
  /** Its bytes, checked. @throws untrusted.reply, exhausted.size */
  bytes(): Uint8Array
}

/** Bounds of one archive. */
export interface ZipLimits {
  readonly entriesMax: number
  /** Bytes of one entry, unpacked. */
  readonly entryBytesMax: number
  /** Bytes of all entries whose bytes are asked for, unpacked. */
  readonly totalBytesMax: number
}

const END_BYTES = 22
const END_SEARCH_BYTES = END_BYTES + 65_535
const ENTRY_BYTES = 46
const LOCAL_BYTES = 30
const DIRECTORY_BYTES_MAX = 1_073_741_824
const UTF8_FLAG = 0x800
const ENCRYPTED_FLAG = 1

interface Directory {
  readonly offset: number
  readonly sizeBytes: number
  readonly count: number
}

/** The files of an archive, in the order of its directory; folders are left out. @throws untrusted.reply, exhausted.size */
export function* readZip(source: ZipSource, limits: ZipLimits): Generator<ZipEntry> {
  const directory = findDirectory(source)
  if (directory.count > limits.entriesMax || directory.sizeBytes > DIRECTORY_BYTES_MAX) {
    throw new AppError(
      'exhausted.size',
      `a zip archive has ${directory.count} entries, at most ${limits.entriesMax} are read`,
    )
  }
  const table = view(source, directory.offset, directory.sizeBytes)
  const budget = { leftBytes: limits.totalBytesMax }
  let at = 0
  for (let index = 0; index < directory.count; index++) {
    if (at + ENTRY_BYTES > table.byteLength || table.readUInt32LE(at) !== 0x02014b50)
      throw malformed('a directory entry')
    const nameBytes = table.readUInt16LE(at + 28)
    const extraBytes = table.readUInt16LE(at + 30)
    const next = at + ENTRY_BYTES + nameBytes + extraBytes + table.readUInt16LE(at + 32)
    if (next > table.byteLength) throw malformed('a directory entry')
    const name = table.toString('utf8', at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes)
    const extra = table.subarray(at + ENTRY_BYTES + nameBytes, at + ENTRY_BYTES + nameBytes + extraBytes)
    const entry = readEntry(source, table.subarray(at, at + ENTRY_BYTES), name, extra, limits, budget)
    if (!name.endsWith('/')) yield entry
    at = next
  }
}

function readEntry(
  source: ZipSource,
  fixed: Buffer,
  name: string,
  extra: Buffer,
  limits: ZipLimits,
  budget: { leftBytes: number },
): ZipEntry {
  const flags = fixed.readUInt16LE(8)
  const method = fixed.readUInt16LE(10)
  const checksum = fixed.readUInt32LE(16)
  const wide = zip64Fields(extra)
  const field = (at: number): number => {
    const value = fixed.readUInt32LE(at)
    return value === 0xffffffff ? wide() : value
  }
  // The order in which the wide fields stand (4.5.3).
  const sizeBytes = field(24)
  const packedBytes = field(20)
  const offset = field(42)
  if (/\p{Cc}/u.test(name) && (flags & UTF8_FLAG) !== 0) throw malformed('a name')
  return {
    name,
    sizeBytes,
    bytes() {
      if (sizeBytes > limits.entryBytesMax || packedBytes > limits.entryBytesMax) {
        throw new AppError(
          'exhausted.size',
          `${name}: wanted at most ${limits.entryBytesMax} bytes, found ${sizeBytes}`,
        )
      }
      // Entries may share their packed bytes: the size of the archive says nothing of what comes out of it.
      budget.leftBytes -= sizeBytes
      if (budget.leftBytes < 0) {
        throw new AppError('exhausted.size', `a zip archive holds more than ${limits.totalBytesMax} bytes, unpacked`)
      }
      if ((flags & ENCRYPTED_FLAG) !== 0 || (method !== 0 && method !== 8)) {
        throw new AppError('untrusted.reply', `${name}: it is packed by a method that is not read`)
      }
      const local = view(source, offset, LOCAL_BYTES)
      if (local.readUInt32LE(0) !== 0x04034b50) throw malformed(`the header of ${name}`)
      const from = offset + LOCAL_BYTES + local.readUInt16LE(26) + local.readUInt16LE(28)
      const bytes = unpack(name, view(source, from, packedBytes), method, sizeBytes)
      if (bytes.byteLength !== sizeBytes || crc32(bytes) !== checksum)
        throw malformed(`${name}, whose checksum differs`)
      return bytes
    },
  }
}

function unpack(name: string, packed: Buffer, method: number, sizeBytes: number): Uint8Array {
  if (method === 0) return packed
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, sizeBytes) })
  } catch (cause) {
    throw new AppError('untrusted.reply', `reading a zip archive: ${name} cannot be unpacked`, { cause })
  }
}

function zip64Fields(extra: Buffer): () => number {
  let at = 0
  while (at + 4 <= extra.byteLength && extra.readUInt16LE(at) !== 1) at += 4 + extra.readUInt16LE(at + 2)
  let next = at + 4
  return () => {
    if (next + 8 > extra.byteLength) throw malformed('a zip64 field')
    const value = Number(extra.readBigUInt64LE(next))
    next += 8
    return value
  }
}

function findDirectory(source: ZipSource): Directory {
  const length = Math.min(source.sizeBytes, END_SEARCH_BYTES)
  const start = source.sizeBytes - length
  const tail = view(source, start, length)
  for (let at = tail.byteLength - END_BYTES; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== 0x06054b50 || at + END_BYTES + tail.readUInt16LE(at + 20) !== tail.byteLength)
      continue
    const count = tail.readUInt16LE(at + 10)
    const sizeBytes = tail.readUInt32LE(at + 12)
    const offset = tail.readUInt32LE(at + 16)
    if (count !== 0xffff && sizeBytes !== 0xffffffff && offset !== 0xffffffff) return { count, sizeBytes, offset }
    return wideDirectory(source, start + at)
  }
  throw malformed('the end of the directory')
}

/** The directory of an archive with more entries or bytes than the plain fields can count (4.3.14, 4.3.15). */
function wideDirectory(source: ZipSource, endAt: number): Directory {
  const locator = view(source, endAt - 20, 20)
  if (locator.readUInt32LE(0) !== 0x07064b50) throw malformed('a zip64 locator')
  const end = view(source, Number(locator.readBigUInt64LE(8)), 56)
  if (end.readUInt32LE(0) !== 0x06064b50) throw malformed('a zip64 end of directory')
  const count = Number(end.readBigUInt64LE(32))
  return { count, sizeBytes: Number(end.readBigUInt64LE(40)), offset: Number(end.readBigUInt64LE(48)) }
}

function view(source: ZipSource, offset: number, length: number): Buffer {
  if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > source.sizeBytes) {
    throw malformed('an offset within the file')
  }
  const bytes = source.read(offset, length)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function malformed(what: string): AppError {
  return new AppError('untrusted.reply', `reading a zip archive: wanted ${what}, found something else`)
}
