/**
 * This node's identity: one Ed25519 key in `<directory>/identity.key` (PKCS #8 PEM, mode 0600). Adapter: it reads and writes
 * that file. Whoever has the file is this node: it never leaves the directory, and it is never logged.
 * Lost: the node comes back as a stranger with a new id. Copied: two nodes with one id, of which peers see the newest record.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import type { Random } from '../base/clock.ts'
import { AppError, wrapError } from '../base/errors.ts'
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
/** A PEM of one Ed25519 key has some 120 bytes; anything much larger is not ours. */
const FILE_BYTES_MAX = 4096

/**
 * The identity in `directory`, made on first use. The directory must exist.
 * @throws usage.config if others than the owner may read the file; damaged.identity if it holds no Ed25519 key
 */
export function loadIdentity(directory: string, dependencies: { readonly random: Random }): Identity {
  const file = join(directory, IDENTITY_FILE)
  const kept = readKey(file)
  if (kept !== undefined) return identityOf(kept)
  writeKey(directory, file, privateKeyOfSeed(dependencies.random.bytes(KEY_BYTES)))
  const made = readKey(file)
  if (made === undefined) throw new AppError('damaged.identity', `wrote ${file}, then found it missing`)
  return identityOf(made)
}

/** The identity of a seed of `KEY_BYTES` bytes: for tests and for the worker that is handed its seed. */
export function identityOfSeed(seed: Uint8Array): Identity {
  return identityOf(privateKeyOfSeed(seed))
}

/** The 32 bytes that an identity's private key is made of. Secret. */
export function seedOf(identity: Identity): Uint8Array {
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

function privateKeyOfSeed(seed: Uint8Array): KeyObject {
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

function readKey(file: string): KeyObject | undefined {
  let descriptor: number
  try {
    descriptor = fs.openSync(file, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new AppError('damaged.identity', `opening the identity key ${file}`, { cause: error })
  }
  try {
    const found = fs.fstatSync(descriptor)
    if ((found.mode & 0o077) !== 0) {
      const mode = (found.mode & 0o777).toString(8)
      throw new AppError('usage.config', `${file} has mode ${mode}, wanted 600: others may read it; chmod 600 it`)
    }
    if (found.size > FILE_BYTES_MAX) {
      throw new AppError('damaged.identity', `wanted an Ed25519 key in ${file}, found ${found.size} bytes`)
    }
    return parseKey(file, fs.readFileSync(descriptor))
  } finally {
    fs.closeSync(descriptor)
  }
}

function parseKey(file: string, bytes: Buffer): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey({ key: bytes, format: 'pem' })
  } catch (error) {
    throw new AppError('damaged.identity', `wanted an Ed25519 key (PKCS #8 PEM) in ${file}`, { cause: error })
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new AppError('damaged.identity', `wanted an Ed25519 key in ${file}, found ${key.asymmetricKeyType}`)
  }
  return key
}

/** Writes beside and links in, so that of two first starts one wins and nobody ever reads half a key. */
function writeKey(directory: string, file: string, key: KeyObject): void {
  const beside = `${file}.${process.pid}.new`
  fs.rmSync(beside, { force: true })
  const descriptor = fs.openSync(beside, 'wx', 0o600)
  try {
    fs.writeFileSync(descriptor, key.export({ type: 'pkcs8', format: 'pem' }))
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
  try {
    fs.linkSync(beside, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    fs.rmSync(beside, { force: true })
  }
  const folder = fs.openSync(directory, 'r')
  try {
    fs.fsyncSync(folder)
  } finally {
    fs.closeSync(folder)
  }
}
