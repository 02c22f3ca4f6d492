/**
 * This node's identity: one Ed25519 key in `<directory>/identity.key` (PKCS #8 PEM, mode 0600). Read and
 * written by `key-file.ts`. Whoever has the file is this node: it never leaves the directory, and it is never logged.
 * Lost: the node comes back as a stranger with a new id. Copied: two nodes with one id, of which peers see the newest record.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { join } from 'node:path'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import type { Random } from '../base/clock.ts'
import { AppError, wrapError } from '../base/errors.ts'
import { readKeyFile, writeKeyFile } from './key-file.ts'
import type { Identity } from './neighbour.ts'
import type { PeerId } from './peers.ts'

/** Name of the key file within the directory. */
export const IDENTITY_FILE = 'identity.key'
/** Bytes of an Ed25519 public key, and of its seed. RFC 8032, 5.1.5. */
export const KEY_BYTES = 32
/** Bytes of an Ed25519 signature. RFC 8032, 5.1.6. */
export const SIGNATURE_BYTES = 64

/** Fixed head of an Ed25519 private key in PKCS #8; the 32 bytes of the seed follow. RFC 8410, 7. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * The identity in `directory`, made on first use. The directory must exist.
 * @throws usage.config if others than the owner may read the file; damaged.identity if it holds no Ed25519 key
 */
export function loadIdentity(directory: string, dependencies: { readonly random: Random }): Identity {
  const kept = findIdentity(directory)
  if (kept !== undefined) return kept
  const file = join(directory, IDENTITY_FILE)
  writeKeyFile(file, privateKeyOfSeed(dependencies.random.bytes(KEY_BYTES)))
  const made = findIdentity(directory)
  if (made === undefined) throw new AppError('damaged.identity', `wrote ${file}, then found it missing`)
  return made
}

/** The identity in `directory` if it has one. @throws usage.config, damaged.identity */
export function findIdentity(directory: string): Identity | undefined {
  const kept = readKeyFile(join(directory, IDENTITY_FILE))
  return kept === undefined ? undefined : identityOf(kept)
}

/** The identity of a seed of `KEY_BYTES` bytes: for tests and for the worker that is handed its seed. */
export function identityOfSeed(seed: Uint8Array): Identity {
  return identityOf(privateKeyOfSeed(seed))
}

/** The 32 bytes that an identity's private key is made of. Secret. */
export function seedOf(identity: Pick<Identity, 'privateKey'>): Uint8Array {
  const der = identity.privateKey.export({ type: 'pkcs8', format: 'der' })
  return Uint8Array.from(der.subarray(PKCS8_HEAD.byteLength, PKCS8_HEAD.byteLength + KEY_BYTES))
}

/**
 * The peer id of an Ed25519 public key of 32 bytes: base58 of the identity multihash of its protobuf form
 * (libp2p specification, "Peer Ids and Keys"). @throws usage.message if it is no such key
 */
export function peerIdOf(publicKey: Uint8Array): PeerId {
  if (publicKey.byteLength !== KEY_BYTES) {
    throw new AppError('usage.message', `wanted an Ed25519 public key of 32 bytes, found ${publicKey.byteLength}`)
  }
  return peerIdFromPublicKey(publicKeyFromRaw(publicKey) as Parameters<typeof peerIdFromPublicKey>[0]).toString()
}

/** The Ed25519 public key (32 bytes) that a peer id holds. @throws usage.message if it is no Ed25519 peer id in its text form */
export function publicKeyOf(peerId: PeerId): Uint8Array {
  try {
    const parsed = peerId.length <= 64 ? peerIdFromString(peerId) : undefined
    // One key has several text forms (base36 CIDs); only this one is a name that can be compared.
    if (parsed?.type === 'Ed25519' && parsed.toString() === peerId) return parsed.publicKey.raw
  } catch (error) {
    throw notAPeerId(peerId, error)
  }
  throw notAPeerId(peerId, undefined)
}

/** An Ed25519 public key of 32 bytes as Node's key object. @throws usage.message */
export function keyObjectOf(publicKey: Uint8Array): KeyObject {
  try {
    const x = Buffer.from(publicKey).toString('base64url')
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  } catch (error) {
    throw wrapError(error, 'usage.message', 'reading an Ed25519 public key')
  }
}

function notAPeerId(peerId: string, cause: unknown): AppError {
  const shown = JSON.stringify(peerId.slice(0, 100))
  return new AppError('usage.message', `wanted an Ed25519 peer id such as 12D3KooW..., found ${shown}`, { cause })
}

/** The private key of a seed of `KEY_BYTES` bytes. @throws bug.assertion */
export function privateKeyOfSeed(seed: Uint8Array): KeyObject {
  if (seed.byteLength !== KEY_BYTES) {
    throw new AppError('bug.assertion', `wanted a seed of 32 bytes, found ${seed.byteLength}`)
  }
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' })
}

function identityOf(privateKey: KeyObject): Identity {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
  const publicKey = Uint8Array.from(Buffer.from(jwk.x ?? '', 'base64url'))
  return {
    peerId: peerIdOf(publicKey),
    privateKey,
    publicKey,
    sign: (message) => sign(null, message, privateKey),
  }
}
