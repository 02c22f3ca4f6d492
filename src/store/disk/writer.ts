/**
 * Writes one blob beside the store: chunks are coalesced into 1 MiB slots, which are hashed inline and written asynchronously,
 * a few at a time. Readers follow: they get a slot's bytes from memory while it is in flight and from the file afterwards. The
 * file is opened with the first full slot, so that small blobs cost one short write at commit.
 */
import { type Algorithm, createHasher, type Digest, type Hasher } from '../../base/digest.ts'
import { assert } from '../../base/errors.ts'
import { hashPiece, PIECE_ALGORITHM } from '../../base/piece-hash.ts'
import { PIECE_BYTES } from '../../base/pieces.ts'
import type { ByteRange, ByteStream } from '../../base/streams.ts'
import { algorithmsOf, checkGrowth } from '../expectation.ts'
import type { BlobExpectation, BlobFacts, BlobInfo, BlobWriter } from '../store.ts'
import type { BufferPool } from './buffers.ts'
import type { Files } from './files.ts'

const FLIGHT_COUNT_MAX = 3
const READ_CHUNK_BYTES = 262_144

/** What was written, with all digests, in a closed-over temporary file. */
export interface WrittenFile {
  readonly path: string
  readonly sizeBytes: number
  readonly digests: ReadonlyMap<Algorithm, Digest>
  readonly pieceHashes: Uint8Array
}

/** What a writer needs of its store. */
export interface WriterHost {
  readonly files: Files
  readonly buffers: BufferPool
  /** Makes room for more than was announced. @throws exhausted.disk */
  grow(extraBytes: number): void
  /** Writes, making room once when the disk is full. @throws exhausted.disk */
  store(fd: number, bytes: Uint8Array, position: number): Promise<void>
  /** Opens a new temporary file. @throws exhausted.disk */
  create(path: string): Promise<number>
  /** Checks, renames in and records the blob; removes the file if that fails. */
  admit(file: WrittenFile, expectation: BlobExpectation, facts: BlobFacts): BlobInfo
  /** The writer no longer counts. */
  end(writer: DiskWriter): void
}

/** The disk store's `BlobWriter`. */
export class DiskWriter implements BlobWriter {
  readonly ended: Promise<void>
  writtenBytes = 0
  readonly #host: WriterHost
  readonly #path: string
  readonly #expectation: BlobExpectation
  readonly #hasher: Hasher
  readonly #pieceHashes: Buffer[] = []
  readonly #flights = new Map<number, { readonly slot: Buffer; readonly done: Promise<void> }>()
  readonly #finish: () => void
  #opening: Promise<number> | undefined
  #slot: Buffer | undefined
  #slotStart = 0
  #slotUsed = 0
  #readers = 0
  #failure: unknown
  #state: 'open' | 'ending' | 'ended' = 'open'

  constructor(path: string, expectation: BlobExpectation, host: WriterHost) {
    this.#path = path
    this.#expectation = expectation
    this.#host = host
    this.#hasher = createHasher(algorithmsOf(expectation))
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#finish = resolve
  }

