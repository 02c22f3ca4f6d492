/**
 * Hashes pieces for piece manifests: BLAKE3 from the native module, SHA-256 on platforms that it was not built for. Store and
 * data plane use it; both read a manifest's `algorithm`, so nodes with and without the module understand each other as far as
 * each can compute what the other used.
 */
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import type { BlobId } from './digest.ts'
import { AppError } from './errors.ts'
import {
  PIECE_BYTES,
  PIECE_HASH_BYTES,
  type PieceAlgorithm,
  type PieceManifest,
  pieceCount,
  pieceSize,
} from './pieces.ts'

type HashFunction = (bytes: Uint8Array) => Buffer

const blake3 = loadBlake3()

/** What this node hashes new blobs' pieces with. */
export const PIECE_ALGORITHM: PieceAlgorithm = blake3 === undefined ? 'sha256' : 'blake3'

/** True if this node can check manifests that use `algorithm`. */
export function canHashPieces(algorithm: PieceAlgorithm): boolean {
  return algorithm === 'sha256' || blake3 !== undefined
}

/** The hash (`PIECE_HASH_BYTES`) of one whole piece. @throws usage.manifest if this node lacks `algorithm` */
export function hashPiece(algorithm: PieceAlgorithm, piece: Uint8Array): Buffer {
  if (algorithm === 'sha256') return createHash('sha256').update(piece).digest()
  if (blake3 === undefined) {
    throw new AppError('usage.manifest', 'wanted to check a BLAKE3 piece, found no BLAKE3 module for this platform')
  }
  return blake3(piece)
}

/** True if `piece` is piece `index` of the manifest's blob. @throws usage.manifest if this node lacks its algorithm */
export function pieceAgrees(manifest: PieceManifest, index: number, piece: Uint8Array): boolean {
  if (piece.byteLength !== pieceSize(manifest.sizeBytes, index)) return false
  const at = index * PIECE_HASH_BYTES
  return hashPiece(manifest.algorithm, piece).equals(manifest.hashes.subarray(at, at + PIECE_HASH_BYTES))
}

/** The manifest of bytes that are already in memory and are known to hash to `id`. */
export function manifestOf(id: BlobId, bytes: Uint8Array): PieceManifest {
  const hashes = new Uint8Array(pieceCount(bytes.byteLength) * PIECE_HASH_BYTES)
  for (let index = 0; index * PIECE_BYTES < bytes.byteLength; index += 1) {
    const piece = bytes.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES)
    hashes.set(hashPiece(PIECE_ALGORITHM, piece), index * PIECE_HASH_BYTES)
  }
  return { id, sizeBytes: bytes.byteLength, algorithm: PIECE_ALGORITHM, hashes }
}

function loadBlake3(): HashFunction | undefined {
  try {
    const native: { readonly blake3: HashFunction } = createRequire(import.meta.url)('@napi-rs/blake-hash')
    return native.blake3
  } catch {
    return undefined
  }
}
