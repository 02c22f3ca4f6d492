/**
 * Digests: the names of bytes. A blob's own name is its sha256 (`BlobId`); sha512, sha1 and md5 are aliases that some
 * ecosystems ask by. sha1 and md5 are weak: they find, they never prove (`isStrong`).
 */
import { createHash, type Hash } from 'node:crypto'
import type { Brand } from './brand.ts'
import { AppError } from './errors.ts'

/** Hash functions that name blobs, strongest first. */
export const ALGORITHMS = ['sha512', 'sha256', 'sha1', 'md5'] as const
/** One of `ALGORITHMS`. */
export type Algorithm = (typeof ALGORITHMS)[number]

/** `algorithm:lower-case hex`, of the right length. */
export type Digest = Brand<string, 'Digest'>
/** A sha256 digest: what a blob is called in the store and between peers. */
export type BlobId = Digest & Brand<string, 'BlobId'>

const HEX_LENGTH: Readonly<Record<Algorithm, number>> = { sha512: 128, sha256: 64, sha1: 40, md5: 32 }

/** `text` as a digest. @throws usage.digest */
export function parseDigest(text: string): Digest {
  const colon = text.indexOf(':')
  const algorithm = text.slice(0, colon)
  const hex = text.slice(colon + 1)
  if (!isAlgorithm(algorithm) || hex.length !== HEX_LENGTH[algorithm] || !/^[0-9a-f]+$/.test(hex)) {
    throw new AppError('usage.digest', `wanted a digest such as sha256:<64 hex digits>, found ${quote(text)}`)
  }
  return text as Digest
}

/** `text` as a blob id. @throws usage.digest if it is no sha256 digest */
export function parseBlobId(text: string): BlobId {
  const digest = parseDigest(text)
  if (algorithmOf(digest) !== 'sha256') {
    throw new AppError('usage.digest', `wanted a sha256 digest, found ${quote(text)}`)
  }
  return digest as BlobId
}

/** True if `digest` is a sha256 digest, which makes it a blob id. */
export function isBlobId(digest: Digest): digest is BlobId {
  return digest.startsWith('sha256:')
}

/** The digest of this algorithm with these hex digits. @throws usage.digest */
export function digestOf(algorithm: Algorithm, hex: string): Digest {
  return parseDigest(`${algorithm}:${hex.toLowerCase()}`)
}

/** The hash function of a digest. */
export function algorithmOf(digest: Digest): Algorithm {
  return digest.slice(0, digest.indexOf(':')) as Algorithm
}

/** The hex digits of a digest. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}

/** True for sha256 and sha512: collisions are out of reach, so the digest proves the bytes. */
export function isStrong(digest: Digest): boolean {
  const algorithm = algorithmOf(digest)
  return algorithm === 'sha256' || algorithm === 'sha512'
}

/**
 * The digests in a Subresource Integrity string (`sha512-<base64> sha1-<base64>`), strongest first. Unknown algorithms and
 * malformed parts are left out, as the SRI specification (3.5) says.
 */
export function digestsOfSri(sri: string): Digest[] {
  const found: Digest[] = []
  for (const part of sri.trim().split(/\s+/)) {
    const dash = part.indexOf('-')
    const algorithm = part.slice(0, dash)
    if (!isAlgorithm(algorithm)) continue
    const hex = Buffer.from(part.slice(dash + 1).split('?')[0] ?? '', 'base64').toString('hex')
    if (hex.length === HEX_LENGTH[algorithm]) found.push(`${algorithm}:${hex}` as Digest)
  }
  return found.sort((a, b) => ALGORITHMS.indexOf(algorithmOf(a)) - ALGORITHMS.indexOf(algorithmOf(b)))
}

/** A digest as a Subresource Integrity string. */
export function sriOf(digest: Digest): string {
  return `${algorithmOf(digest)}-${Buffer.from(hexOf(digest), 'hex').toString('base64')}`
}

/** The blob id of bytes that are already in memory. */
export function blobIdOf(bytes: Uint8Array): BlobId {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as BlobId
}

/** The digest of bytes that are already in memory. */
export function digestBytes(algorithm: Algorithm, bytes: Uint8Array): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest
}

/** Hashes passing bytes with several functions at once. `digests()` ends it. */
export interface Hasher {
  /** Adds bytes; reads them before it returns. */
  update(chunk: Uint8Array): void
  /** The digests of all that was added; may be called once. */
  digests(): ReadonlyMap<Algorithm, Digest>
}

/** A hasher for these functions (duplicates are ignored). */
export function createHasher(algorithms: readonly Algorithm[]): Hasher {
  const hashes = new Map<Algorithm, Hash>()
  for (const algorithm of algorithms) hashes.set(algorithm, createHash(algorithm))
  return {
    update(chunk) {
      for (const hash of hashes.values()) hash.update(chunk)
    },
    digests() {
      const found = new Map<Algorithm, Digest>()
      for (const [algorithm, hash] of hashes) found.set(algorithm, `${algorithm}:${hash.digest('hex')}` as Digest)
      return found
    },
  }
}

function isAlgorithm(text: string): text is Algorithm {
  return (ALGORITHMS as readonly string[]).includes(text)
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}
