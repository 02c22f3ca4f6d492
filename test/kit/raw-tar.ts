/** Writes tar archives field by field, so that any of them can lie. What is not said is what a good writer would write. */

/** One entry. Fields that are Buffers are written as they are. */
export interface RawTarEntry {
  readonly name?: string
  readonly content?: string | Buffer
  readonly flag?: string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly target?: string
  readonly user?: string
  readonly device?: readonly [number, number]
  readonly time?: number
  readonly prefix?: string
  readonly size?: number | Buffer
  readonly magic?: string
  readonly checksum?: number
  /** Fills up the last block, instead of zeros. */
  readonly padding?: number
  /** Written over the finished header, the checksum then made anew. */
  readonly patch?: { readonly at: number; readonly bytes: Buffer }
}

const POSIX = 'ustar\u000000'
/** The magic of GNU tar. */
export const GNU_MAGIC = 'ustar  \0'

/** The archive, with two blocks of zeros at its end unless `end` says otherwise. */
export function rawTar(entries: readonly RawTarEntry[], end: Buffer = Buffer.alloc(1024)): Buffer {
  return Buffer.concat([...entries.flatMap(rawTarEntry), end])
}

/** Header, content and padding of one entry. */
export function rawTarEntry(entry: RawTarEntry): Buffer[] {
  const content = Buffer.from(entry.content ?? '')
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, digits: number) => header.write(value.toString(8).padStart(digits, '0'), at)
  header.write(entry.name ?? 'package/file', 0, 100)
  octal(entry.mode ?? 0o644, 100, 7)
  octal(entry.uid ?? 0, 108, 7)
  octal(entry.gid ?? 0, 116, 7)
  if (Buffer.isBuffer(entry.size)) entry.size.copy(header, 124)
  else octal(entry.size ?? content.byteLength, 124, 11)
  octal(entry.time ?? 0, 136, 11)
  header.write(entry.flag ?? '0', 156, 'latin1')
  header.write(entry.target ?? '', 157, 100)
  header.write(entry.magic ?? POSIX, 257, 'latin1')
  header.write(entry.user ?? '', 265, 32)
  if (entry.device !== undefined) for (const [at, value] of entry.device.entries()) octal(value, 329 + 8 * at, 7)
  header.write(entry.prefix ?? '', 345, 155)
  entry.patch?.bytes.copy(header, entry.patch.at)
  header.write('        ', 148)
  const sum = entry.checksum ?? header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const padding = Buffer.alloc((512 - (content.byteLength % 512)) % 512, entry.padding ?? 0)
  return [header, content, padding]
}

/** An extended header with these pax records, for the entry that follows. */
export function pax(records: Readonly<Record<string, string>>, flag: 'x' | 'g' = 'x'): RawTarEntry {
  const lines = Object.entries(records).map(([key, value]) => paxRecord(key, value))
  return { name: 'PaxHeaders/x', flag, content: lines.join('') }
}

/** One pax record, its length included. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = Buffer.byteLength(rest) + 1
  while (`${length}`.length + Buffer.byteLength(rest) !== length) length++
  return `${length}${rest}`
}

/** A GNU long name, or with `K` a long target. */
export function longName(name: string, flag: 'L' | 'K' = 'L'): RawTarEntry {
  return { name: '././@LongLink', flag, content: `${name}\0`, magic: GNU_MAGIC }
}
