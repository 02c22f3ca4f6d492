/** The end of a zip archive: the last record of the file, its zip64 record, and that both say the same (APPNOTE 4.3.14 to 4.3.16). */
import type { ByteSource } from '../archive.ts'
import { malformed, shownBytes } from '../malformed.ts'
import { bytesAt, SIGNATURES, WIDE, wideNumber } from './fields.ts'

/** Where the directory is. */
export interface Directory {
  readonly offsetBytes: number
  readonly sizeBytes: number
  readonly count: number
  /** The archive's comment. */
  readonly comment: Buffer
}

const END_BYTES = 22
const LOCATOR_BYTES = 20
const WIDE_END_BYTES = 56
const COMMENT_BYTES_MAX = 65_535

/**
 * Finds the directory. The end record must be the last thing of the file, and the directory must reach right up to it: nothing is
 * skipped, so that no reader can find another one. @throws untrusted.archive
 */
export function findDirectory(source: ByteSource): Directory {
  const { at, record } = findEnd(source)
  const comment = Buffer.from(record.subarray(END_BYTES))
  const [disk, startDisk] = [record.readUInt16LE(4), record.readUInt16LE(6)]
  const narrow = {
    countHere: record.readUInt16LE(8),
    count: record.readUInt16LE(10),
    sizeBytes: record.readUInt32LE(12),
    offsetBytes: record.readUInt32LE(16),
  }
  if (disk !== 0 || startDisk !== 0) throw malformed(at, 'an archive on one disk', `disks ${disk} and ${startDisk}`)
  const wide = wideEnd(source, at)
  const needsWide =
    narrow.count === 0xffff || narrow.countHere === 0xffff || narrow.sizeBytes === WIDE || narrow.offsetBytes === WIDE
  if (wide === undefined && needsWide && narrow.sizeBytes + narrow.offsetBytes !== at) {
    throw malformed(at, 'a zip64 end record', 'none, though the end record refers to it')
  }
  const found = wide ?? { ...narrow, at }
  if (wide !== undefined) {
    const same = (field: number, all: number, value: number) => field === all || field === value
    const agrees =
      same(narrow.count, 0xffff, wide.count) &&
      same(narrow.countHere, 0xffff, wide.count) &&
      same(narrow.sizeBytes, WIDE, wide.sizeBytes) &&
      same(narrow.offsetBytes, WIDE, wide.offsetBytes)
    if (!agrees) throw malformed(at, 'an end record that agrees with its zip64 record', 'other figures')
  }
  if (found.countHere !== found.count) throw malformed(at, `${found.count} entries on this disk`, `${found.countHere}`)
  if (found.offsetBytes + found.sizeBytes !== found.at) {
    throw malformed(
      found.at,
      `the directory to end here`,
      `${found.sizeBytes} bytes of directory at ${found.offsetBytes}`,
    )
  }
  return { offsetBytes: found.offsetBytes, sizeBytes: found.sizeBytes, count: found.count, comment }
}

function findEnd(source: ByteSource): { readonly at: number; readonly record: Buffer } {
  const length = Math.min(source.sizeBytes, END_BYTES + COMMENT_BYTES_MAX)
  const start = source.sizeBytes - length
  const tail = bytesAt(source, start, length, 'an end record')
  // The last signature is what most readers take; a comment that holds another one is refused here, since its length cannot fit.
  for (let at = tail.byteLength - 4; at >= 0; at--) {
    if (tail[at] !== 0x50 || tail.readUInt32LE(at) !== SIGNATURES.end) continue
    const left = tail.byteLength - at
    if (left < END_BYTES || END_BYTES + tail.readUInt16LE(at + 20) !== left) {
      throw malformed(start + at, 'an end record that reaches to the end of the file', `${left} bytes from here`)
    }
    return { at: start + at, record: Buffer.from(tail.subarray(at)) }
  }
  throw malformed(source.sizeBytes, 'an end record of a zip archive', shownBytes(tail.subarray(-END_BYTES)))
}

interface WideEnd {
  readonly at: number
  readonly countHere: number
  readonly count: number
  readonly sizeBytes: number
  readonly offsetBytes: number
}

function wideEnd(source: ByteSource, endAt: number): WideEnd | undefined {
  const locatorAt = endAt - LOCATOR_BYTES
  if (locatorAt < 0) return undefined
  const locator = Buffer.from(bytesAt(source, locatorAt, LOCATOR_BYTES, 'a zip64 locator'))
  if (locator.readUInt32LE(0) !== SIGNATURES.locator) return undefined
  const at = locatorAt - WIDE_END_BYTES
  const stated = wideNumber(locator, 8, locatorAt)
  if (stated !== at || locator.readUInt32LE(4) !== 0 || locator.readUInt32LE(16) > 1) {
    throw malformed(locatorAt, `a locator of the zip64 record at ${at} on one disk`, `one for ${stated}`)
  }
  const record = bytesAt(source, at, WIDE_END_BYTES, 'a zip64 end record')
  if (record.readUInt32LE(0) !== SIGNATURES.wideEnd || wideNumber(record, 4, at) !== WIDE_END_BYTES - 12) {
    throw malformed(at, 'a zip64 end record without extensions', shownBytes(record))
  }
  if (record.readUInt32LE(16) !== 0 || record.readUInt32LE(20) !== 0)
    throw malformed(at, 'an archive on one disk', 'several')
  return {
    at,
    countHere: wideNumber(record, 24, at),
    count: wideNumber(record, 32, at),
    sizeBytes: wideNumber(record, 40, at),
    offsetBytes: wideNumber(record, 48, at),
  }
}
