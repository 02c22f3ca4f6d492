/**
 * The piece manifest as it travels: `PYRSIA-PIECES/1`, algorithm, size, sha256, piece hashes, signer's public key, signature
 * (`4-network.md`, "Getting it, verified"). The signer says "I hashed the whole blob, and these are its pieces"; what that is
 * worth depends on who it is. Pure.
 */
import { verify } from 'node:crypto'
import { type BlobId, digestOf, hexOf } from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import { PIECE_HASH_BYTES, type PieceManifest, pieceCount } from '../../../base/pieces.ts'
import { KEY_BYTES, keyObjectOf, peerIdOf, SIGNATURE_BYTES } from '../../identity.ts'
import type { Identity } from '../../neighbour.ts'
import type { PeerId } from '../../peers.ts'

const MAGIC = Buffer.from('PYRSIA-PIECES/1\n', 'latin1')
const HEAD_BYTES = MAGIC.byteLength + 1 + 8 + 32
const TAIL_BYTES = KEY_BYTES + SIGNATURE_BYTES
const ALGORITHM_CODES = { blake3: 1, sha256: 2 } as const

/** Media type of a signed manifest. */
export const MANIFEST_TYPE = 'application/vnd.pyrsia.pieces'

/** A manifest whose signature holds, and who signed it. */
export interface SignedManifest {
  readonly manifest: PieceManifest
  readonly signer: PeerId
}

/** Bytes of the signed manifest of a blob of this size. */
export function signedManifestBytes(sizeBytes: number): number {
  return HEAD_BYTES + pieceCount(sizeBytes) * PIECE_HASH_BYTES + TAIL_BYTES
}

/** The manifest with this node's signature. The node must have hashed the whole blob itself. */
export function signManifest(manifest: PieceManifest, identity: Identity): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  MAGIC.copy(head)
  head.writeUInt8(ALGORITHM_CODES[manifest.algorithm], MAGIC.byteLength)
  head.writeBigUInt64BE(BigInt(manifest.sizeBytes), MAGIC.byteLength + 1)
  Buffer.from(hexOf(manifest.id), 'hex').copy(head, MAGIC.byteLength + 9)
  const signed = Buffer.concat([head, manifest.hashes, identity.publicKey])
  return Buffer.concat([signed, identity.sign(signed)])
}

/**
 * Reads and verifies a signed manifest for the blob `id` of `sizeBytes` bytes.
 * @throws usage.manifest if it is malformed or for another blob; untrusted.signature
 */
export function openManifest(bytes: Uint8Array, id: BlobId, sizeBytes: number): SignedManifest {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wantedBytes = signedManifestBytes(sizeBytes)
  if (buffer.byteLength !== wantedBytes || !buffer.subarray(0, MAGIC.byteLength).equals(MAGIC)) {
    throw malformed(`wanted ${wantedBytes} bytes of a piece manifest, found ${buffer.byteLength} bytes`)
  }
  const code = buffer.readUInt8(MAGIC.byteLength)
  const algorithm = code === ALGORITHM_CODES.blake3 ? 'blake3' : code === ALGORITHM_CODES.sha256 ? 'sha256' : undefined
  if (algorithm === undefined) throw malformed(`unknown piece algorithm ${code}`)
  const statedBytes = buffer.readBigUInt64BE(MAGIC.byteLength + 1)
  const statedId = digestOf('sha256', buffer.toString('hex', MAGIC.byteLength + 9, HEAD_BYTES))
  if (statedBytes !== BigInt(sizeBytes) || statedId !== id) {
    throw malformed(
      `wanted the pieces of ${id} (${sizeBytes} bytes), found those of ${statedId} (${statedBytes} bytes)`,
    )
  }
  const signedEnd = buffer.byteLength - SIGNATURE_BYTES
  const publicKey = buffer.subarray(signedEnd - KEY_BYTES, signedEnd)
  const signature = buffer.subarray(signedEnd)
  if (!verify(null, buffer.subarray(0, signedEnd), keyObjectOf(publicKey), signature)) {
    throw new AppError('untrusted.signature', `the signature of the piece manifest of ${id} does not verify`)
  }
  const hashes = Uint8Array.from(buffer.subarray(HEAD_BYTES, signedEnd - KEY_BYTES))
  return { manifest: { id, sizeBytes, algorithm, hashes }, signer: peerIdOf(publicKey) }
}

function malformed(message: string): AppError {
  return new AppError('usage.manifest', message)
}
