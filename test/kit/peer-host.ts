/** A `PeerHost` over blobs in memory, for tests of peers: holds, shares or withholds, and can be made to lie or stall. */
import { type BlobId, blobIdOf, type Digest, digestBytes } from '../../src/base/digest.ts'
import type { DocumentKey, StoredDocument } from '../../src/base/document.ts'
import { AppError } from '../../src/base/errors.ts'
import { manifestOf } from '../../src/base/piece-hash.ts'
import type { PieceManifest } from '../../src/base/pieces.ts'
import { type Asker, mayShare, type ShareLevel } from '../../src/base/share.ts'
import type { ByteStream } from '../../src/base/streams.ts'
import type { LeadRequest, LogFileRequest, PeerHost, PeerId } from '../../src/peers/peers.ts'

const CHUNK_BYTES = 262_144

/** What a test may do to the bytes on their way out, chunk by chunk; `offset` is the chunk's place in the blob. */
export type Tamper = (chunk: Uint8Array, offset: number, asker: Asker) => Uint8Array | Promise<Uint8Array>

interface Kept {
  readonly bytes: Uint8Array
  readonly share: ShareLevel
  readonly manifest: PieceManifest
}

/** A host in memory. */
export class MemoryHost implements PeerHost {
  readonly facts: Map<PeerId, unknown> = new Map()
  readonly documents: Map<DocumentKey, StoredDocument> = new Map()
  /** Files of logs by `<origin hash>/<path>`. */
  readonly logFiles: Map<string, Uint8Array> = new Map()
  /** Messages for the order that came, and from whom. */
  readonly transacted: Array<readonly [string, string]> = []
  /** What they are answered with; undefined: none is taken. */
  answer: string | undefined
  /** How often `open` and `lead` were called. */
  opened = 0
  led = 0
  tamper: Tamper = (chunk) => chunk
  /** Bytes of upstream, for `lead`. */
  upstream: Uint8Array | undefined
  readonly #privateNetwork: boolean
  readonly #blobs = new Map<BlobId, Kept>()
  readonly #names = new Map<Digest, BlobId>()

  constructor(options: { readonly privateNetwork?: boolean } = {}) {
    this.#privateNetwork = options.privateNetwork ?? false
  }

  /** Puts a blob in, found by sha256 and sha512. `claim` replaces its true id (a liar's blob). */
  add(bytes: Uint8Array, options: { readonly share?: ShareLevel; readonly claim?: BlobId } = {}): BlobId {
    const id = options.claim ?? blobIdOf(bytes)
    this.#blobs.set(id, { bytes, share: options.share ?? 'network', manifest: manifestOf(id, bytes) })
    this.#names.set(id, id)
    this.#names.set(digestBytes('sha512', bytes), id)
    return id
  }

  /** Takes a blob out. */
  remove(id: BlobId): void {
    this.#blobs.delete(id)
  }

  lookup(name: Digest, asker: Asker): ReturnType<PeerHost['lookup']> {
    const id = this.#names.get(name)
    const kept = id && this.#shared(id, asker)
    return id && kept && { id, sizeBytes: kept.bytes.byteLength, mediaType: 'application/test' }
  }

  async open(
    id: BlobId,
    range: { readonly offset: number; readonly lengthBytes: number },
    asker: Asker,
    signal: AbortSignal,
  ): Promise<ByteStream> {
    const kept = this.#shared(id, asker)
    if (kept === undefined) throw new AppError('absent.blob', `${id} is not here`)
    this.opened += 1
    const { tamper } = this
    return (async function* () {
      for (let at = range.offset; at < range.offset + range.lengthBytes; at += CHUNK_BYTES) {
        if (signal.aborted) throw signal.reason
        const end = Math.min(at + CHUNK_BYTES, range.offset + range.lengthBytes)
        yield await tamper(kept.bytes.subarray(at, end), at, asker)
      }
    })()
  }

  pieces(id: BlobId, asker: Asker): PieceManifest | undefined {
    return this.#shared(id, asker)?.manifest
  }

  document(key: DocumentKey, asker: Asker): StoredDocument | undefined {
    const found = this.documents.get(key)
    return found && mayShare(found.share, asker, this.#privateNetwork) ? found : undefined
  }

  async logFile({ originHash, path }: LogFileRequest): Promise<Uint8Array | undefined> {
    return this.logFiles.get(`${originHash}/${path}`)
  }

  async transact(message: Uint8Array, asker: Asker): Promise<Uint8Array> {
    this.transacted.push([Buffer.from(message).toString(), asker.peerId])
    if (this.answer === undefined) throw new AppError('denied.share', 'takes no transactions')
    return Buffer.from(this.answer)
  }

  async lead(_request: LeadRequest): ReturnType<PeerHost['lead']> {
    this.led += 1
    const bytes = this.upstream
    if (bytes === undefined) throw new AppError('unavailable.upstream', 'there is no upstream')
    return {
      sizeBytes: bytes.byteLength,
      stream: (async function* () {
        yield bytes
      })(),
    }
  }

  *shareable(): Iterable<Digest> {
    for (const [name, id] of this.#names) if (this.#blobs.has(id) && this.#blobs.get(id)?.share !== 'none') yield name
  }

  remember(peerId: PeerId, facts: unknown): void {
    if (facts === undefined) this.facts.delete(peerId)
    else this.facts.set(peerId, JSON.parse(JSON.stringify(facts)))
  }

  recall(): Array<readonly [PeerId, unknown]> {
    return [...this.facts]
  }

  #shared(id: BlobId, asker: Asker): Kept | undefined {
    const kept = this.#blobs.get(id)
    return kept && mayShare(kept.share, asker, this.#privateNetwork) ? kept : undefined
  }
}

/** The tamper of a liar: one bit of every chunk is flipped. */
export const flipped: Tamper = (chunk) => {
  const copy = Uint8Array.from(chunk)
  copy[0] = (copy[0] ?? 0) ^ 1
  return copy
}
