/**
 * Who has what, and getting it. Interface file; the adapters are `libp2p.ts` (control plane: libp2p in a worker; data plane:
 * pinned-key HTTPS) and `memory.ts`, both held to it by `test/kit/peers-suite.ts`. See `4-network.md` and DESIGN.md.
 * Peers never decide what reaches a client: they say how far a transfer may be trusted, the fetch step decides.
 */
import type { BlobId, Digest } from '../base/digest.ts'
import type { DocumentKey, StoredDocument } from '../base/document.ts'
import type { PieceManifest } from '../base/pieces.ts'
import type { Asker } from '../base/share.ts'
import type { ByteRange, ByteStream } from '../base/streams.ts'

/** A libp2p peer id in its text form; equals the pin of the data plane's certificate. */
export type PeerId = string

/** How much this node believes a peer: `self-chosen` trust (`--trust-peer`), membership of the same private network, or none. */
export type PeerTrust = 'named' | 'member' | 'stranger'

/** What is known of a peer, for `pyrsia list`. */
export interface PeerInfo {
  readonly peerId: PeerId
  readonly trust: PeerTrust
  readonly connected: boolean
  /** Data plane address, if it told one: host and port. */
  readonly dataAddress: string | undefined
  readonly addresses: readonly string[]
  readonly zone: string | undefined
  readonly sameSubnet: boolean
  readonly roundTripMs: number | undefined
  /** Measured bytes per second, decaying average. */
  readonly rateBytesPerSecond: number | undefined
  readonly receivedBytes: number
  readonly sentBytes: number
  /** `dropped`: it lied; not asked and not served any more. `demoted`: it stalled. */
  readonly standing: 'good' | 'demoted' | 'dropped'
  /** Why, when and about which blob. */
  readonly faults: readonly PeerFault[]
}

/** Something a peer did wrong. Remembered across restarts. */
export interface PeerFault {
  readonly kind: 'bad-piece' | 'bad-manifest' | 'bad-digest' | 'bad-message' | 'bad-log' | 'stall' | 'missing'
  readonly about: string
  readonly atMs: number
}

/** A peer that says it holds a blob. */
export interface Provider {
  readonly peerId: PeerId
  readonly trust: PeerTrust
  readonly id: BlobId
  readonly sizeBytes: number
  readonly mediaType: string | undefined
  /** What `lookup` was asked for of the names that it says the blob has; of aliases nobody but the peer itself says so. */
  readonly names?: readonly Digest[]
}

/**
 * A transfer from peers under way. The stream yields the range in order. If `vouched`, each yielded byte was checked against
 * a manifest signed by this node, a named peer or a member; otherwise nothing is proven until the whole digest agrees and the
 * fetch step lets nothing through before. Lying and stalling peers are blamed and replaced inside.
 */
export interface PeerTransfer {
  readonly id: BlobId
  readonly sizeBytes: number
  readonly mediaType: string | undefined
  readonly vouched: boolean
  /** Peers that contributed so far, the best first. */
  readonly from: () => readonly PeerId[]
  /** @throws unavailable.peer when no provider is left; aborted.caller */
  readonly stream: ByteStream
  /**
   * Told by the fetch step when the whole blob was checked: on `false` the signer of the manifest is blamed, or those who
   * sent pieces under an unsigned one.
   */
  settle(digestAgreed: boolean): void
}

/** A document from a peer whose word counts. */
export interface PeerDocument {
  readonly document: StoredDocument
  readonly peerId: PeerId
}

/** Asks a neighbour to fetch a blob from upstream once for the whole neighbourhood. Names, never a URL. */
export interface LeadRequest {
  readonly ecosystem: string
  readonly upstream: string
  readonly id: BlobId
  /** The client's own request path, which the leader's ecosystem parses again. */
  readonly requestPath: string
}

/** Bytes of a message for the order of a trust network, and of the answer: a signed transaction in base64, and what it is wrapped in. */
export const TRANSACTION_MESSAGE_BYTES_MAX = 65_536

/** A file of a network's log, as tlog-tiles names it. */
export interface LogFileRequest {
  /** SHA-256 of the log's origin, 64 lower-case hex digits (the "origin hash" of tlog-witness). */
  readonly originHash: string
  /** `checkpoint`, a path below `tile/`, or a search below `find/`. */
  readonly path: string
}

