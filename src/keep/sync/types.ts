/** What goes into a sync and comes out of it: the values that the API shows, and the read flow as a sync uses it. Types only. */
import type { BlobId } from '../../base/digest.ts'

import type { DocumentKey, StoredDocument } from '../../base/document.ts'
import type { Headers } from '../../base/located.ts'
import type { ByteStream } from '../../base/streams.ts'
import type { Ecosystem } from '../../ecosystems/ecosystem.ts'
import type { BlobInfo } from '../../store/store.ts'

/** A lockfile to be kept, or only checked. */
export interface SyncRequest {
  /** Absolute path of the lockfile; names the sync, and its last part tells the format. */
  readonly path: string
  readonly bytes: Uint8Array
  /** `os/architecture` for lockfiles whose entries differ by it; undefined: this machine's. */
  readonly platform: string | undefined
  /** Nothing is fetched: only said what is missing. */
  readonly checkOnly: boolean
}

/** Something that a lockfile wants and that this node could not give by itself. */
export interface MissingFile {
  readonly purl: string
  readonly requestPath: string
  /** Why, as the node would tell a client. */
  readonly reason: string
}

/** One run over a lockfile, as it is now. Plain JSON. */
export interface SyncJob {
  readonly id: string
  readonly path: string
  /** The label of its pins. */
  readonly label: string
  readonly ecosystem: string
  readonly platform: string
  readonly checkOnly: boolean
  /** `incomplete`: it came to its end and `missing` says what is not there. */
  readonly state: 'running' | 'complete' | 'incomplete' | 'failed' | 'cancelled'
  /** Files and documents that are wanted, as far as is known by now. */
  readonly wantedCount: number
  readonly doneCount: number
  /** Bytes fetched by this run. */
  readonly fetchedBytes: number
  readonly missingCount: number
  /** The first thousand of what is missing. */
  readonly missing: readonly MissingFile[]
  /** Why it failed as a whole. */
  readonly failure: string | undefined
  readonly startedAtMs: number
  readonly endedAtMs: number | undefined
}

/** A lockfile that is kept. Plain JSON. */
export interface SyncedFile {
  readonly path: string
  readonly label: string
  readonly ecosystem: string
  readonly platform: string
  readonly complete: boolean
  readonly fileCount: number
  readonly syncedAtMs: number
}

/** What is on record for a lockfile beside its pins. */
export interface KeptFor {
  /** Keys of the documents that answers rest on. */
  readonly documents: readonly DocumentKey[]
  /** Which package a file was kept for. */
  readonly files: readonly { readonly purl: string; readonly id: BlobId }[]
}

/** Lockfiles kept for offline use. */
export interface Sync {
  /**
   * Begins a run, or joins the one that does the same already; a run over an older state of the same file is cancelled.
   * The run goes on whoever leaves.
   * @throws usage.request (unreadable, or no ecosystem reads such a file), exhausted.queue
   */
  begin(request: SyncRequest): SyncJob
  /** The run; answered when it has ended, at the latest after `waitMs`. @throws absent.lockfile, aborted.caller */
  job(id: string, waitMs: number, signal: AbortSignal): Promise<SyncJob>
  /** Ends a run; what it has fetched stays. @throws absent.lockfile */
  cancel(id: string): SyncJob
  /** Everything that is kept, in the order of paths. */
  list(): SyncedFile[]
  /** Lets go what is kept for this lockfile. @throws absent.lockfile */
  remove(path: string): Promise<SyncedFile>
  /** What is kept under a label, if a lockfile is. */
  kept(label: string): Promise<KeptFor | undefined>
  /** Ends every run. */
  close(): Promise<void>
}

/** A client's request as a sync makes it. */
export interface Ask {
  readonly ecosystem: Ecosystem
  readonly method: 'GET' | 'HEAD'
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Headers
  /** Present: only this node's own store answers, and is told what the answer rests on. */
  readonly storeOnly?: { readonly onUsed: (used: UsedFact) => void }
  readonly signal: AbortSignal
}

/** What an answer rests on; the read flow's own type, as far as a sync reads it. */
export type UsedFact =
  | { readonly kind: 'blob'; readonly blob: BlobInfo }
  | { readonly kind: 'document'; readonly document: StoredDocument }

/** The read flow's reply, as far as a sync reads it. */
export interface Answer {
  readonly status: number
  readonly statusText: string | undefined
  readonly headers: Headers
  readonly body: ByteStream | Uint8Array | string | undefined
}

/** The read flow. @throws what it throws when a body cannot be completed */
export type AskReadFlow = (ask: Ask) => Promise<Answer>
