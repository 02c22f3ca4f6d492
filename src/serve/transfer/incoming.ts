/**
 * The bytes of one transfer on their way into the store: written, resumed at the exact byte, or begun anew when they turned
 * out wrong. What clients were already given is compared on a new beginning, so that no client gets two different halves.
 */
import { AppError } from '../../base/errors.ts'
import type { BlobExpectation, BlobFacts, BlobInfo, BlobWriter, Store } from '../../store/store.ts'

/** What was given to clients before a new beginning, read back chunk by chunk. */
interface GivenBytes {
  readonly lengthBytes: number
  readonly chunks: AsyncIterator<Uint8Array>
  /** Read and not yet compared. */
  rest: Uint8Array
}

const NOTHING = new Uint8Array(0)

/** One blob being written. Used by one transfer, sequentially. */
export class Incoming {
  /** Bytes from the start that came from places whose bytes may be given to clients. */
  provenBytes = 0
  /** Grows with every new beginning; readers of an older one look again. */
  epoch = 0
  readonly #store: Pick<Store, 'begin'>
  readonly #expectation: BlobExpectation
  #writer: BlobWriter | undefined
  #given: GivenBytes | undefined

  constructor(store: Pick<Store, 'begin'>, expectation: BlobExpectation) {
    this.#store = store
    this.#expectation = expectation
  }

  /** Where clients read what is here; undefined before the first byte. */
  get writer(): BlobWriter | undefined {
    return this.#writer
  }

  get writtenBytes(): number {
    return this.#writer?.writtenBytes ?? 0
  }

  /** Starts writing if nothing is here yet. @throws exhausted.disk */
  async begin(sizeBytes: number | undefined): Promise<void> {
    this.#writer ??= await this.#store.begin({
      ...this.#expectation,
      sizeBytes: this.#expectation.sizeBytes ?? sizeBytes,
    })
  }

  /**
   * Appends. `streams`: the bytes may be given to clients before the whole was checked.
   * @throws exhausted.size, exhausted.disk; untrusted.digest if clients were given other bytes before
   */
  async append(chunk: Uint8Array, streams: boolean): Promise<void> {
    if (this.#writer === undefined) throw new AppError('bug.assertion', 'bytes arrived before their writer')
    const at = this.#writer.writtenBytes
    if (this.#given !== undefined) await compare(this.#given, chunk, at)
    await this.#writer.write(chunk)
    if (streams && this.provenBytes === at) this.provenBytes = this.#writer.writtenBytes
  }

  /**
   * Demands the digests; on an error nothing is left but what is needed to compare a new beginning with what clients were
   * given. `releasedBytes` could be given until now; `givenBytes` tells how many were, at the moment of the failure.
   * @throws untrusted.digest, untrusted.size, exhausted.disk
   */
  async commit(facts: BlobFacts, releasedBytes: number, givenBytes: () => number): Promise<BlobInfo> {
    if (this.#writer === undefined) throw new AppError('bug.assertion', 'a transfer ended before its writer began')
    // Opened before the bytes can be gone; open readers outlive the writer.
    const given = await openGiven(this.#writer, releasedBytes)
    try {
      const blob = await this.#writer.commit(facts)
      await given?.chunks.return?.()
      await this.#given?.chunks.return?.()
      return blob
    } catch (error) {
      this.#forget()
      await this.#remember(given, givenBytes())
      throw error
    }
  }

  /**
   * Drops what is here and begins anew; the first `givenBytes`, which clients have, are compared as they come again.
   * @throws untrusted.digest if that happens for the second time
   */
  async restart(givenBytes: number): Promise<void> {
    const writer = this.#writer
    if (writer === undefined) return
    this.#forget()
    // A second beginning may hold less than clients were given of the first: what was opened then is what counts.
    const given = this.#given === undefined ? await openGiven(writer, givenBytes) : undefined
    await writer.abort()
    await this.#remember(given, givenBytes)
  }

  /** Drops everything. Never throws. */
  async abort(): Promise<void> {
    const writer = this.#writer
    this.#writer = undefined
    await writer?.abort()
    await this.#given?.chunks.return?.()
  }

  #forget(): void {
    this.#writer = undefined
    this.provenBytes = 0
    this.epoch++
  }

  async #remember(given: GivenBytes | undefined, givenBytes: number): Promise<void> {
    if (this.#given !== undefined) {
      await given?.chunks.return?.()
      throw new AppError('untrusted.digest', 'two sources gave wrong bytes after clients were given some of them')
    }
    if (given === undefined || givenBytes > 0) {
      this.#given = given && { ...given, lengthBytes: Math.min(given.lengthBytes, givenBytes) }
      return
    }
    await given.chunks.return?.()
  }
}

async function openGiven(writer: BlobWriter, lengthBytes: number): Promise<GivenBytes | undefined> {
  if (lengthBytes === 0) return undefined
  const chunks = writer.read({ offset: 0, lengthBytes })[Symbol.asyncIterator]()
  const first = await chunks.next()
  return { lengthBytes, chunks, rest: first.done ? NOTHING : first.value }
}

async function compare(given: GivenBytes, chunk: Uint8Array, at: number): Promise<void> {
  let offset = 0
  while (offset < chunk.byteLength && at + offset < given.lengthBytes) {
    if (given.rest.byteLength === 0) {
      const next = await given.chunks.next()
      if (next.done) return
      given.rest = next.value
    }
    const count = Math.min(given.rest.byteLength, chunk.byteLength - offset)
    if (Buffer.compare(given.rest.subarray(0, count), chunk.subarray(offset, offset + count)) !== 0) {
      throw new AppError('untrusted.digest', 'another source gives other bytes than clients were given before')
    }
    given.rest = given.rest.subarray(count)
    offset += count
  }
}
