/**
 * Timestamped Ed25519 cosignatures on checkpoints, `cosignature/v1` (C2SP tlog-cosignature): "as of this time, the largest
 * consistent tree that I have seen of this log has this root". Pure: the time and the decision to sign are the caller's.
 */
import { SIGNATURE_BYTES, type Signer, verifyEd25519 } from '../../base/crypto/ed25519.ts'
import { AppError } from '../../base/errors.ts'
import { makeVkey, type Vkey } from '../../base/network/vkey.ts'
import type { NoteSignature } from './signature-line.ts'

/** Bytes of a `timestamped_signature`: a uint64 and an Ed25519 signature. */
export const COSIGNATURE_BYTES: number = 8 + SIGNATURE_BYTES

const encoder = new TextEncoder()

/** The bytes that a cosigner signs: two lines, and the whole text of the checkpoint. */
export function cosignatureMessage(text: string, timestampSeconds: number): Uint8Array {
  return encoder.encode(`cosignature/v1\ntime ${timestampSeconds}\n${text}`)
}

/** Cosigns the text of a checkpoint under a name. @throws usage.network for the name; usage.log for a time that is no whole number of seconds */
export function cosign(text: string, name: string, signer: Signer, timestampSeconds: number): NoteSignature {
  if (!Number.isSafeInteger(timestampSeconds) || timestampSeconds < 0) {
    throw new AppError('usage.log', `wanted a time in whole seconds since 1970, found ${timestampSeconds}`)
  }
  const { keyId } = makeVkey(name, 'cosignature', signer.publicKey)
  const signature = Buffer.alloc(COSIGNATURE_BYTES)
  signature.writeBigUInt64BE(BigInt(timestampSeconds))
  signature.set(signer.sign(cosignatureMessage(text, timestampSeconds)), 8)
  return { name, keyId, signature }
}

/**
 * When the cosigner signed this text, in seconds since 1970, or undefined if the cosignature does not verify. Times from 2^53 on
 * are refused: they are no times, and no numbers here.
 */
export function verifyCosignature(text: string, key: Vkey, signature: Uint8Array): number | undefined {
  if (key.type !== 'cosignature' || signature.byteLength !== COSIGNATURE_BYTES) return undefined
  const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0)
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  const timestampSeconds = Number(time)
  const message = cosignatureMessage(text, timestampSeconds)
  return verifyEd25519(key.publicKey, message, signature.subarray(8)) ? timestampSeconds : undefined
}
