/**
 * Hashes of pieces and the check of one piece against a manifest. BLAKE3 by the native module; where that cannot be loaded,
 * only manifests with SHA-256 pieces can be checked (`base/pieces.ts`). Pure.
 */
import { hash } from 'node:crypto'
import { PIECE_HASH_BYTES, type PieceAlgorithm, type PieceManifest } from '../../../base/pieces.ts'

const native = await import('@napi-rs/blake-hash').catch(() => undefined)

/** True if pieces hashed this way can be checked on this machine. */
export function canHash(algorithm: PieceAlgorithm): boolean {
  return algorithm === 'sha256' || native !== undefined
}

/** The hash of one piece, `PIECE_HASH_BYTES` long. The caller asked `canHash` before. */
export function hashPiece(algorithm: PieceAlgorithm, piece: Uint8Array): Uint8Array {
  if (algorithm === 'blake3' && native !== undefined) return new native.Blake3Hasher().update(piece).digestBuffer()
  return hash('sha256', piece, 'buffer')
}

/** True if `piece` is the piece `index` of the manifest's blob. */
export function pieceAgrees(manifest: PieceManifest, index: number, piece: Uint8Array): boolean {
  const wanted = manifest.hashes.subarray(index * PIECE_HASH_BYTES, (index + 1) * PIECE_HASH_BYTES)
  return Buffer.compare(hashPiece(manifest.algorithm, piece), wanted) === 0
}
