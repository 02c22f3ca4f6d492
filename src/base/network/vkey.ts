/**
 * Verifier keys in their text form `<name>+<key id>+<base64 of type and key>` (C2SP signed-note, "Verifier keys"): how a network
 * names the keys that sign its log. Pure. What a note says and whether its signatures hold is the business of `log/note/`.
 */
import { createHash } from 'node:crypto'
import { AppError } from '../errors.ts'

/** Signature types that a network's keys may have. C2SP signed-note, "Signature types". */
export const VKEY_TYPES = { ed25519: 0x01, cosignature: 0x04 } as const

/** What a key is for: `ed25519` signs checkpoints as the log, `cosignature` signs them with a time, as a witness. */
export type VkeyType = keyof typeof VKEY_TYPES

/** A verifier key, read. */
export interface Vkey {
  /** Who signs: for a log its origin. */
  readonly name: string
  readonly type: VkeyType
  /** 4 bytes, derived from all the rest. */
  readonly keyId: Uint8Array
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
}

/** Most characters of a key's name and of its whole text. */
const NAME_LENGTH_MAX = 128
const TEXT_LENGTH_MAX = 256
const KEY_BYTES = 32

/**
 * True for what may name a key or a log: not empty, at most 128 characters, no space, no plus sign, no control character
 * (C2SP signed-note, "Signatures").
 */
export function isKeyName(text: string): boolean {
  return text.length <= NAME_LENGTH_MAX && /^[^\s+\p{Cc}\p{Cs}]+$/u.test(text)
}

/** Reads a verifier key; its point is not looked at (`checkPublicKey` does). @throws usage.network */
export function readVkey(text: string): Vkey {
  const refuse = (found: string): AppError =>
    new AppError('usage.network', `wanted a verifier key <name>+<key id>+<base64>, found ${found}`)
  if (text.length > TEXT_LENGTH_MAX) throw refuse(`${text.length} characters`)
  const [, name = '', id = '', body = ''] = /^([^+]*)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text) ?? []
  const bytes = Buffer.from(body, 'base64')
  if (!isKeyName(name) || bytes.toString('base64') !== body) throw refuse(JSON.stringify(text))
  const type = (Object.keys(VKEY_TYPES) as VkeyType[]).find((each) => VKEY_TYPES[each] === bytes[0])
  if (type === undefined) throw refuse(`type ${bytes[0]} in that of ${name}; 1 and 4 are known`)
  if (bytes.byteLength !== 1 + KEY_BYTES) throw refuse(`${bytes.byteLength - 1} bytes of key in that of ${name}`)
  const publicKey = Uint8Array.from(bytes.subarray(1))
  const keyId = keyIdOf(name, type, publicKey)
  if (Buffer.from(keyId).toString('hex') !== id) {
    throw refuse(`the key id ${id} in that of ${name}, whose key has ${Buffer.from(keyId).toString('hex')}`)
  }
  return { name, type, keyId, publicKey }
}

/** The verifier key of these parts; its id follows from them. @throws usage.network for a name or key that can be none */
export function makeVkey(name: string, type: VkeyType, publicKey: Uint8Array): Vkey {
  if (!isKeyName(name) || publicKey.byteLength !== KEY_BYTES) {
    const found = `${JSON.stringify(name.slice(0, NAME_LENGTH_MAX))} with ${publicKey.byteLength} bytes`
    throw new AppError('usage.network', `wanted a key's name and 32 bytes of Ed25519, found ${found}`)
  }
  return { name, type, keyId: keyIdOf(name, type, publicKey), publicKey }
}

/** The text of a verifier key. The name must satisfy `isKeyName`. @throws bug.assertion */
export function formatVkey({ name, type, publicKey }: Omit<Vkey, 'keyId'>): string {
  if (!isKeyName(name) || publicKey.byteLength !== KEY_BYTES) {
    throw new AppError('bug.assertion', `${JSON.stringify(name)} with ${publicKey.byteLength} bytes is no verifier key`)
  }
  const body = Buffer.from([VKEY_TYPES[type], ...publicKey]).toString('base64')
  return `${name}+${Buffer.from(keyIdOf(name, type, publicKey)).toString('hex')}+${body}`
}

/** The first 4 bytes of SHA-256 of name, newline, type and key. C2SP signed-note, "Signatures"; tlog-cosignature, "Format". */
function keyIdOf(name: string, type: VkeyType, publicKey: Uint8Array): Uint8Array {
  const hash = createHash('sha256').update(`${name}\n`).update(Uint8Array.of(VKEY_TYPES[type])).update(publicKey)
  return Uint8Array.from(hash.digest().subarray(0, 4))
}