/** What a node offers to its peers; implemented in `main/wire.ts` from store and serve. Share rules are enforced in there. */
export interface PeerHost {
  /** The blob if it is here and may be shared with `asker`. */
  lookup(
    name: Digest,
    asker: Asker,
  ): { readonly id: BlobId; readonly sizeBytes: number; readonly mediaType: string | undefined } | undefined
  /** @throws absent.blob, denied.share, damaged.blob */
  open(id: BlobId, range: ByteRange, asker: Asker, signal: AbortSignal): Promise<ByteStream>
  pieces(id: BlobId, asker: Asker): PieceManifest | undefined
  /** A kept document, for those who trust this node. */
  document(key: DocumentKey, asker: Asker): StoredDocument | undefined
  /** A file of a log that this node shares with `asker`; undefined: no such file, or not for this one. */
  logFile(request: LogFileRequest, asker: Asker): Promise<Uint8Array | undefined>
  /**
   * Takes a message for the order of a trust network, or for whoever this node passes it on to, and answers it. Bounded and rate limited
   * before it gets here. @throws denied.share, unavailable.peer, usage.message
   */
  transact(message: Uint8Array, asker: Asker, signal: AbortSignal): Promise<Uint8Array>
  /** Fetches from upstream for a member and streams while it arrives; never delegates further. */
  lead(
    request: LeadRequest,
    asker: Asker,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number | undefined; readonly stream: ByteStream }>
  /** Digests to announce at start-up: shareable blobs, with all their names. */
  shareable(): Iterable<Digest>
  /** Remembered facts about peers; undefined forgets them. */
  remember(peerId: PeerId, facts: unknown): void
  recall(): Array<readonly [PeerId, unknown]>
}

/** Sum of both planes, for `status` and metrics. */
export interface PeersState {
  readonly peerId: PeerId
  /** Multiaddrs that another node's `--peer` takes. */
  readonly listen: readonly string[]
  readonly dataAddress: string | undefined
  readonly privateNetwork: boolean
  readonly connected: number
  readonly known: number
  /** `no`: nobody dialled this node yet although peers are connected. */
  readonly reachable: 'unknown' | 'yes' | 'no'
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly announcedDigests: number
}

/** The peers. */
export interface Peers {
  /** Listens on both planes, then dials bootstrap peers in the background; resolves when both planes listen. */
  start(host: PeerHost): Promise<void>
  stop(): Promise<void>
  state(): PeersState
  list(): PeerInfo[]
  /**
   * Calls back when a peer is connected, and each time that it is again after the connection was lost: what it told meanwhile did not
   * arrive. Until the returned function is called.
   */
  onConnected(listener: (peerId: PeerId) => void): () => void
  /**
   * Who holds a blob with one of these names; united answers of rendezvous members and direct neighbours. Providers in
   * standing `dropped` are left out. Returns early when a trusted provider answered; empty if nobody knows. Peers that could not
   * be reached a moment ago are left out for a while, unless `patient`: nobody else is left to ask.
   */
  lookup(
    names: readonly Digest[],
    options: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly patient?: boolean },
  ): Promise<Provider[]>
  /** Starts a transfer from one or several of these providers, which all must name the same id. @throws unavailable.peer */
  fetch(
    providers: readonly [Provider, ...Provider[]],
    options: { readonly range?: ByteRange; readonly signal: AbortSignal },
  ): Promise<PeerTransfer>
  /**
   * The member that leads this digest's upstream fetch, if it is another one than this node and answers; undefined: go upstream.
   */
  follow(
    request: LeadRequest,
    options: { readonly signal: AbortSignal },
  ): Promise<
    { readonly peerId: PeerId; readonly sizeBytes: number | undefined; readonly stream: ByteStream } | undefined
  >
  /** The newest copy of a document among peers that are named or members; its body is fetched as any blob. */
  document(
    key: DocumentKey,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<PeerDocument | undefined>
  /**
   * A file of a log as this peer has it, nothing of it checked; undefined: it has none, or shares none.
   * @throws unavailable.peer, exhausted.size if there are more than `bytesMax` bytes, aborted.caller
   */
  logFile(
    peerId: PeerId,
    request: LogFileRequest,
    options: { readonly bytesMax: number; readonly signal: AbortSignal },
  ): Promise<Uint8Array | undefined>
  /**
   * Hands a peer a message for the order of a trust network (at most `TRANSACTION_MESSAGE_BYTES_MAX`) and brings its answer, unchecked.
   * @throws unavailable.peer if it is not there or takes none, exhausted.quota if it wants no more for now, usage.message, aborted.caller
   */
  transact(peerId: PeerId, message: Uint8Array, options: { readonly signal: AbortSignal }): Promise<Uint8Array>
  /** Adds to or removes from what is announced; batched inside, bounded. */
  announce(names: readonly Digest[]): void
  withdraw(names: readonly Digest[]): void
  /** Records a fault that the caller found out. */
  blame(peerId: PeerId, fault: Omit<PeerFault, 'atMs'>): void
  /** Gossip of small messages (at most 16 KiB); topics are `pyrsia/<name>/1`. */
  publish(topic: string, message: Uint8Array): Promise<void>
  subscribe(topic: string, listener: (message: Uint8Array, from: PeerId) => void): () => void
}
