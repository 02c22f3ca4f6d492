/**
 * Checksums as repositories state them: beside each file (`.sha512` and the like) and in reply headers (`X-Checksum-Sha1`).
 * Strong ones prove the bytes; sha1 and md5 are what most of the old releases have, and are shown as weak.
 */
import {
  ALGORITHMS,
  type Algorithm,
  type Digest,
  digestBytes,
  digestOf,
  hexOf,
  isStrong,
} from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import type { Headers } from '../../../base/located.ts'

const HEX_LENGTH: Readonly<Record<Algorithm, number>> = { sha512: 128, sha256: 64, sha1: 40, md5: 32 }
const TEXT_BYTES_MAX = 4096

/** Reply headers that state checksums. */
export const CHECKSUM_HEADERS: readonly string[] = ALGORITHMS.map((algorithm) => `x-checksum-${algorithm}`)

/** The digest in a checksum file: hex alone, `hex  name` or `NAME(file) = hex`; undefined for anything else, an error page among it. */
export function readChecksum(bytes: Uint8Array, algorithm: Algorithm): Digest | undefined {
  if (bytes.byteLength > TEXT_BYTES_MAX) return undefined
  const text = Buffer.from(bytes).toString('latin1')
  const hex = `([0-9a-f]{${HEX_LENGTH[algorithm]}})`
  const found =
    new RegExp(`^\\s*${hex}(?:\\s|$)`, 'i').exec(text) ?? new RegExp(`^[^<>\\n]*=\\s*${hex}\\s*$`, 'i').exec(text)
  return found?.[1] === undefined ? undefined : digestOf(algorithm, found[1])
}

/** The digests that a reply's headers state, strongest first; malformed ones are left out. */
export function headerChecksums(headers: Headers): Digest[] {
  return ALGORITHMS.flatMap((algorithm) => {
    const stated = headers[`x-checksum-${algorithm}`]?.trim() ?? ''
    return stated.length === HEX_LENGTH[algorithm] && /^[0-9a-f]+$/i.test(stated) ? [digestOf(algorithm, stated)] : []
  })
}

/** Reply headers that state these digests: they spare the client a request. */
export function checksumHeaders(digests: readonly Digest[]): Headers {
  return Object.fromEntries(
    digests.map((digest) => [`x-checksum-${digest.slice(0, digest.indexOf(':'))}`, hexOf(digest)]),
  )
}

/** True if one of the digests proves the bytes. */
export function hasStrong(digests: readonly Digest[]): boolean {
  return digests.some(isStrong)
}

/** The checksum file for bytes that this node serves. */
export function makeChecksum(bytes: Uint8Array, algorithm: Algorithm): Uint8Array {
  return Buffer.from(hexOf(digestBytes(algorithm, bytes)))
}

/** The checksum file of upstream, without anything beside the digest. @throws untrusted.reply if it is none */
export function cleanChecksum(bytes: Uint8Array, algorithm: Algorithm): Uint8Array {
  const digest = readChecksum(bytes, algorithm)
  if (digest !== undefined) return Buffer.from(hexOf(digest))
  throw new AppError(
    'untrusted.reply',
    `reading a .${algorithm} file: wanted ${HEX_LENGTH[algorithm]} hex digits, found none`,
  )
}

/** `text` as the name of a hash function. */
export function readAlgorithm(text: string | undefined): Algorithm | undefined {
  return ALGORITHMS.find((algorithm) => algorithm === text)
}
