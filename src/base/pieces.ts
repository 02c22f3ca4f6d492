/**
 * Piece manifests: what lets a part of a blob be checked before the whole has arrived (`4-network.md`, "Getting it, verified").
 * The digest stays the authority; a manifest is only as good as whoever signed it.
 */
import type { BlobId } from './digest.ts'

/** Bytes of every piece but the last. */
export const PIECE_BYTES = 1_048_576
/** Bytes of one piece hash. */
export const PIECE_HASH_BYTES = 32

/** How pieces are hashed: BLAKE3, or SHA-256 where the native BLAKE3 module is absent. */
export type PieceAlgorithm = 'blake3' | 'sha256'

/** The hashes of a blob's pieces of `PIECE_BYTES` each. */
export interface PieceManifest {
  readonly id: BlobId
  readonly sizeBytes: number
  readonly algorithm: PieceAlgorithm
  /** `PIECE_HASH_BYTES` for each piece, in order. */
  readonly hashes: Uint8Array
}

/** Number of pieces of a blob of this size; an empty blob has none. */
export function pieceCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / PIECE_BYTES)
}

/** Bytes of piece `index` of a blob of this size. */
export function pieceSize(sizeBytes: number, index: number): number {
  return Math.min(PIECE_BYTES, sizeBytes - index * PIECE_BYTES)
}
