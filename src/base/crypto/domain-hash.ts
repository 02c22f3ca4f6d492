/**
 * SHA-256 over several values so that no two lists of values give the same bytes: each part is preceded by its length, and the first
 * part is the domain, a name that belongs to one use and one list of fields. Draw seeds, rankings and commitments are made with it.
 */
import { hash } from 'node:crypto'
import { AppError } from '../errors.ts'

/** One value: bytes as they are, text in UTF-8, a whole number from 0 to 2^53 - 1 as 8 bytes, big-endian. */
export type HashPart = Uint8Array | string | number

/**
 * The bytes that `domainHash` hashes: for the domain and then each part 4 bytes of length (big-endian) and the part. What a part is
 * (text, bytes or a number) is not written: the domain fixes the number and the kinds of its parts.
 * @throws bug.assertion for a number that is no whole number from 0 to 2^53 - 1, and for text with half a surrogate pair
 */
export function encodeParts(domain: string, parts: readonly HashPart[]): Uint8Array {
  const pieces = [domain, ...parts].map(bytesOf)
  const made = Buffer.allocUnsafe(pieces.reduce((sum, { length }) => sum + 4 + length, 0))
  let at = 0
  for (const bytes of pieces) {
    at = made.writeUInt32BE(bytes.length, at)
    made.set(bytes, at)
    at += bytes.length
  }
  return made
}

/** The SHA-256 (32 bytes) of `encodeParts`. @throws bug.assertion as `encodeParts` does */
export function domainHash(domain: string, parts: readonly HashPart[]): Uint8Array {
  return new Uint8Array(hash('sha256', encodeParts(domain, parts), 'buffer'))
}

function bytesOf(part: HashPart): Uint8Array {
  if (typeof part === 'number') {
    if (!Number.isSafeInteger(part) || part < 0) {
      throw new AppError('bug.assertion', `wanted a whole number from 0 to 2^53 - 1 to hash, found ${part}`)
    }
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(BigInt(part))
    return bytes
  }
  if (typeof part !== 'string') return part
  // Every lone surrogate would become the same replacement character.
  if (!part.isWellFormed()) throw new AppError('bug.assertion', 'wanted well-formed text to hash')
  return Buffer.from(part, 'utf8')
}
