/**
 * The older indexes of a gem server (`specs.4.8.gz` and its family): a gzip of Ruby's Marshal 4.8 of a list of `[name,
 * Gem::Version, platform]`. Reads and writes exactly that form (Ruby's "Marshal Format" page), so that what the policy hides can
 * be left out. Also makes the view that says of which packages a list has which versions. Pure.
 */
import { gunzipSync, gzipSync, inflateSync } from 'node:zlib'
import { AppError } from '../../base/errors.ts'
import type { HiddenRelease } from '../ecosystem.ts'
import { isGemName, isGemVersion } from './names.ts'

/** The key of the view that lists packages: lines `<name> TAB <version> TAB <version> ...`. */
export const PACKAGES_VIEW = 'packages-1'

const BYTES_MAX = 256 * 1024 ** 2
const SPECIFICATION_BYTES_MAX = 32 * 1024 ** 2
const ENTRIES_MAX = 20_000_000
const TEXT_BYTES_MAX = 1_024
const LINKS_MAX = 100_000_000
const VERSION_CLASS = 'Gem::Version'

/** One entry of a list. */
interface Spec {
  readonly name: string
  readonly version: string
  readonly platform: string
}

/** The list without these releases. @throws untrusted.reply if it is not of the form */
export function withoutSpecs(list: Uint8Array, hidden: readonly HiddenRelease[]): Buffer {
  const gone = new Set(hidden.map((release) => `${release.package ?? ''} ${release.version}`))
  return gzipSync(writeSpecs(readSpecs(list).filter(({ name, version }) => !gone.has(`${name} ${version}`))))
}

/** The view `PACKAGES_VIEW` of a list. @throws untrusted.reply if it is not of the form */
export function packagesOf(list: Uint8Array): Buffer {
  const versions = new Map<string, Set<string>>()
  for (const { name, version } of readSpecs(list)) {
    // One odd entry must not cost the list; nobody can ask for it here.
    if (!isGemName(name) || !isGemVersion(version)) continue
    const known = versions.get(name)
    if (known === undefined) versions.set(name, new Set([version]))
    else known.add(version)
  }
  return Buffer.from([...versions].map(([name, list]) => `${[name, ...list].join('\t')}\n`).join(''))
}

/** The key of the view that proves a quick specification. */
export const QUICK_VIEW = 'quick-1'

/** Nothing, if it is a zlib stream of Marshal 4.8, as quick specifications are. @throws untrusted.reply */
export function proveQuick(specification: Uint8Array): Buffer {
  let bytes: Buffer
  try {
    bytes = inflateSync(specification, { maxOutputLength: SPECIFICATION_BYTES_MAX })
  } catch (cause) {
    throw malformed('a zlib stream', cause)
  }
  if (bytes[0] !== 4 || bytes[1] !== 8) throw malformed('Marshal 4.8')
  return Buffer.alloc(0)
}

/** Every entry of a list. @throws untrusted.reply */
export function readSpecs(list: Uint8Array): Spec[] {
  let bytes: Buffer
  try {
    bytes = gunzipSync(list, { maxOutputLength: BYTES_MAX })
  } catch (cause) {
    throw malformed('a gzip', cause)
  }
  return new SpecsReader(bytes).read()
}

/** `Marshal.dump` of a list; nothing is linked to what came before but symbols. */
function writeSpecs(specs: readonly Spec[]): Buffer {
  const parts: Buffer[] = [Buffer.from([4, 8, 0x5b]), integer(specs.length)]
  const encoding = { known: false }
  for (const [index, { name, version, platform }] of specs.entries()) {
    parts.push(Buffer.from([0x5b, ...integer(3)]), text(name, encoding))
    // Symbols are numbered as they come: that of the first text, then the class.
    parts.push(Buffer.from('U'), index === 0 ? symbol(VERSION_CLASS) : Buffer.from([0x3b, ...integer(1)]))
    parts.push(Buffer.from([0x5b, ...integer(1)]), text(version, encoding), text(platform, encoding))
  }
  return Buffer.concat(parts)
}

/** A string in UTF-8: its bytes, and one instance variable, `E` (true). */
function text(value: string, encoding: { known: boolean }): Buffer {
  const bytes = Buffer.from(value)
  const name = encoding.known ? Buffer.from([0x3b, ...integer(0)]) : symbol('E')
  encoding.known = true
  return Buffer.concat([Buffer.from('I"'), integer(bytes.length), bytes, integer(1), name, Buffer.from('T')])
}

