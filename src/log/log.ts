/**
 * What the rest of the node sees of the transparency log: reading it, appending to it, following somebody else's, and what a
 * cosigner remembers. `disk.ts` and `memory.ts` implement it and `test/kit/log-suite.ts` holds for both. Bytes and hashes are
 * as in RFC 6962; files and notes are as in C2SP tlog-tiles and tlog-checkpoint. Nothing here decides whose signatures count.
 */

/** How many entries there are, and the Merkle tree hash (32 bytes) of them all. */
export interface TreeHead {
  readonly size: number
  readonly root: Uint8Array
}

/** Who cosigned a checkpoint, and when it said so (seconds since 1970). */
export interface Cosignature {
  /** The name of the cosigner's key. */
  readonly name: string
  readonly timeSeconds: number
}

/** A checkpoint that this node signed itself or accepted by its policy. */
export interface AcceptedCheckpoint extends TreeHead {
  readonly origin: string
  /** The signed note: body, the log's signature, and all cosignatures that are known. */
  readonly note: string
  /** The valid cosignatures of the note by keys that this node knows; empty for a log that nobody cosigns. */
  readonly cosignatures: readonly Cosignature[]
}

/** What an entry can be found by. */
export interface EntryKeys {
  readonly kind: string | undefined
  /** Canonical purls that the entry is about. */
  readonly purls: readonly string[]
  /** Digests (`algorithm:hex`) that the entry names. */
  readonly digests: readonly string[]
  /** Packages (purls without version) on releases of which the entry decides something; absent: none. */
  readonly packages?: readonly string[]
}

/** The keys of an entry; none for bytes that are no entry. Never throws: a log may hold what a newer node wrote. */
export type KeysOf = (entry: Uint8Array) => EntryKeys

/** What to look for: all that is given must hold, at least one is given. */
export interface LogQuery {
  readonly purl?: string
  readonly digest?: string
  readonly kind?: string
  /** A package: what was decided on whichever of its releases. */
  readonly package?: string
  /** Only entries of a lower index; for the next page. */
  readonly before?: number
  /** Only entries of at least this index: what is new since. */
  readonly from?: number
  /** At most so many; 100 if left out. */
  readonly limit?: number
}

/** An entry that was found. */
export interface LogHit {
  readonly index: number
  readonly entry: Uint8Array
}

/** Reading a log, up to the newest checkpoint. Serving, keeping, the API and the command line use it. */
export interface LogReader {
  readonly origin: string
  /** `full`: holds every entry. `light`: asks others for what it is asked for, and checks it. */
  readonly mode: 'full' | 'light'
  /** The newest checkpoint that this node signed or accepted; undefined before the first. Never goes back. */
  newest(): AcceptedCheckpoint | undefined
  /** The bytes of entry `index`. @throws absent.entry, damaged.log */
  entry(index: number): Promise<Uint8Array>
  /** Entries of index `from` up to `to` (not included), in order; fewer if the log is shorter. @throws damaged.log */
  entries(from: number, to: number, signal?: AbortSignal): AsyncIterable<LogHit>
  /** The entries that a query wants, newest first. @throws usage.request if it asks for nothing, damaged.log */
  find(query: LogQuery, signal?: AbortSignal): Promise<LogHit[]>
  /** Every logged revocation, newest first. @throws damaged.log */
  revocations(signal?: AbortSignal): Promise<LogHit[]>
  /** The root of the first `size` entries. @throws absent.entry beyond the newest checkpoint, damaged.log */
  rootAt(size: number): Promise<Uint8Array>
  /** The inclusion proof (RFC 6962, 2.1.1) of entry `index` in the tree of `size`. @throws absent.entry, damaged.log */
  inclusion(index: number, size: number): Promise<Uint8Array[]>
  /** The consistency proof (RFC 6962, 2.1.2) between two sizes. @throws absent.entry, damaged.log */
  consistency(fromSize: number, toSize: number): Promise<Uint8Array[]>
  /** The bytes to be served at `tile/...` (tlog-tiles); undefined for what is no such path or not covered by the newest checkpoint. @throws damaged.log */
  tile(path: string): Promise<Uint8Array | undefined>
  /** Calls `listener` after each newer checkpoint, or the same one with more cosignatures, until the returned function is called. */
  watch(listener: (checkpoint: AcceptedCheckpoint) => void): () => void
}

