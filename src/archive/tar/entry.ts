/** From a header, and the extended headers before it, to the entry that all readers see; refuses what they would see differently. */
import type { Entry, EntryType } from '../archive.ts'
import { malformed, shown } from '../malformed.ts'
import { checkPath, checkTarget, type PathOptions } from '../paths.ts'
import type { TarHeader } from './header.ts'
import type { PaxRecords } from './pax.ts'

/** Headers that stand before the entry to which they belong. */
export interface Extended {
  pax?: PaxRecords
  longPath?: string
  longTarget?: string
}

const TYPES: Readonly<Record<string, EntryType>> = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
}
const LAYERS_ONLY: ReadonlySet<EntryType> = new Set(['hardlink', 'character', 'block', 'fifo'])
/** The file type of `st_mode`, which old writers left in the mode. */
const TYPE_BITS: Readonly<Partial<Record<EntryType, number>>> = {
  file: 0o100000,
  hardlink: 0o100000,
  symlink: 0o120000,
  character: 0o020000,
  block: 0o060000,
  directory: 0o040000,
  fifo: 0o010000,
}
/** What 11 octal digits cannot say. */
const WIDE_SIZE_BYTES = 8 ** 11
const WHITEOUT = '.wh.'

/** The entry, its digest still missing. @throws untrusted.archive */
export function entryOf(header: TarHeader, extended: Extended, at: number, options: PathOptions): Entry {
  const { pax } = extended
  const type = TYPES[header.flag]
  if (type === undefined || (LAYERS_ONLY.has(type) && !options.layer)) {
    throw malformed(at + 156, 'an entry of a type that is read', `${type ?? 'type'} ${shown(header.flag)}`)
  }
  if (
    (pax?.path !== undefined && extended.longPath !== undefined) ||
    (pax?.target !== undefined && extended.longTarget !== undefined)
  ) {
    throw malformed(at, 'a long name by pax or by GNU headers', 'both')
  }
  const path = pathOf(pax?.path ?? extended.longPath ?? header.path, type, at)
  checkPath(path, at, options)
  const sizeBytes = sizeOf(header, pax, at)
  if (type !== 'file' && sizeBytes !== 0) throw malformed(at + 124, `no content of a ${type}`, `${sizeBytes} bytes`)
  const target = targetOf(type, path, pax?.target ?? extended.longTarget ?? header.target, at, options)
  const mode = modeOf(header.mode, type, at)
  const isDevice = type === 'character' || type === 'block'
  return {
    path,
    type: options.layer ? whiteoutOr(type, path, sizeBytes, at) : type,
    mode,
    sizeBytes,
    sha256: undefined,
    target,
    owner: {
      uid: pax?.uid ?? header.uid,
      gid: pax?.gid ?? header.gid,
      user: pax?.user ?? header.user,
      group: pax?.group ?? header.group,
    },
    device: isDevice ? `${header.major}:${header.minor}` : undefined,
    attributes: pax?.attributes ?? {},
  }
}

function pathOf(path: string, type: EntryType, at: number): string {
  if (!path.endsWith('/')) return path
  if (type !== 'directory') throw malformed(at, `a path of a ${type} without a slash at its end`, shown(path))
  return path.slice(0, -1)
}

/** Readers differ on which size counts, so both must be the same, unless the header cannot say it. */
function sizeOf(header: TarHeader, pax: PaxRecords | undefined, at: number): number {
  const stated = pax?.sizeBytes
  if (stated === undefined || stated === header.sizeBytes) return header.sizeBytes
  if (header.sizeBytes === 0 && stated >= WIDE_SIZE_BYTES) return stated
  throw malformed(at + 124, `the size of the pax header (${stated})`, `${header.sizeBytes}`)
}

function targetOf(type: EntryType, path: string, target: string, at: number, options: PathOptions): string | undefined {
  if (type === 'symlink') {
    checkTarget(path, target, at, options)
    return target
  }
  if (type === 'hardlink') {
    checkPath(target, at, options)
    return target
  }
  if (target !== '') throw malformed(at + 157, `no target of a ${type}`, shown(target))
  return undefined
}

function modeOf(mode: number, type: EntryType, at: number): number {
  const bits = mode & ~0o7777
  if (bits !== 0 && bits !== TYPE_BITS[type])
    throw malformed(at + 100, `the mode of a ${type}`, `0o${mode.toString(8)}`)
  return mode & 0o7777
}

/** Whiteouts of image layers: empty files whose name says which path of the layers below is gone. */
function whiteoutOr(type: EntryType, path: string, sizeBytes: number, at: number): EntryType {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (!name.startsWith(WHITEOUT)) return type
  const gone = name.slice(WHITEOUT.length)
  const known = gone === '.wh..opq' || !gone.startsWith(WHITEOUT)
  if (type !== 'file' || sizeBytes !== 0 || gone === '' || gone === '.' || gone === '..' || !known) {
    throw malformed(at, 'a whiteout that is an empty file and names a path', shown(path))
  }
  return 'whiteout'
}
