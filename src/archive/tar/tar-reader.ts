/**
 * The strict reader of tar archives: it is pushed the bytes in order, in pieces of any size, and accounts for each: headers, contents,
 * padding of zeros, two blocks of zeros, and after them nothing but zeros. Contents are hashed as they pass.
 */
import { createHash } from 'node:crypto'
import type { Archive, Entry } from '../archive.ts'
import { ContentHasher } from '../hasher.ts'
import { malformed, shownBytes, tooLarge } from '../malformed.ts'
import { Names } from '../paths.ts'
import type { ReadOptions } from '../reading/options.ts'
import { type Extended, entryOf } from './entry.ts'
import { isZero } from './fields.ts'
import { BLOCK_BYTES, readHeader } from './header.ts'
import { readLongName, readPax } from './pax.ts'

const PAX_BYTES_MAX = 1_048_576

/** What the next bytes are. `size` is how many of them are still to come. */
type State =
  | { readonly kind: 'block'; readonly zeros: 0 | 1 }
  | {
      readonly kind: 'content'
      readonly entry: Entry
      readonly at: number
      readonly hasher: ContentHasher
      size: number
    }
  | { readonly kind: 'extended'; readonly flag: string; readonly at: number; readonly body: Buffer; size: number }
  | { readonly kind: 'padding'; size: number }
  | { readonly kind: 'trailer' }

/** Reads one archive. */
export class TarReader {
  readonly #options: ReadOptions
  readonly #names: Names
  readonly #entries: Entry[] = []
  readonly #contents = new Map<string, Uint8Array>()
  readonly #unpacked = createHash('sha256')
  readonly #block = Buffer.alloc(BLOCK_BYTES)
  #blockBytes = 0
  #offset = 0
  #keptBytes = 0
  #extended: Extended = {}
  #state: State = { kind: 'block', zeros: 0 }

  constructor(options: ReadOptions) {
    this.#options = options
    this.#names = new Names(options.layer)
  }

  /** Takes in bytes; reads them before it returns. @throws untrusted.archive, exhausted.size */
  push(chunk: Uint8Array): void {
    this.#unpacked.update(chunk)
    for (let at = 0; at < chunk.byteLength; ) {
      const taken = this.#take(chunk, at)
      at += taken
      this.#offset += taken
    }
  }

