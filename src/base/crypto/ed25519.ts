/**
 * Ed25519 (RFC 8032): the only place where Pyrsia verifies signatures of its own statements (transactions, log, envelopes).
 * Published verifiers disagree on edge cases, so all nodes must ask the same one: OpenSSL through `node:crypto`, which is
 * cofactorless and refuses S >= L. Keys on which verifiers could disagree are kept out at registration by `checkPublicKey`.
 * TLS, libp2p, CometBFT and Sigstore bring their own verifiers; `tools/tidy` keeps everything else here.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { AppError } from '../errors.ts'

/** Bytes of a public key. RFC 8032, 5.1.5. */
export const PUBLIC_KEY_BYTES = 32
/** Bytes of a signature. RFC 8032, 5.1.6. */
export const SIGNATURE_BYTES = 64
/** Bytes of the seed that a private key is made of. RFC 8032, 5.1.5. */
export const SEED_BYTES = 32

/** Signs with one key. Whoever makes it owns the secret; the interface never gives it out. */
export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** The signature (64 bytes) of `message` itself, not of a hash of it. */
  sign(message: Uint8Array): Uint8Array
}

/** Fixed head of an Ed25519 private key in PKCS #8; the 32 bytes of the seed follow. RFC 8410, 7. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Key objects that are kept: some networks have a few hundred keys, and making one costs as much as half a verification. */
const KEY_OBJECTS_MAX = 1024
const keyObjects = new Map<string, KeyObject>()

/**
 * True if `signature` (64 bytes) is one of `message` by `publicKey` (32 bytes). Anything malformed is false, never an error.
 * RFC 8032, 5.1.7, without the cofactor.
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.byteLength !== PUBLIC_KEY_BYTES || signature.byteLength !== SIGNATURE_BYTES) return false
  return verify(null, message, keyObjectOf(publicKey), signature)
}

/**
 * Lets a public key pass only if all verifiers agree on what it signs: 32 bytes, the canonical encoding of a point of the
 * prime-order group. Slow (about a millisecond): for registration alone. @throws usage.key
 */
export function checkPublicKey(bytes: Uint8Array): void {
  if (bytes.byteLength !== PUBLIC_KEY_BYTES) {
    throw new AppError('usage.key', `wanted an Ed25519 public key of 32 bytes, found ${bytes.byteLength}`)
  }
  let point: InstanceType<typeof ed25519.Point>
  try {
    point = ed25519.Point.fromBytes(bytes, false)
  } catch (error) {
    throw new AppError('usage.key', 'wanted the canonical encoding of a point on Ed25519', { cause: error })
  }
  if (point.isSmallOrder()) throw new AppError('usage.key', 'found an Ed25519 public key of low order')
  if (!point.isTorsionFree()) {
    throw new AppError('usage.key', 'found an Ed25519 public key outside of the prime-order group')
  }
}

/** The signer of a secret seed of 32 bytes. The caller keeps the seed. @throws usage.key */
export function signerOfSeed(seed: Uint8Array): Signer {
  if (seed.byteLength !== SEED_BYTES) {
    throw new AppError('usage.key', `wanted an Ed25519 seed of 32 bytes, found ${seed.byteLength}`)
  }
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' })
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' })
  const publicKey = Uint8Array.from(Buffer.from(x, 'base64url'))
  return { publicKey, sign: (message) => Uint8Array.from(sign(null, message, privateKey)) }
}

function keyObjectOf(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString('base64url')
  const kept = keyObjects.get(x)
  if (kept !== undefined) return kept
  const made = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  if (keyObjects.size >= KEY_OBJECTS_MAX) {
    for (const oldest of keyObjects.keys()) {
      keyObjects.delete(oldest)
      break
    }
  }
  keyObjects.set(x, made)
  return made
}