/** A log that this node holds in full. */
export interface LogStore extends LogReader {
  readonly mode: 'full'
  /** Everything that is durable, signed or not. */
  head(): TreeHead
  /**
   * Remembers a checkpoint and publishes it: of the size of `newest()` with other cosignatures, or a newer one within `head()`.
   * The caller has verified it. @throws conflict.changed if it would go back, untrusted.proof if its root is not this log's
   */
  publish(checkpoint: AcceptedCheckpoint): Promise<void>
  /** Ends what runs, and gives the directory free. */
  close(): Promise<void>
}

/** Where an append ended up. */
export interface Appended extends TreeHead {
  /** The index of the first of the entries; the others follow it. */
  readonly firstIndex: number
}

/** A log that this node signs. One process at a time. */
export interface LogWriter extends LogStore {
  /**
   * Appends entries, together and in order. Resolves when they, and a checkpoint over them if this log signs at once, are on
   * the disk: what is acknowledged outlives a crash of the machine. After a rejection they may be in the log or not.
   * `at`: the size that the log must have, for callers that repeat. `size` and `root` may cover entries of other callers.
   * @throws usage.log, conflict.changed (another size than `at`), exhausted.queue, exhausted.disk, unavailable.storage, damaged.log
   */
  append(entries: readonly Uint8Array[], options?: { readonly at?: number }): Promise<Appended>
  /** What `append` would give if nobody else appended: no effect, so that consensus can agree on it first. @throws usage.log */
  pureRoot(entries: readonly Uint8Array[]): TreeHead
  /**
   * Signs the checkpoint of the first `size` entries and publishes it, for logs that do not sign at once (`size` is agreed on
   * one block later). Signing again what was signed gives the same note. @throws conflict.changed if `size` is smaller than one
   * that was signed, absent.entry if it is larger than the log
   */
  sign(size: number): Promise<AcceptedCheckpoint>
}

/** Where a follower gets files of a log from. */
export interface TileSource {
  /** The bytes at `tile/...`, from anybody; they are checked. Asked for again after `reject`. */
  fetch(path: string, signal: AbortSignal): Promise<Uint8Array>
  /** What `fetch` gave for `path` is not what the checkpoint says: somebody is to blame. */
  reject(path: string, error: unknown): void
}

/** A copy of a log that somebody else signs. */
export interface LogMirror extends LogStore {
  /**
   * Fetches, checks and stores everything up to `checkpoint`, then publishes it. The caller has verified its signatures; that it
   * is consistent with what is here is checked by building on it. Whatever was fetched by an earlier, broken off call is used.
   * @throws untrusted.proof if the files contradict the checkpoint or it contradicts this copy, conflict.changed if it goes
   * back, aborted.caller, errors of `fetch`
   */
  ingest(checkpoint: AcceptedCheckpoint, source: TileSource, signal: AbortSignal): Promise<void>
}

/**
 * What a cosigner last signed, per origin. A cosigner that forgets could sign two histories, so it is on the disk before any
 * answer, and where it is missing or older than what others hold nothing is signed.
 */
export interface CosignerStore {
  /** What was last signed for `origin`; undefined if nothing was. @throws damaged.cosigner */
  last(origin: string): TreeHead | undefined
  /**
   * Puts `next` in the place of `expected` (undefined: nothing was signed yet) if that is what is there, and makes it durable;
   * only then may `next` be signed. @throws conflict.changed if something else is there or `next` is smaller,
   * untrusted.proof for another root of the same size, unavailable.unconfirmed before `confirm` where that is demanded,
   * damaged.cosigner, exhausted.disk, unavailable.storage
   */
  advance(origin: string, expected: TreeHead | undefined, next: TreeHead): Promise<void>
  /**
   * The newest checkpoint with this cosigner's own signature that others hold (undefined: they hold none). If it is newer than
   * what is here, or of the same size with another root, an old copy of the store was restored: from then on nothing is signed
   * for this origin, also after a restart. @throws damaged.cosigner in that case
   */
  confirm(origin: string, newest: TreeHead | undefined): Promise<void>
  close(): void
}