  /** To be called after the last byte. @throws untrusted.archive if something is missing */
  finish(): Omit<Archive, 'attributes' | 'remarks'> {
    if (this.#state.kind !== 'trailer')
      throw malformed(this.#offset, 'two blocks of zeros at the end', 'the end of the file')
    if (this.#offset % BLOCK_BYTES !== 0) throw malformed(this.#offset, 'whole blocks', 'the end of the file')
    this.#names.finish()
    return { entries: this.#entries, contents: this.#contents, unpacked: this.#unpacked.digest('hex') }
  }

  /** How many bytes from `at` on were made use of; more than 0. */
  #take(chunk: Uint8Array, at: number): number {
    const state = this.#state
    const left = chunk.byteLength - at
    if (state.kind === 'block') return this.#takeBlock(chunk, at, state.zeros)
    if (state.kind === 'trailer') {
      if (!isZero(chunk.subarray(at)))
        throw malformed(this.#offset, 'nothing but zeros after the end of the archive', 'other bytes')
      return left
    }
    const length = Math.min(left, state.size)
    const part = chunk.subarray(at, at + length)
    state.size -= length
    if (state.kind === 'content') {
      state.hasher.update(part)
      if (state.size === 0) this.#endContent(state.entry, state.at, state.hasher)
    } else if (state.kind === 'extended') {
      state.body.set(part, state.body.byteLength - state.size - length)
      if (state.size === 0) this.#endExtended(state.flag, state.at, state.body)
    } else {
      if (!isZero(part)) throw malformed(this.#offset, 'zeros up to the end of the block', shownBytes(part))
      if (state.size === 0) this.#state = { kind: 'block', zeros: 0 }
    }
    return length
  }

  #takeBlock(chunk: Uint8Array, at: number, zeros: 0 | 1): number {
    const length = Math.min(chunk.byteLength - at, BLOCK_BYTES - this.#blockBytes)
    this.#block.set(chunk.subarray(at, at + length), this.#blockBytes)
    this.#blockBytes += length
    if (this.#blockBytes < BLOCK_BYTES) return length
    this.#blockBytes = 0
    const blockAt = this.#offset + length - BLOCK_BYTES
    if (isZero(this.#block)) {
      const { pax, longPath, longTarget } = this.#extended
      if (pax !== undefined || longPath !== undefined || longTarget !== undefined) {
        throw malformed(blockAt, 'the entry to which the headers before it belong', 'the end of the archive')
      }
      this.#state = zeros === 0 ? { kind: 'block', zeros: 1 } : { kind: 'trailer' }
    } else if (zeros === 1) {
      throw malformed(blockAt, 'a second block of zeros', shownBytes(this.#block))
    } else {
      this.#begin(blockAt)
    }
    return length
  }

  #begin(at: number): void {
    const header = readHeader(this.#block, at)
    const { limits } = this.#options
    if (['x', 'g', 'L', 'K'].includes(header.flag)) {
      const bytesMax = header.flag === 'x' || header.flag === 'g' ? PAX_BYTES_MAX : limits.pathBytesMax + BLOCK_BYTES
      if (header.sizeBytes === 0 || header.sizeBytes > bytesMax) {
        throw malformed(at + 124, `an extended header of 1 to ${bytesMax} bytes`, `${header.sizeBytes}`)
      }
      const body = Buffer.alloc(header.sizeBytes)
      this.#state = { kind: 'extended', flag: header.flag, at, body, size: header.sizeBytes }
      return
    }
    if (this.#entries.length >= limits.entriesMax) throw tooLarge(`at most ${limits.entriesMax} entries`, 'more')
    const { layer } = this.#options
    const entry = entryOf(header, this.#extended, at, { layer, pathBytesMax: limits.pathBytesMax })
    this.#extended = {}
    if (entry.sizeBytes > limits.unpackedBytesMax) {
      throw tooLarge(`at most ${limits.unpackedBytesMax} bytes, unpacked`, `${entry.sizeBytes}`)
    }
    const keep = entry.type === 'file' && this.#options.keep(entry.path, entry.sizeBytes)
    this.#keptBytes += keep ? entry.sizeBytes : 0
    if (this.#keptBytes > limits.keptBytesMax)
      throw tooLarge(`at most ${limits.keptBytesMax} bytes to look into`, 'more')
    const hasher = new ContentHasher(entry.sizeBytes, { keep, checksum: false })
    if (entry.sizeBytes === 0) this.#endContent(entry, at, hasher)
    else this.#state = { kind: 'content', entry, at, hasher, size: entry.sizeBytes }
  }

  #endContent(entry: Entry, at: number, hasher: ContentHasher): void {
    const whole = entry.type === 'file' ? { ...entry, sha256: hasher.digest() } : entry
    this.#names.add(whole, at)
    this.#entries.push(whole)
    if (hasher.kept !== undefined) this.#contents.set(entry.path, hasher.kept)
    this.#pad(entry.sizeBytes)
  }

  #endExtended(flag: string, at: number, body: Buffer): void {
    const key = flag === 'L' ? 'longPath' : flag === 'K' ? 'longTarget' : 'pax'
    if (flag !== 'g' && this.#extended[key] !== undefined) {
      throw malformed(at, 'one extended header of a kind for an entry', `another one of type ${flag}`)
    }
    if (key === 'pax') {
      const records = readPax(body, at + BLOCK_BYTES, flag === 'g')
      if (flag === 'x') this.#extended.pax = records
    } else {
      this.#extended[key] = readLongName(body, at + BLOCK_BYTES)
    }
    this.#pad(body.byteLength)
  }

  #pad(sizeBytes: number): void {
    const size = (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES
    this.#state = size === 0 ? { kind: 'block', zeros: 0 } : { kind: 'padding', size }
  }
}