  /** Bytes that count against the limit: what was written, or what was announced if that is more. */
  get heldBytes(): number {
    return Math.max(this.writtenBytes, this.#expectation.sizeBytes ?? 0)
  }

  async write(chunk: Uint8Array): Promise<void> {
    assert(this.#state === 'open', 'a writer that ended takes no more bytes')
    this.#throwFailure()
    try {
      const grownBytes = this.writtenBytes + chunk.byteLength
      checkGrowth(this.#expectation, grownBytes)
      if (grownBytes > this.heldBytes) this.#host.grow(grownBytes - this.heldBytes)
      for (let at = 0; at < chunk.byteLength; ) {
        this.#slot ??= this.#takeSlot()
        const part = chunk.subarray(at, at + PIECE_BYTES - this.#slotUsed)
        this.#slot.set(part, this.#slotUsed)
        this.#slotUsed += part.byteLength
        this.writtenBytes += part.byteLength
        at += part.byteLength
        if (this.#slotUsed === PIECE_BYTES) await this.#launch()
      }
    } catch (error) {
      this.#failure ??= error
      throw error
    }
  }

  async *read(range: ByteRange): ByteStream {
    const end = range.offset + range.lengthBytes
    assert(this.#state !== 'ended', 'a writer that ended is read from the store')
    assert(range.offset >= 0 && end <= this.writtenBytes, `reading up to ${end} of ${this.writtenBytes} written bytes`)
    this.#readers += 1
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_CHUNK_BYTES, range.lengthBytes))
    try {
      for (let at = range.offset; at < end; ) {
        const start = at - (at % PIECE_BYTES)
        const lengthBytes = Math.min(end - at, start + PIECE_BYTES - at, buffer.byteLength)
        const slot = start === this.#slotStart ? this.#slot : this.#flights.get(start)?.slot
        if (slot !== undefined) slot.copy(buffer, 0, at - start, at - start + lengthBytes)
        else await this.#readFile(buffer.subarray(0, lengthBytes), at)
        yield buffer.subarray(0, lengthBytes)
        at += lengthBytes
      }
    } finally {
      this.#readers -= 1
      if (this.#hasEnded()) this.#release()
    }
  }

  async commit(facts: BlobFacts): Promise<BlobInfo> {
    assert(this.#state === 'open', 'a writer ends once')
    this.#state = 'ending'
    try {
      this.#throwFailure()
      await this.#writeLast()
      const file: WrittenFile = {
        path: this.#path,
        sizeBytes: this.writtenBytes,
        digests: this.#hasher.digests(),
        pieceHashes: Buffer.concat(this.#pieceHashes),
      }
      // The writer stops counting in the same moment in which the blob begins to.
      this.#host.end(this)
      return this.#host.admit(file, this.#expectation, facts)
    } catch (error) {
      await this.#discard()
      throw error
    } finally {
      this.#end()
    }
  }

  async abort(): Promise<void> {
    if (this.#state !== 'open') return await this.ended
    this.#state = 'ending'
    await this.#discard()
    this.#end()
  }

  #takeSlot(): Buffer {
    const leftBytes = (this.#expectation.sizeBytes ?? Number.MAX_SAFE_INTEGER) - this.#slotStart
    return this.#host.buffers.take(Math.min(PIECE_BYTES, leftBytes))
  }

  /** Hashes the full slot and starts writing it; waits while too many are in flight. */
  async #launch(): Promise<void> {
    const slot = this.#slot
    if (slot === undefined) return
    const bytes = slot.subarray(0, this.#slotUsed)
    const start = this.#slotStart
    this.#hasher.update(bytes)
    this.#pieceHashes.push(hashPiece(PIECE_ALGORITHM, bytes))
    const done = this.#fly(bytes, start, slot)
    this.#flights.set(start, { slot, done })
    this.#slot = undefined
    this.#slotStart += this.#slotUsed
    this.#slotUsed = 0
    if (this.#flights.size > FLIGHT_COUNT_MAX) {
      const [oldest] = this.#flights.values()
      await oldest?.done
    }
    this.#throwFailure()
  }

  /** Never rejects: a failure is kept for whoever calls next. */
  async #fly(bytes: Buffer, start: number, slot: Buffer): Promise<void> {
    try {
      this.#opening ??= this.#host.create(this.#path)
      await this.#host.store(await this.#opening, bytes, start)
      this.#flights.delete(start)
      this.#host.buffers.give(slot)
    } catch (error) {
      // Its bytes stay readable from memory: readers may be behind.
      this.#failure ??= error
    }
  }

  async #writeLast(): Promise<void> {
    if (this.#slot === undefined) {
      this.#opening ??= this.#host.create(this.#path)
    } else {
      const bytes = this.#slot.subarray(0, this.#slotUsed)
      this.#hasher.update(bytes)
      this.#pieceHashes.push(hashPiece(PIECE_ALGORITHM, bytes))
      this.#opening ??= this.#host.create(this.#path)
      await this.#host.store(await this.#opening, bytes, this.#slotStart)
    }
    await this.#opening
    await this.#landAll()
    this.#throwFailure()
  }

  async #landAll(): Promise<void> {
    await Promise.all([...this.#flights.values()].map((flight) => flight.done))
  }

  async #discard(): Promise<void> {
    await this.#landAll()
    if (this.#opening !== undefined) await this.#host.files.unlink(this.#path).catch(() => {})
  }

  #end(): void {
    this.#state = 'ended'
    this.#host.end(this)
    if (this.#readers === 0) this.#release()
    this.#finish()
  }

  // A call, because the compiler does not know that the state changes while a reader is suspended.
  #hasEnded(): boolean {
    return this.#state === 'ended'
  }

  /** Gives back memory and file when nobody reads any more. */
  #release(): void {
    if (this.#readers > 0) return
    if (this.#slot !== undefined) this.#host.buffers.give(this.#slot)
    this.#slot = undefined
    for (const flight of this.#flights.values()) this.#host.buffers.give(flight.slot)
    this.#flights.clear()
    const opening = this.#opening
    this.#opening = undefined
    opening?.then((fd) => this.#host.files.close(fd)).catch(() => {})
  }

  async #readFile(buffer: Buffer, position: number): Promise<void> {
    const fd = await this.#opening
    assert(fd !== undefined, 'bytes that left memory are in the file')
    const count = await this.#host.files.read(fd, buffer, position)
    assert(count === buffer.byteLength, `reading back ${buffer.byteLength} written bytes: found ${count}`)
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}
