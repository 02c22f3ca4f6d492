/** Reading numbers of a zip archive, and its signatures (PKWARE APPNOTE 6.3.10). */
import type { ByteSource } from '../archive.ts'
import { malformed } from '../malformed.ts'

/** The first four bytes of each record, as little-endian numbers. */
export const SIGNATURES = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  wideEnd: 0x06064b50,
  locator: 0x07064b50,
  descriptor: 0x08074b50,
} as const

/** A 32-bit field that says: look into the zip64 field. */
export const WIDE = 0xffffffff

/** A Buffer over bytes of the source. @throws untrusted.archive if they are not all there */
export function bytesAt(source: ByteSource, offsetBytes: number, lengthBytes: number, what: string): Buffer {
  if (offsetBytes < 0 || offsetBytes + lengthBytes > source.sizeBytes) {
    throw malformed(offsetBytes, `${what} of ${lengthBytes} bytes`, `the end of the file at ${source.sizeBytes}`)
  }
  const bytes = source.read(offsetBytes, lengthBytes)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A 64-bit number. @throws untrusted.archive above 2^53 - 1 */
export function wideNumber(bytes: Buffer, at: number, offsetBytes: number): number {
  const value = bytes.readBigUInt64LE(at)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(offsetBytes, 'a number below 2^53', String(value))
  return Number(value)
}
