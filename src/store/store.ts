/**
 * The store: content-addressed blobs on disk and what is known of them. Interface file; the adapters are `disk.ts` and
 * `memory.ts`, both held to it by `test/kit/store-suite.ts`.
 * A blob becomes visible only when its digests agreed (commit). Reads check every piece against the blob's own manifest.
 */
import type { Algorithm, BlobId, Digest } from '../base/digest.ts'
import type { DocumentKey, StoredDocument } from '../base/document.ts'
import type { Evidence, Origin } from '../base/located.ts'
import type { PieceManifest } from '../base/pieces.ts'
import type { Purl } from '../base/purl.ts'
import type { ShareLevel } from '../base/share.ts'
import type { ByteRange, ByteStream } from '../base/streams.ts'

/** What is known of a stored blob. */
export interface BlobInfo {
  readonly id: BlobId
  readonly sizeBytes: number
  /** Its id and its aliases. */
  readonly names: readonly Digest[]
  /** As the source stated it. */
  readonly mediaType: string | undefined
  readonly share: ShareLevel
  /** Labels of those who pinned it; empty: may be evicted. */
  readonly pins: readonly string[]
  readonly storedAtMs: number
  readonly usedAtMs: number
  readonly origin: Origin
}

/** What a new blob must turn out to be. */
export interface BlobExpectation {
  /** Every digest that is known beforehand; commit demands all of them. May be empty for bodies that only get a name here. */
  readonly digests: readonly Digest[]
  /** Aliases to compute and keep beside sha256. */
  readonly aliases: readonly Algorithm[]
  /** The exact size, where it is known. */
  readonly sizeBytes: number | undefined
  /** More than this is refused while it is written. */
  readonly bytesMax: number
}

/** Facts about a blob that do not follow from its bytes. */
export interface BlobFacts {
  readonly mediaType: string | undefined
  readonly share: ShareLevel
  readonly origin: Origin
}

/**
 * Writes one blob beside the store and renames it in at `commit`. Hashes sha256, the aliases and the pieces in one pass.
 * Exactly one of `commit` and `abort` ends it; after an error of `write` only `abort` may follow. Bytes already written can
 * be read back at once, so that many clients follow one download.
 */
export interface BlobWriter {
  /** Bytes accepted so far and readable. */
  readonly writtenBytes: number
  /**
   * Appends. Resolves when the chunk may be reused by the caller.
   * @throws exhausted.size beyond the expectation's size or bytesMax; exhausted.disk
   */
  write(chunk: Uint8Array): Promise<void>
  /** Bytes that were already written; the range must lie within `writtenBytes`. Valid until commit's or abort's end; open readers outlive both. */
  read(range: ByteRange): ByteStream
  /**
   * Makes the blob visible; if it was there already, keeps the stored one and widens its facts.
   * @throws untrusted.digest, untrusted.size (the bytes are gone then); exhausted.disk
   */
  commit(facts: BlobFacts): Promise<BlobInfo>
  /** Drops what was written. Never throws. */
  abort(): Promise<void>
}

/** An open blob. */
export interface BlobReader {
  readonly info: BlobInfo
  /**
   * Streams the range; each piece is checked before its bytes are handed out. A chunk is only valid until the next is asked for.
   * @throws damaged.blob (the blob is out of service from then on), aborted.caller
   */
  stream(range?: ByteRange, signal?: AbortSignal): ByteStream
  /** Releases the file; open streams end first. */
  close(): Promise<void>
}

/** What a purl was served as, for `why`. */
export interface ServedFact {
  readonly purl: Purl
  readonly label: string
  readonly id: BlobId
  readonly upstream: string
  readonly evidence: readonly Evidence[]
  readonly origin: Origin
  readonly firstAtMs: number
  readonly lastAtMs: number
}

/** Sizes and counts. */
export interface StoreUsage {
  readonly blobs: number
  readonly bytes: number
  readonly pinnedBytes: number
  /** Bytes of writers in flight. */
  readonly writingBytes: number
  readonly limitBytes: number
  /** Free bytes of the file system; undefined in memory. */
  readonly freeBytes: number | undefined
  /** Blobs found damaged and not yet repaired. */
  readonly damaged: number
}

