/** Hashes the content of an entry as it passes, and keeps it if it was asked for. */
import { createHash, type Hash, hash } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** Takes the content of one entry. */
export class ContentHasher {
  readonly #sizeBytes: number
  readonly #checksum: boolean
  readonly #kept: Buffer | undefined
  #hash: Hash | undefined
  #digest: string | undefined
  /** Bytes so far. */
  seenBytes = 0
  /** CRC-32 so far; 0 unless it was asked for. */
  crc32 = 0

  constructor(sizeBytes: number, options: { readonly keep: boolean; readonly checksum: boolean }) {
    this.#sizeBytes = sizeBytes
    this.#checksum = options.checksum
    this.#kept = options.keep ? Buffer.alloc(sizeBytes) : undefined
  }

  /** The content, if it was to be kept. */
  get kept(): Uint8Array | undefined {
    return this.#kept
  }

  /** Adds bytes; reads them before it returns. No more than were announced. */
  update(chunk: Uint8Array): void {
    this.#kept?.set(chunk, this.seenBytes)
    this.seenBytes += chunk.byteLength
    if (this.#checksum) this.crc32 = crc32(chunk, this.crc32)
    // Most contents come in one piece, and hashing them at once is a third of the cost.
    if (chunk.byteLength === this.#sizeBytes) this.#digest = hash('sha256', chunk, 'hex')
    else {
      this.#hash ??= createHash('sha256')
      this.#hash.update(chunk)
    }
  }

  /** SHA-256 of what was added, hex. Once. */
  digest(): string {
    return this.#digest ?? (this.#hash ?? createHash('sha256')).digest('hex')
  }
}
