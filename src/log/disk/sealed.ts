/**
 * Small records of which each says by a digest that it is whole: canonical JSON on the first line, its SHA-256 on the second. They
 * are replaced by renaming, so a crash leaves the old or the new one; the digest finds what a disk or an editor did to them.
 */
import { createHash } from 'node:crypto'
import { canonicalJson, type Json, parseCanonicalJson } from '../../base/crypto/canonical-json.ts'
import { AppError } from '../../base/errors.ts'
import type { TreeHead } from '../log.ts'
import { HASH_BYTES } from '../tree/hash.ts'

/** Room for a note with every cosigner that it may have. */
const RECORD_BYTES_MAX = 1_048_576

/** The bytes of a record. */
export function seal(value: Json): Uint8Array {
  const body = canonicalJson(value)
  return Buffer.concat([body, Buffer.from(`\n${createHash('sha256').update(body).digest('hex')}\n`)])
}

/** The fields of a record. @throws damaged.log */
export function unseal(bytes: Uint8Array, path: string): Readonly<Record<string, Json>> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = text.indexOf('\n')
  const body = text.subarray(0, Math.max(0, end))
  if (text.subarray(body.byteLength).toString() !== `\n${createHash('sha256').update(body).digest('hex')}\n`) {
    throw new AppError('damaged.log', `reading ${path}: it does not have the digest that it states`, { data: { path } })
  }
  return parseCanonicalJson(body, { bytesMax: RECORD_BYTES_MAX }) as Readonly<Record<string, Json>>
}

/** A tree head as it stands in a record. */
export function sealedHead(head: TreeHead | undefined): Json {
  return head === undefined ? null : { size: head.size, root: encodeHex(head.root) }
}

/** The tree head that `sealedHead` made; undefined for none. @throws damaged.log */
export function headOfSealed(value: Json | undefined, path: string): TreeHead | undefined {
  if (value === null) return undefined
  const { size, root } = (value ?? {}) as { readonly size?: Json; readonly root?: Json }
  const hash = typeof root === 'string' ? Uint8Array.from(Buffer.from(root, 'hex')) : new Uint8Array(0)
  if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 && hash.byteLength === HASH_BYTES) {
    return { size, root: hash }
  }
  throw new AppError('damaged.log', `reading ${path}: wanted a size and a root, found something else`, {
    data: { path },
  })
}

/** Bytes as lower-case hex digits. */
export function encodeHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
