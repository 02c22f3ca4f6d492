/**
 * Local headers of a zip archive (APPNOTE 4.3.7, 4.3.9): each must say what the directory says, and headers, contents and data
 * descriptors must fill the file from its first byte to the directory. So there is no hidden entry for a reader that goes by them.
 */
import type { ByteSource } from '../archive.ts'
import { malformed, shown, shownBytes } from '../malformed.ts'
import { type CentralRecord, FLAGS } from './central.ts'
import type { Directory } from './end.ts'
import { type ExtraField, readExtra, zip64Of } from './extra.ts'
import { bytesAt, SIGNATURES, WIDE, wideNumber } from './fields.ts'

/** An entry whose place in the file is known. */
export interface Placed {
  readonly record: CentralRecord
  /** The local header with name and extra fields. */
  readonly header: Buffer
  readonly extra: readonly ExtraField[]
  readonly contentAt: number
}

const HEADER_BYTES = 30
/** Without and with signature, with sizes of 4 and of 8 bytes. */
const DESCRIPTOR_BYTES = { 12: [0, 4], 16: [4, 4], 20: [0, 8], 24: [4, 8] } as const

/** The entries in the order of the file. @throws untrusted.archive for a prefix, a gap, an overlap or a contradiction */
export function placeEntries(source: ByteSource, records: readonly CentralRecord[], directory: Directory): Placed[] {
  const inOrder = [...records].sort((a, b) => a.localAt - b.localAt)
  const entries: Placed[] = []
  let next = 0
  for (const [index, record] of inOrder.entries()) {
    if (record.localAt !== next) {
      const what = record.localAt < next ? 'an overlap' : 'a gap'
      throw malformed(next, `the header of ${shown(record.name)}`, `${what}: it is at ${record.localAt}`)
    }
    const end = inOrder[index + 1]?.localAt ?? directory.offsetBytes
    const entry = placeEntry(source, record)
    const contentEnd = entry.contentAt + record.packedBytes
    if (contentEnd > end) throw malformed(contentEnd, `${shown(record.name)} to end before ${end}`, 'an overlap')
    next = contentEnd
    if ((record.flags & FLAGS.descriptor) !== 0) next += checkDescriptor(source, record, contentEnd, end - contentEnd)
    entries.push(entry)
  }
  if (next !== directory.offsetBytes) {
    throw malformed(next, 'the directory', `a gap: it is at ${directory.offsetBytes}`)
  }
  return entries
}

function placeEntry(source: ByteSource, record: CentralRecord): Placed {
  const at = record.localAt
  const fixed = bytesAt(source, at, HEADER_BYTES, 'a local header')
  if (fixed.readUInt32LE(0) !== SIGNATURES.local) throw malformed(at, 'a local header', shownBytes(fixed))
  const length = HEADER_BYTES + fixed.readUInt16LE(26) + fixed.readUInt16LE(28)
  const header = Buffer.from(bytesAt(source, at, length, 'a local header'))
  const extraAt = HEADER_BYTES + header.readUInt16LE(26)
  const extra = readExtra(header.subarray(extraAt), at + extraAt)
  const same = (what: string, found: number | string, wanted: number | string) => {
    if (found !== wanted)
      throw malformed(at, `the ${what} of the directory (${wanted}) for ${shown(record.name)}`, `${found}`)
  }
  same('name', header.subarray(HEADER_BYTES, extraAt).toString('hex'), record.nameBytes.toString('hex'))
  same('flags', header.readUInt16LE(6), record.flags)
  same('method', header.readUInt16LE(8), record.method)
  same('time', header.readUInt16LE(10), record.bytes.readUInt16LE(12))
  same('date', header.readUInt16LE(12), record.bytes.readUInt16LE(14))
  // The version needed says what a reader must be able to do, not what the entry is: a jar in a thousand has two.
  const wide = zip64Of(extra)
  const descriptor = (record.flags & FLAGS.descriptor) !== 0
  const known = (what: string, found: number, wanted: number) => {
    if (!descriptor || found !== 0) same(what, found, wanted)
  }
  known('CRC-32', header.readUInt32LE(14), record.crc32)
  const sizes = localSizes(header, wide, at)
  known('packed size', sizes.packedBytes, record.packedBytes)
  known('size', sizes.sizeBytes, record.sizeBytes)
  return { record, header, extra, contentAt: at + length }
}

function localSizes(header: Buffer, wide: Buffer | undefined, at: number) {
  const packedBytes = header.readUInt32LE(18)
  const sizeBytes = header.readUInt32LE(22)
  if (wide === undefined) return { packedBytes, sizeBytes }
  // In a local header the field holds both sizes, and only both (4.5.3).
  if (wide.byteLength !== 16) throw malformed(at, 'a zip64 field with both sizes', `${wide.byteLength} bytes`)
  const found = { sizeBytes: wideNumber(wide, 0, at), packedBytes: wideNumber(wide, 8, at) }
  const agrees = (narrow: number, value: number) => narrow === WIDE || narrow === value
  if (!agrees(packedBytes, found.packedBytes) || !agrees(sizeBytes, found.sizeBytes)) {
    throw malformed(at, 'sizes that agree with the zip64 field', `${packedBytes} and ${sizeBytes}`)
  }
  return found
}

/** The data descriptor fills the room up to the next header; so its form is not a matter of guessing. Gives its length. */
function checkDescriptor(source: ByteSource, record: CentralRecord, at: number, roomBytes: number): number {
  if (record.method === 0 && record.sizeBytes > 0) {
    throw malformed(at, 'no data descriptor after stored content, whose end it cannot show', shown(record.name))
  }
  const form = DESCRIPTOR_BYTES[roomBytes as keyof typeof DESCRIPTOR_BYTES]
  if (form === undefined)
    throw malformed(at, 'a data descriptor of 12, 16, 20 or 24 bytes', `${roomBytes} bytes up to what follows`)
  const [from, width] = form
  const bytes = bytesAt(source, at, roomBytes, 'a data descriptor')
  const number = (offset: number) => (width === 4 ? bytes.readUInt32LE(offset) : wideNumber(bytes, offset, at))
  const agrees =
    (from === 0 || bytes.readUInt32LE(0) === SIGNATURES.descriptor) &&
    bytes.readUInt32LE(from) === record.crc32 &&
    number(from + 4) === record.packedBytes &&
    number(from + 4 + width) === record.sizeBytes
  if (!agrees)
    throw malformed(at, `a data descriptor as the directory has it for ${shown(record.name)}`, shownBytes(bytes))
  return roomBytes
}