function symbol(name: string): Buffer {
  return Buffer.concat([Buffer.from(':'), integer(name.length), Buffer.from(name)])
}

/** Marshal's integers: small ones in one byte, larger ones as a count and little-endian bytes. */
function integer(value: number): Buffer {
  if (value === 0) return Buffer.from([0])
  if (value < 123) return Buffer.from([value + 5])
  const bytes: number[] = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256)
  return Buffer.from([bytes.length, ...bytes])
}

/** Anything but the one form is refused. */
class SpecsReader {
  readonly #bytes: Buffer
  readonly #symbols: string[] = []
  /** What a link may lead to; undefined for what is no text and no version. */
  readonly #objects: Array<{ readonly kind: 'text' | 'version'; readonly value: string } | undefined> = []
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  read(): Spec[] {
    if (this.#byte() !== 4 || this.#byte() !== 8) throw malformed('Marshal 4.8')
    const specs: Spec[] = []
    const count = this.#array()
    if (count > ENTRIES_MAX) throw malformed(`at most ${ENTRIES_MAX} entries`)
    for (let index = 0; index < count; index++) specs.push(this.#spec())
    if (this.#at !== this.#bytes.length) throw malformed('nothing behind the list')
    return specs
  }

  #spec(): Spec {
    if (this.#array() !== 3) throw malformed('a name, a version and a platform')
    return { name: this.#value('text'), version: this.#value('version'), platform: this.#value('text') }
  }

  #array(): number {
    if (this.#byte() !== 0x5b) throw malformed('a list')
    this.#remember(undefined)
    return this.#integer()
  }

  #value(kind: 'text' | 'version'): string {
    const type = this.#byte()
    if (type === 0x40) {
      const found = this.#objects[this.#integer()]
      if (found?.kind !== kind) throw malformed(`a link to a ${kind}`)
      return found.value
    }
    return kind === 'text' ? this.#text(type) : this.#version(type)
  }

  /** A plain string, or one with the instance variables by which Ruby says its encoding. */
  #text(type: number): string {
    const isWrapped = type === 0x49
    if ((isWrapped ? this.#byte() : type) !== 0x22) throw malformed('a text')
    const value = this.#raw()
    this.#remember({ kind: 'text', value })
    if (!isWrapped) return value
    for (let left = this.#integer(); left > 0; left--) {
      if (this.#symbol() !== 'E') throw malformed('a text in UTF-8 or ASCII')
      const flag = this.#byte()
      if (flag !== 0x54 && flag !== 0x46) throw malformed('true or false')
    }
    return value
  }

  #version(type: number): string {
    if (type !== 0x55 || this.#symbol() !== VERSION_CLASS) throw malformed(VERSION_CLASS)
    const index = this.#objects.length
    this.#remember(undefined)
    if (this.#array() !== 1) throw malformed('a version of one text')
    const value = this.#value('text')
    this.#objects[index] = { kind: 'version', value }
    return value
  }

  #symbol(): string {
    const type = this.#byte()
    if (type === 0x3b) {
      const known = this.#symbols[this.#integer()]
      if (known === undefined) throw malformed('a symbol that was there before')
      return known
    }
    if (type !== 0x3a) throw malformed('a symbol')
    const name = this.#raw()
    this.#symbols.push(name)
    return name
  }

  #raw(): string {
    const length = this.#integer()
    if (length > TEXT_BYTES_MAX || this.#at + length > this.#bytes.length) throw malformed('a text that ends')
    this.#at += length
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }

  /** Not negative: of this form none is. */
  #integer(): number {
    const first = this.#byte()
    if (first === 0) return 0
    if (first >= 6 && first <= 127) return first - 5
    if (first > 4) throw malformed('a count')
    let value = 0
    for (let index = 0; index < first; index++) value += this.#byte() * 256 ** index
    return value
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw malformed('more bytes')
    return byte
  }

  #remember(object: { readonly kind: 'text' | 'version'; readonly value: string } | undefined): void {
    if (this.#objects.length >= LINKS_MAX) throw malformed('fewer objects')
    this.#objects.push(object)
  }
}

function malformed(wanted: string, cause?: unknown): AppError {
  const options = cause === undefined ? {} : { cause }
  return new AppError('untrusted.reply', `reading a list of gems: wanted ${wanted}`, options)
}
