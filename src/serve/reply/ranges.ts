/** HTTP byte ranges (RFC 9110, 14): reading a client's Range and an upstream's Content-Range. Pure. */
import type { ByteRange } from '../../base/streams.ts'

/** A single byte range as a client asked for it: from `first` (to `last`, inclusive), or the last `suffixBytes`. */
export type AskedRange =
  | { readonly kind: 'from'; readonly first: number; readonly last: number | undefined }
  | { readonly kind: 'suffix'; readonly suffixBytes: number }

/** The range of a Range header; undefined if there is none or it is one that a server may ignore (other units, several ranges). */
export function parseRange(header: string | undefined): AskedRange | undefined {
  const found = /^bytes=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/.exec(header ?? '')
  if (found === null) return undefined
  const [, first = '', last = ''] = found
  if (first === '') return last === '' ? undefined : { kind: 'suffix', suffixBytes: Number(last) }
  if (last !== '' && Number(last) < Number(first)) return undefined
  return { kind: 'from', first: Number(first), last: last === '' ? undefined : Number(last) }
}

/** The bytes that a range means in a body of this size; undefined: it cannot be satisfied (416). */
export function rangeWithin(range: AskedRange, sizeBytes: number): ByteRange | undefined {
  if (range.kind === 'suffix') {
    const lengthBytes = Math.min(range.suffixBytes, sizeBytes)
    return lengthBytes === 0 ? undefined : { offset: sizeBytes - lengthBytes, lengthBytes }
  }
  if (range.first >= sizeBytes) return undefined
  const end = Math.min(range.last ?? sizeBytes - 1, sizeBytes - 1) + 1
  return { offset: range.first, lengthBytes: end - range.first }
}

/** A Content-Range of a 206 reply; `totalBytes` is undefined for `*`. Undefined if the header is missing or malformed. */
export function parseContentRange(
  header: string | undefined,
): { readonly offset: number; readonly lengthBytes: number; readonly totalBytes: number | undefined } | undefined {
  const found = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(header ?? '')
  if (found === null) return undefined
  const offset = Number(found[1])
  const lengthBytes = Number(found[2]) - offset + 1
  const totalBytes = found[3] === '*' ? undefined : Number(found[3])
  if (lengthBytes < 1 || (totalBytes !== undefined && offset + lengthBytes > totalBytes)) return undefined
  return { offset, lengthBytes, totalBytes }
}

/** The size of the whole in the Content-Range of a 416 reply; undefined if it is not stated. */
export function parseUnsatisfied(header: string | undefined): number | undefined {
  const found = /^bytes \*\/(\d{1,15})$/.exec(header ?? '')
  return found === null ? undefined : Number(found[1])
}
