/**
 * A leaf of the state tree: a few entries packed into one byte string, in ascending order of their keys, each as 2 bytes of key length,
 * 4 bytes of value length (big-endian), key, value. Packed, because a million small objects would cost more than what they hold.
 */

/** A key and its value, both in bytes. */
export interface Pair {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

const HEAD_BYTES = 6

/** The value of `key`; undefined if the bucket has none. A view of `bytes`, not a copy. */
export function valueIn(bytes: Buffer, key: Uint8Array): Uint8Array | undefined {
  const place = placeOf(bytes, key)
  return place.found ? bytes.subarray(place.valueAt, place.end) : undefined
}

/** `bytes` with `key` set to `value`, as new bytes, and whether the key is new. */
export function withPair(bytes: Buffer, key: Uint8Array, value: Uint8Array): { bytes: Buffer; added: boolean } {
  const { found, start, end } = placeOf(bytes, key)
  const size = HEAD_BYTES + key.length + value.length
  const made = Buffer.allocUnsafeSlow(bytes.length - (end - start) + size)
  bytes.copy(made, 0, 0, start)
  write(made, start, key, value)
  bytes.copy(made, start + size, end)
  return { bytes: made, added: !found }
}

/** `bytes` without `key`; undefined if it is not there. */
export function withoutKey(bytes: Buffer, key: Uint8Array): Buffer | undefined {
  const { found, start, end } = placeOf(bytes, key)
  if (!found) return undefined
  const made = Buffer.allocUnsafeSlow(bytes.length - (end - start))
  bytes.copy(made, 0, 0, start)
  bytes.copy(made, start, end)
  return made
}

/** How many entries there are; undefined if the last one is torn. For bytes from outside. */
export function countIn(bytes: Buffer): number | undefined {
  let count = 0
  let start = 0
  for (; start + HEAD_BYTES <= bytes.length; count += 1) {
    start += HEAD_BYTES + bytes.readUInt16BE(start) + bytes.readUInt32BE(start + 2)
  }
  return start === bytes.length ? count : undefined
}

/** The entries in order, as views. */
export function* pairsOf(bytes: Buffer): Generator<Pair> {
  for (let start = 0; start < bytes.length; ) {
    const valueAt = start + HEAD_BYTES + bytes.readUInt16BE(start)
    const end = valueAt + bytes.readUInt32BE(start + 2)
    yield { key: bytes.subarray(start + HEAD_BYTES, valueAt), value: bytes.subarray(valueAt, end) }
    start = end
  }
}

/** The bucket of these entries, in any order, each key once. */
export function pack(pairs: Iterable<Pair>): Buffer {
  const sorted = [...pairs].sort((a, b) => Buffer.compare(a.key, b.key))
  const made = Buffer.allocUnsafeSlow(
    sorted.reduce((sum, { key, value }) => sum + HEAD_BYTES + key.length + value.length, 0),
  )
  let start = 0
  for (const { key, value } of sorted) start = write(made, start, key, value)
  return made
}

interface Place {
  readonly found: boolean
  readonly start: number
  readonly valueAt: number
  readonly end: number
}

/** Where the key is, or where it would go: `start` and `end` are then the same. */
function placeOf(bytes: Buffer, key: Uint8Array): Place {
  let start = 0
  while (start < bytes.length) {
    const valueAt = start + HEAD_BYTES + bytes.readUInt16BE(start)
    const end = valueAt + bytes.readUInt32BE(start + 2)
    const order = bytes.compare(key, 0, key.length, start + HEAD_BYTES, valueAt)
    if (order === 0) return { found: true, start, valueAt, end }
    if (order > 0) break
    start = end
  }
  return { found: false, start, valueAt: start, end: start }
}

function write(into: Buffer, start: number, key: Uint8Array, value: Uint8Array): number {
  into.writeUInt16BE(key.length, start)
  into.writeUInt32BE(value.length, start + 2)
  into.set(key, start + HEAD_BYTES)
  into.set(value, start + HEAD_BYTES + key.length)
  return start + HEAD_BYTES + key.length + value.length
}
