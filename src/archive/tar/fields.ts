/** Fields of a tar header: numbers in octal or, where they are too large for that, in base 256, and text up to a NUL. */
import { malformed, shown, shownBytes } from '../malformed.ts'
import { nameText } from '../paths.ts'

/** A place in the header. */
export interface Field {
  readonly name: string
  readonly from: number
  readonly to: number
}

/**
 * A number. Octal digits may have spaces before them, and only spaces and NULs after them. Base 256 (the first bit set) is taken for
 * what octal cannot say; `signed` (times) allows it to be negative. An empty field is 0.
 * @throws untrusted.archive
 */
export function numberField(
  block: Buffer,
  field: Field,
  blockAt: number,
  options: { readonly signed?: true } = {},
): number {
  const bytes = block.subarray(field.from, field.to)
  const at = blockAt + field.from
  const first = bytes[0] ?? 0
  if (first >= 0x80) return base256(bytes, field, at, options.signed === true)
  const text = bytes.toString('latin1')
  const digits = /^ *([0-7]*)[ \0]*$/.exec(text)?.[1]
  if (digits === undefined) throw malformed(at, `octal digits (${field.name})`, shown(text))
  return digits === '' ? 0 : Number.parseInt(digits, 8)
}

function base256(bytes: Buffer, field: Field, at: number, signed: boolean): number {
  const negative = bytes[0] === 0xff
  if (negative && signed) return -1
  const fitsOctal = 8 ** (bytes.byteLength - 1)
  const value = BigInt(`0x${bytes.toString('hex')}`) - (1n << BigInt(bytes.byteLength * 8 - 1))
  if (negative || bytes[0] !== 0x80 || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw malformed(at, `a number from 0 to 2^53 (${field.name})`, shownBytes(bytes))
  }
  if (Number(value) < fitsOctal && !signed) {
    throw malformed(at, `octal digits for a number that fits them (${field.name})`, shownBytes(bytes))
  }
  return Number(value)
}

/** Text up to the first NUL, or the whole field; behind a NUL there are only NULs. @throws untrusted.archive */
export function textField(block: Buffer, field: Field, blockAt: number): string {
  const bytes = block.subarray(field.from, field.to)
  const end = bytes.indexOf(0)
  if (end === -1) return nameText(bytes, blockAt + field.from)
  if (!isZero(bytes.subarray(end)))
    throw malformed(blockAt + field.from + end, `NULs after the text (${field.name})`, shownBytes(bytes.subarray(end)))
  return nameText(bytes.subarray(0, end), blockAt + field.from)
}

const ZEROS = Buffer.alloc(65_536)

/** True if all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.byteLength; at += ZEROS.byteLength) {
    const part = bytes.subarray(at, at + ZEROS.byteLength)
    if (Buffer.compare(part, ZEROS.subarray(0, part.byteLength)) !== 0) return false
  }
  return true
}
