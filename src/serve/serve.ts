/**
 * READ: the steps between a client's request and its reply: resolve, check, find, fetch, stream. Blind to ecosystems.
 */

import type { DocumentKey, StoredDocument } from '../base/document.ts'
import type { NativeReply } from '../base/located.ts'
import type { Purl } from '../base/purl.ts'
import type { Asker, ShareLevel } from '../base/share.ts'
import type { ByteStream } from '../base/streams.ts'
import type { Ecosystem, RequestView } from '../ecosystems/ecosystem.ts'
import type { LeadRequest } from '../peers/peers.ts'
import type { BlobInfo, ServedFact } from '../store/store.ts'
import type { SourceCounts } from './ledger.ts'

/** A client's request to one ecosystem's mount; `path` is below the mount. */
export interface ServeRequest extends RequestView {
  readonly ecosystem: Ecosystem
  /** Body of a POST. */
  readonly body: ByteStream | undefined
  readonly signal: AbortSignal
}

/** What the HTTP edge sends. HEAD replies have the headers of GET; the edge leaves the body out and ends the stream unread. */
export interface ServeReply {
  readonly status: number
  readonly statusText: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /** An error of the stream must reset the connection: a body is never completed unverified. */
  readonly body: ByteStream | NativeReply['body'] | undefined
}

/** A blob on its way into the store. */
export interface TransferState {
  readonly label: string
  readonly upstream: string
  readonly bytes: number
  readonly totalBytes: number | undefined
  /** Undefined: still looking for a source. */
  readonly source: 'peer' | 'upstream' | undefined
  readonly clients: number
  readonly startedAtMs: number
}

/** What the read flow is doing and did since the node's start. */
export interface ServeState {
  readonly transfers: readonly TransferState[]
  readonly sources: SourceCounts
  readonly refusals: number
}

/** One answer to "where did this come from?". */
export interface WhyFact extends ServedFact {
  /** Undefined: no longer in the store. */
  readonly stored:
    | {
        readonly sizeBytes: number
        readonly share: ShareLevel
        readonly pins: readonly string[]
        readonly storedAtMs: number
      }
    | undefined
}

/** The read flow as the edges and the peers' host see it. */
export interface Serve {
  /** Answers a client; refusals are replies in the client's own format. @throws aborted.caller when the client left */
  handle(request: ServeRequest): Promise<ServeReply>
  /**
   * Fetches for a member of the neighbourhood from upstream (never from peers) and streams while it arrives, the tail held
   * until the digest agrees. @throws usage.request, denied.share, absent.blob, unavailable.upstream
   */
  lead(
    request: LeadRequest,
    asker: Asker,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number | undefined; readonly stream: ByteStream }>
  /** Fetches a damaged blob again from peers or from where it once came. @throws absent.blob, unavailable.upstream, unavailable.peer */
  refetch(
    blob: Pick<BlobInfo, 'id' | 'names' | 'sizeBytes' | 'share' | 'mediaType'>,
    signal: AbortSignal,
  ): Promise<void>
  /** A kept document whose body is here too; the caller applies its share level. */
  document(key: DocumentKey): StoredDocument | undefined
  /** What was served under this purl and where it came from, newest first. */
  why(purl: Purl): WhyFact[]
  state(): ServeState
  /** Ends all transfers; their clients' streams fail with aborted.shutdown. */
  close(): Promise<void>
}
