/** Extended headers of tar archives: pax records (POSIX.1-2024, pax, "pax Extended Header"), and GNU's long names. */
import { malformed, shown, shownBytes } from '../malformed.ts'
import { nameText } from '../paths.ts'
import { isZero } from './fields.ts'

/** What the records say for the entry that follows. */
export interface PaxRecords {
  readonly path?: string
  readonly target?: string
  readonly sizeBytes?: number
  readonly uid?: number
  readonly gid?: number
  readonly user?: string
  readonly group?: string
  /** Everything else that is not known to be harmless: extended attributes, and keys that are not known. */
  readonly attributes: Readonly<Record<string, string>>
}

/** Times, and what says where the files were read from: no level looks at them. A reader ignores comments (POSIX). */
const HARMLESS = /^(?:[amc]time|comment|LIBARCHIVE\.creationtime|SCHILY\.(?:dev|ino|nlink|fflags))$/
/** They change how content or names are to be read. */
const REFUSED = /^(?:GNU\.sparse\.|charset$|hdrcharset$|SUN\.holesdata$)/
const KEYS = { path: 'path', linkpath: 'target', uname: 'user', gname: 'group' } as const
const NUMBERS = { size: 'sizeBytes', uid: 'uid', gid: 'gid' } as const

/** Reads the records of an `x` or, with `everywhere`, a `g` header, which may say nothing that counts. @throws untrusted.archive */
export function readPax(bytes: Buffer, bytesAt: number, everywhere: boolean): PaxRecords {
  const found: { -readonly [K in keyof PaxRecords]?: PaxRecords[K] } = {}
  const attributes: Record<string, string> = {}
  for (const [key, { value, at }] of records(bytes, bytesAt)) {
    if (REFUSED.test(key)) throw malformed(at, 'pax records that all readers know', shown(key))
    if (HARMLESS.test(key)) continue
    if (everywhere) throw malformed(at, 'a global header that says nothing of the entries', shown(key))
    if (key in KEYS) found[KEYS[key as keyof typeof KEYS]] = nonEmpty(nameText(value, at), key, at)
    else if (key in NUMBERS) found[NUMBERS[key as keyof typeof NUMBERS]] = decimal(value, key, at)
    else attributes[key] = `hex:${value.toString('hex')}`
  }
  return { ...found, attributes }
}

/** The name that the content of a GNU `L` or `K` entry is: text, at least one NUL, only NULs after it. @throws untrusted.archive */
export function readLongName(bytes: Buffer, bytesAt: number): string {
  const end = bytes.indexOf(0)
  if (end <= 0 || !isZero(bytes.subarray(end))) {
    throw malformed(bytesAt, 'a long name that ends with NULs alone', shownBytes(bytes.subarray(Math.max(0, end))))
  }
  return nameText(bytes.subarray(0, end), bytesAt)
}

function records(bytes: Buffer, bytesAt: number): Map<string, { readonly value: Buffer; readonly at: number }> {
  const found = new Map<string, { readonly value: Buffer; readonly at: number }>()
  for (let start = 0; start < bytes.byteLength; ) {
    const at = bytesAt + start
    const bad = (wanted: string) => malformed(at, wanted, shownBytes(bytes.subarray(start)))
    const digits = /^[1-9][0-9]{0,8} /.exec(bytes.toString('latin1', start, start + 10))?.[0]
    if (digits === undefined) throw bad('the length of a pax record, and a space')
    const end = start + Number(digits)
    const from = start + digits.length
    const equals = bytes.indexOf(0x3d, from)
    if (end > bytes.byteLength || bytes[end - 1] !== 0x0a || equals === -1 || equals <= from || equals >= end) {
      throw bad(`a pax record "key=value" of ${digits}bytes`)
    }
    const key = nameText(bytes.subarray(from, equals), at)
    if (found.has(key)) throw malformed(at, 'each pax record once', shown(key))
    found.set(key, { value: Buffer.from(bytes.subarray(equals + 1, end - 1)), at })
    start = end
  }
  return found
}

function nonEmpty(text: string, key: string, at: number): string {
  if (text === '' || text.includes('\0')) throw malformed(at, `a value of ${key}, without NUL`, shown(text))
  return text
}

function decimal(value: Buffer, key: string, at: number): number {
  const text = value.toString('latin1')
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text) || Number(text) > Number.MAX_SAFE_INTEGER) {
    throw malformed(at, `a whole number (${key})`, shown(text))
  }
  return Number(text)
}
