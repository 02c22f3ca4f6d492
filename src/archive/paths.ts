/**
 * Names in an archive: which are allowed, and which may stand beside each other. What readers and file systems would take
 * differently (absolute, `..`, duplicate, colliding, beneath a file or a link) is malformed. Attacks F7 and F8.
 */
import { posix } from 'node:path'
import type { Entry } from './archive.ts'
import { malformed, shown, shownBytes } from './malformed.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const COMPONENT_BYTES_MAX = 255

/** Bytes of a name as text. @throws untrusted.archive unless they are UTF-8 */
export function nameText(bytes: Uint8Array, offsetBytes: number): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw malformed(offsetBytes, 'a name in UTF-8', shownBytes(bytes))
  }
}

/**
 * Checks the path of an entry (without a slash at its end) alone. A leading `./` is allowed, as is `.`; in layers backslashes and
 * control characters too. @throws untrusted.archive
 */
export function checkPath(path: string, offsetBytes: number, options: PathOptions): void {
  const bad = (wanted: string) => malformed(offsetBytes, `a path ${wanted}`, shown(path))
  if (path === '' || path.includes('\0')) throw bad('that is not empty and has no NUL')
  if (Buffer.byteLength(path) > options.pathBytesMax) throw bad(`of at most ${options.pathBytesMax} bytes`)
  if (path.startsWith('/') || (!options.layer && /^[A-Za-z]:/.test(path))) throw bad('that is relative')
  if (!options.layer && /[\\\p{Cc}\u2028\u2029]/u.test(path)) throw bad('without backslashes and control characters')
  const parts = path.split('/')
  if (parts[0] === '.') parts.shift()
  for (const part of parts) {
    if (part === '' || part === '.' || part === '..') throw bad('without empty, "." or ".." parts')
    if (Buffer.byteLength(part) > COMPONENT_BYTES_MAX) throw bad(`with parts of at most ${COMPONENT_BYTES_MAX} bytes`)
  }
}

/** What decides which paths are allowed. */
export interface PathOptions {
  readonly layer: boolean
  readonly pathBytesMax: number
}

/**
 * Checks a symlink's target. Outside layers it must stay below the archive's root whatever other links there are: relative, `..` only
 * at its beginning and no more of them than the link lies deep. @throws untrusted.archive
 */
export function checkTarget(path: string, target: string, offsetBytes: number, options: PathOptions): void {
  const bad = (wanted: string) =>
    malformed(offsetBytes, `a link's target ${wanted}`, `${shown(path)} to ${shown(target)}`)
  if (target === '' || target.includes('\0') || Buffer.byteLength(target) > options.pathBytesMax) {
    throw bad(`of 1 to ${options.pathBytesMax} bytes without NUL`)
  }
  if (options.layer) return
  if (/[\\\p{Cc}]/u.test(target)) throw bad('without backslashes and control characters')
  if (target.startsWith('/') || /^[A-Za-z]:/.test(target)) throw bad('that is relative')
  const parts = target.split('/').filter((part) => part !== '' && part !== '.')
  const up = parts.findIndex((part) => part !== '..')
  const climbs = up === -1 ? parts.length : up
  if (parts.slice(climbs).includes('..')) throw bad('with ".." at its beginning only')
  if (climbs > keyOf(path).split('/').length - 1) throw bad('within the archive')
}

/** A path without a leading `./`: two paths with one key are one file. */
export function keyOf(path: string): string {
  return path === '.' ? '' : path.startsWith('./') ? path.slice(2) : path
}

/** The entries of an archive so far: refuses what cannot stand beside another. */
export class Names {
  readonly #layer: boolean
  readonly #entries = new Map<string, { readonly entry: Entry; readonly offsetBytes: number }>()

  constructor(layer: boolean) {
    this.#layer = layer
  }

  /** Takes in an entry. @throws untrusted.archive if there is one of that name, or of one that some file systems take for it */
  add(entry: Entry, offsetBytes: number): void {
    const key = this.#keyOf(entry.path)
    const other = this.#entries.get(key)
    if (other !== undefined) {
      const wanted = other.entry.path === entry.path ? 'each path once' : 'no paths that some file systems take for one'
      throw malformed(offsetBytes, wanted, `${shown(entry.path)} after ${shown(other.entry.path)}`)
    }
    if (entry.type === 'hardlink') this.#checkHardlink(entry, offsetBytes)
    this.#entries.set(key, { entry, offsetBytes })
  }

  /** To be called after the last entry. @throws untrusted.archive if an entry lies beneath something that is no folder */
  finish(): void {
    for (const [key, { entry, offsetBytes }] of this.#entries) {
      for (let parent = posix.dirname(key); parent !== '.' && parent !== '/'; parent = posix.dirname(parent)) {
        const above = this.#entries.get(parent)
        if (above === undefined || above.entry.type === 'directory') continue
        throw malformed(
          offsetBytes,
          `nothing beneath the ${above.entry.type} ${shown(above.entry.path)}`,
          shown(entry.path),
        )
      }
    }
  }

  #checkHardlink(entry: Entry, offsetBytes: number): void {
    const target = this.#entries.get(this.#keyOf(entry.target ?? ''))
    if (target?.entry.type === 'file' || target?.entry.type === 'hardlink') return
    throw malformed(
      offsetBytes,
      'a hard link to a file that stands before it',
      `${shown(entry.path)} to ${shown(entry.target ?? '')}`,
    )
  }

  #keyOf(path: string): string {
    const key = keyOf(path)
    // Unicode's simple folding is not at hand; up and down again takes ß for SS and the like.
    return this.#layer ? key : key.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFC')
  }
}
