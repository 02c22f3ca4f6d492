/** One header block of a tar archive: ustar and pax (POSIX.1-2024, pax, "ustar Interchange Format"), GNU, and the old form without magic. */
import { malformed, shown, shownBytes } from '../malformed.ts'
import { type Field, isZero, numberField, textField } from './fields.ts'

/** Bytes of a block. */
export const BLOCK_BYTES = 512

/** What a header says by itself. */
export interface TarHeader {
  readonly path: string
  /** The type flag as a character; NUL is given as `0`. */
  readonly flag: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  readonly target: string
  readonly user: string
  readonly group: string
  readonly major: number
  readonly minor: number
}

const FIELDS = {
  name: { name: 'name', from: 0, to: 100 },
  mode: { name: 'mode', from: 100, to: 108 },
  uid: { name: 'uid', from: 108, to: 116 },
  gid: { name: 'gid', from: 116, to: 124 },
  size: { name: 'size', from: 124, to: 136 },
  time: { name: 'mtime', from: 136, to: 148 },
  checksum: { name: 'checksum', from: 148, to: 156 },
  target: { name: 'linkname', from: 157, to: 257 },
  user: { name: 'uname', from: 265, to: 297 },
  group: { name: 'gname', from: 297, to: 329 },
  major: { name: 'devmajor', from: 329, to: 337 },
  minor: { name: 'devminor', from: 337, to: 345 },
  prefix: { name: 'prefix', from: 345, to: 500 },
  shortPrefix: { name: 'prefix', from: 345, to: 476 },
  accessTime: { name: 'atime', from: 476, to: 488 },
  changeTime: { name: 'ctime', from: 488, to: 500 },
} as const satisfies Record<string, Field>
const MAGIC = { posix: 'ustar\u000000', gnu: 'ustar  \0' } as const

/** Reads a block that is not all zeros. @throws untrusted.archive */
export function readHeader(block: Buffer, at: number): TarHeader {
  checkSum(block, at)
  const magic = block.toString('latin1', 257, 265)
  const posix = magic === MAGIC.posix
  if (!posix && magic !== MAGIC.gnu && !isZero(block.subarray(257))) {
    throw malformed(at + 257, 'the magic of ustar or GNU, or nothing from here on', shown(magic))
  }
  // What stands here in GNU archives some readers take for a prefix of the name.
  const unused = posix ? 500 : 345
  if (!isZero(block.subarray(unused)))
    throw malformed(at + unused, 'NULs up to the end of the header', shownBytes(block.subarray(unused)))
  const number = (field: Field) => numberField(block, field, at)
  const text = (field: Field) => textField(block, field, at)
  numberField(block, FIELDS.time, at, { signed: true })
  const name = text(FIELDS.name)
  const prefix = posix ? prefixOf(block, at) : ''
  const flag = block.toString('latin1', 156, 157)
  return {
    path: prefix === '' ? name : `${prefix}/${name}`,
    flag: flag === '\0' ? '0' : flag,
    mode: number(FIELDS.mode),
    uid: number(FIELDS.uid),
    gid: number(FIELDS.gid),
    sizeBytes: number(FIELDS.size),
    target: text(FIELDS.target),
    user: text(FIELDS.user),
    group: text(FIELDS.group),
    major: number(FIELDS.major),
    minor: number(FIELDS.minor),
  }
}

/** Some writers put two times at the end of the field, behind a NUL: whoever reads all of it stops at the NUL. */
function prefixOf(block: Buffer, at: number): string {
  const { prefix, shortPrefix, accessTime, changeTime } = FIELDS
  if (block[accessTime.from - 1] !== 0 || isZero(block.subarray(accessTime.from, prefix.to))) {
    return textField(block, prefix, at)
  }
  for (const time of [accessTime, changeTime]) numberField(block, time, at)
  return textField(block, shortPrefix, at)
}

/** The checksum is over unsigned bytes, its own field taken as spaces. */
function checkSum(block: Buffer, at: number): void {
  let sum = 8 * 0x20
  for (let index = 0; index < BLOCK_BYTES; index++) {
    if (index < FIELDS.checksum.from || index >= FIELDS.checksum.to) sum += block[index] ?? 0
  }
  const stated = numberField(block, FIELDS.checksum, at)
  if (stated !== sum) throw malformed(at + FIELDS.checksum.from, `the header's checksum ${sum}`, `${stated}`)
}