/**
 * News of the store, given to `Store.watch`'s listener after the fact is durable enough to act on. `added` comes again when a
 * blob that is there got more names or a wider share level, and when a damaged one is whole again.
 */
export type StoreEvent =
  | { readonly kind: 'added'; readonly blob: BlobInfo }
  | { readonly kind: 'removed'; readonly id: BlobId; readonly names: readonly Digest[] }
  | { readonly kind: 'damaged'; readonly blob: BlobInfo }

/** What a garbage collection did. */
export interface CollectReport {
  readonly removedBlobs: number
  readonly removedBytes: number
  readonly keptBytes: number
}

/** What a scrub found. */
export interface ScrubReport {
  readonly checkedBlobs: number
  readonly checkedBytes: number
  readonly damaged: readonly BlobId[]
}

/** Named small values that parts keep across restarts (reputations, identities' counters); a namespace per owner. */
export interface Notebook {
  get(namespace: string, key: string): unknown
  set(namespace: string, key: string, value: unknown): void
  delete(namespace: string, key: string): void
  entries(namespace: string): Array<readonly [key: string, value: unknown]>
}

/** Kept index documents and the variants made of them. */
export interface DocumentShelf {
  /** Undefined also while its body is damaged; a document goes for good together with its body. */
  get(key: DocumentKey): StoredDocument | undefined
  /** Replaces; the former body becomes collectable unless another document has it. */
  put(document: StoredDocument): void
  /** Sets `checkedAtMs` after a 304 (and the headers that came with it). */
  confirm(key: DocumentKey, checkedAtMs: number, headers?: Readonly<Record<string, string>>): void
  delete(key: DocumentKey): void
  /** Documents in the order of their keys (by code points), after `after`; those with a damaged body are left out. */
  list(options: { readonly after?: DocumentKey; readonly limit: number }): StoredDocument[]
  /** The stored result of transforming `body` for `variant`; `variant` includes ecosystem, form, encoding, base URL and policy revision. */
  variant(body: BlobId, variant: string): { readonly id: BlobId; readonly mediaType: string } | undefined
  putVariant(body: BlobId, variant: string, made: { readonly id: BlobId; readonly mediaType: string }): void
}

/** The store. Look-ups are synchronous and cheap (an indexed query); bytes are asynchronous. */
export interface Store {
  readonly documents: DocumentShelf
  readonly notebook: Notebook
  /** The blob with this id or alias; undefined if absent or damaged. Does not touch its last use. */
  lookup(name: Digest): BlobInfo | undefined
  /** Opens for reading and marks it used. @throws absent.blob, damaged.blob */
  open(id: BlobId): Promise<BlobReader>
  /** Its piece manifest; undefined if the blob is absent. */
  pieces(id: BlobId): PieceManifest | undefined
  /** Starts a new blob; makes room first. @throws exhausted.disk if there is none */
  begin(expectation: BlobExpectation): Promise<BlobWriter>
  /** Widens the share level of a blob and adds aliases and facts that a later source stated. */
  amend(id: BlobId, facts: { readonly share?: ShareLevel; readonly mediaType?: string }): void
  remove(id: BlobId): Promise<void>
  pin(id: BlobId, label: string): void
  unpin(id: BlobId, label: string): void
  /** Blobs in the order of their ids, after `after`. */
  list(options: { readonly after?: BlobId; readonly limit: number }): BlobInfo[]
  /** Evicts least recently used blobs down to the low watermark (or `toBytes`). */
  collect(options?: { readonly toBytes?: number }): Promise<CollectReport>
  /** Reads everything (or one blob) again; damaged blobs leave service and are reported by an event. */
  scrub(options: {
    readonly id?: BlobId
    readonly signal?: AbortSignal
    readonly progress?: (checkedBytes: number, totalBytes: number) => void
  }): Promise<ScrubReport>
  usage(): StoreUsage
  /** Records what a purl was served as. */
  record(fact: Omit<ServedFact, 'firstAtMs' | 'lastAtMs'>): void
  /** What was served under this purl (with or without version), newest first, at most 100; without a purl under any, at most 20,000. */
  served(purl?: Purl): ServedFact[]
  /** Calls `listener` for every event until the returned function is called. Listeners must not throw. */
  watch(listener: (event: StoreEvent) => void): () => void
  /** Waits for writers to end, then closes. */
  close(): Promise<void>
}
