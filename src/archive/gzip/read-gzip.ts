/** The strict reader of gzip files (RFC 1952): exactly one member, its checksum and length right, and nothing after it. */
import { crc32 } from 'node:zlib'
import type { ArchiveLimits, ByteSource } from '../archive.ts'
import { malformed, shown, shownBytes, tooLarge } from '../malformed.ts'
import type { Reading } from '../reading/inflate-need.ts'

/** What the header says beside the content. */
export interface GzipFacts {
  /** What counts: a comment, extra fields. */
  readonly attributes: Readonly<Record<string, string>>
  /** What no level looks at: time, name, system, hint of the compressor. */
  readonly remarks: readonly string[]
}

const FLAGS = { text: 1, checksum: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const
const FIXED_BYTES = 10
const TRAILER_BYTES = 8
const HEADER_BYTES_MAX = 132_000

/** Passes the content to `sink`, in order. @throws untrusted.archive, exhausted.size, and what the sink throws */
export function* readGzip(
  source: ByteSource,
  limits: ArchiveLimits,
  sink: (chunk: Uint8Array) => void,
): Reading<GzipFacts> {
  const { facts, lengthBytes } = readGzipHeader(source)
  const packedBytes = source.sizeBytes - lengthBytes - TRAILER_BYTES
  if (packedBytes < 1) throw malformed(lengthBytes, 'compressed content and a trailer', 'the end of the file')
  const trailerAt = source.sizeBytes - TRAILER_BYTES
  const trailer = Buffer.from(source.read(trailerAt, TRAILER_BYTES))
  const sizeBytesMax = Math.min(limits.unpackedBytesMax, Math.max(limits.ratioFromBytes, packedBytes * limits.ratioMax))
  const state = { crc32: 0, sizeBytes: 0 }
  const inflated = yield {
    source,
    offsetBytes: lengthBytes,
    packedBytesMax: packedBytes,
    sizeBytesMax,
    expectedBytes: trailer.readUInt32LE(4),
    sink(chunk) {
      state.crc32 = crc32(chunk, state.crc32)
      state.sizeBytes += chunk.byteLength
      sink(chunk)
    },
  }
  if (inflated.kind === 'broken') throw malformed(lengthBytes, 'a deflate stream', inflated.reason)
  if (inflated.kind === 'long') throw tooLarge(`at most ${sizeBytesMax} bytes from ${packedBytes}`, 'more')
  if (inflated.packedBytes !== packedBytes) {
    const at = lengthBytes + inflated.packedBytes
    throw malformed(at, 'one member that ends with the file', `${source.sizeBytes - at - TRAILER_BYTES} bytes after it`)
  }
  if (trailer.readUInt32LE(0) !== state.crc32) {
    throw malformed(trailerAt, `the CRC-32 ${state.crc32} of the content`, `${trailer.readUInt32LE(0)}`)
  }
  if (trailer.readUInt32LE(4) !== state.sizeBytes % 2 ** 32) {
    throw malformed(
      trailerAt + 4,
      `the length ${state.sizeBytes % 2 ** 32} of the content`,
      `${trailer.readUInt32LE(4)}`,
    )
  }
  return facts
}

/** Reads the header. @throws untrusted.archive */
function readGzipHeader(source: ByteSource): { readonly facts: GzipFacts; readonly lengthBytes: number } {
  const bytes = Buffer.from(source.read(0, Math.min(source.sizeBytes, HEADER_BYTES_MAX)))
  if (bytes.byteLength < FIXED_BYTES || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) {
    throw malformed(0, 'a gzip header', shownBytes(bytes.subarray(0, FIXED_BYTES)))
  }
  const flags = bytes[3] ?? 0
  if ((flags & FLAGS.reserved) !== 0) throw malformed(3, 'no reserved flags', `0x${flags.toString(16)}`)
  const attributes: Record<string, string> = {}
  const remarks = [`gzip time ${bytes.readUInt32LE(4)}`, `gzip system ${bytes[9]}`, `gzip hint ${bytes[8]}`]
  let at = FIXED_BYTES
  if ((flags & FLAGS.extra) !== 0) {
    if (at + 2 > bytes.byteLength) throw malformed(at, 'extra fields', 'the end of the file')
    const end = at + 2 + bytes.readUInt16LE(at)
    if (end > bytes.byteLength) throw malformed(at, 'extra fields', 'the end of the file')
    attributes['gzip extra'] = `hex:${bytes.toString('hex', at + 2, end)}`
    at = end
  }
  const text = (what: string): string => {
    const end = bytes.indexOf(0, at)
    if (end === -1) throw malformed(at, `the end of the ${what}`, 'none')
    const found = bytes.toString('latin1', at, end)
    at = end + 1
    return found
  }
  if ((flags & FLAGS.name) !== 0) remarks.push(`gzip name ${shown(text('name'))}`)
  if ((flags & FLAGS.comment) !== 0) attributes['gzip comment'] = text('comment')
  if ((flags & FLAGS.checksum) !== 0) {
    const stated = at + 2 <= bytes.byteLength ? bytes.readUInt16LE(at) : -1
    const wanted = crc32(bytes.subarray(0, at)) & 0xffff
    if (stated !== wanted) throw malformed(at, `the header's checksum ${wanted}`, `${stated}`)
    at += 2
  }
  return { facts: { attributes, remarks }, lengthBytes: at }
}
