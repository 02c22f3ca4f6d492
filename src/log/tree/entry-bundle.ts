/** Bundles of entries (C2SP tlog-tiles, "Log entries"): up to 256 entries, each after its length as a big-endian uint16. */
import { ENTRY_BYTES_MAX } from '../../base/crypto/canonical-json.ts'
import { AppError } from '../../base/errors.ts'
import { TILE_WIDTH } from './tiles.ts'

/** Bytes of the largest bundle: what a reader must be ready to take, and no more. */
export const BUNDLE_BYTES_MAX: number = TILE_WIDTH * (2 + ENTRY_BYTES_MAX)

/** The bytes of a bundle. @throws usage.log for an entry that is too long, or too many of them */
export function encodeEntries(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length > TILE_WIDTH) {
    throw new AppError('usage.log', `wanted at most ${TILE_WIDTH} entries in a bundle, found ${entries.length}`)
  }
  let length = 0
  for (const entry of entries) {
    if (entry.byteLength > ENTRY_BYTES_MAX) {
      throw new AppError('usage.log', `wanted an entry of at most ${ENTRY_BYTES_MAX} bytes, found ${entry.byteLength}`)
    }
    length += 2 + entry.byteLength
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const entry of entries) {
    bytes[at] = entry.byteLength >> 8
    bytes[at + 1] = entry.byteLength & 0xff
    bytes.set(entry, at + 2)
    at += 2 + entry.byteLength
  }
  return bytes
}

/** The `width` entries of a bundle, as views of its bytes. @throws usage.log unless it holds exactly so many */
export function decodeEntries(bytes: Uint8Array, width: number): Uint8Array[] {
  const entries: Uint8Array[] = []
  let at = 0
  while (at < bytes.byteLength && entries.length <= width) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
    const end = at + 2 + length
    if (end > bytes.byteLength) throw new AppError('usage.log', 'found an entry bundle that ends within an entry')
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  if (entries.length !== width || at !== bytes.byteLength) {
    throw new AppError('usage.log', `wanted a bundle of ${width} entries, found ${entries.length} and more bytes`)
  }
  return entries
}
