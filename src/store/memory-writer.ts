/** The memory store's writer: keeps chunks in a list, from which readers may already stream. */
import { type BlobId, createHasher, type Digest } from '../base/digest.ts'
import { assert } from '../base/errors.ts'
import type { ByteRange, ByteStream } from '../base/streams.ts'
import { algorithmsOf, checkGrowth, judge } from './expectation.ts'
import type { BlobExpectation, BlobFacts, BlobInfo, BlobWriter } from './store.ts'

/** What a writer needs of its store. */
export interface MapWriterHost {
  grow(extraBytes: number): void
  add(bytes: Buffer, names: readonly [BlobId, ...Digest[]], facts: BlobFacts): BlobInfo
  end(writer: MapWriter): void
}

/** Collects one blob's chunks and adds them as a whole when their digests agree. */
export class MapWriter implements BlobWriter {
  readonly ended: Promise<void>
  writtenBytes = 0
  readonly #expectation: BlobExpectation
  readonly #host: MapWriterHost
  readonly #chunks: Buffer[] = []
  readonly #finish: () => void
  #state: 'open' | 'failed' | 'ended' = 'open'

  constructor(expectation: BlobExpectation, host: MapWriterHost) {
    this.#expectation = expectation
    this.#host = host
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#finish = resolve
  }

  /** Bytes that count against the limit: what was written, or what was announced if that is more. */
  get heldBytes(): number {
    return Math.max(this.writtenBytes, this.#expectation.sizeBytes ?? 0)
  }

  async write(chunk: Uint8Array): Promise<void> {
    assert(this.#state === 'open', 'a writer that failed or ended takes no more bytes')
    try {
      checkGrowth(this.#expectation, this.writtenBytes + chunk.byteLength)
      const extraBytes = this.writtenBytes + chunk.byteLength - this.heldBytes
      if (extraBytes > 0) this.#host.grow(extraBytes)
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
    this.#chunks.push(Buffer.from(chunk))
    this.writtenBytes += chunk.byteLength
  }

  read(range: ByteRange): ByteStream {
    const end = range.offset + range.lengthBytes
    assert(
      range.offset >= 0 && end <= this.writtenBytes,
      `reading bytes ${range.offset} to ${end} of a writer's ${this.writtenBytes}`,
    )
    const chunks = this.#chunks
    return (async function* () {
      let at = 0
      for (const chunk of chunks) {
        const part = chunk.subarray(Math.max(0, range.offset - at), Math.max(0, end - at))
        at += chunk.byteLength
        if (part.byteLength > 0) yield Buffer.from(part)
        if (at >= end) return
      }
    })()
  }

  async commit(facts: BlobFacts): Promise<BlobInfo> {
    assert(this.#state === 'open', 'a writer that failed or ended cannot be committed')
    try {
      const hasher = createHasher(algorithmsOf(this.#expectation))
      for (const chunk of this.#chunks) hasher.update(chunk)
      const { names } = judge(this.#expectation, hasher.digests(), this.writtenBytes)
      this.#end()
      return this.#host.add(Buffer.concat(this.#chunks), names, facts)
    } finally {
      this.#end()
    }
  }

  async abort(): Promise<void> {
    this.#end()
  }

  #end(): void {
    this.#state = 'ended'
    this.#host.end(this)
    this.#finish()
  }
}
