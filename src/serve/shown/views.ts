/** What the read flow shows of itself to the edges and is asked about files. Types only. */
import type { Digest } from '../../base/digest.ts'
import type { Purl } from '../../base/purl.ts'
import type { ShareLevel } from '../../base/share.ts'
import type { ServedFact } from '../../store/store.ts'
import type { SourceCounts } from '../ledger.ts'

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
  /** Refusals by the policy among them. */
  readonly denials: number
  /** Released files for which upstream states another digest than before. */
  readonly conflictCount: number
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

/** A file that is asked about. */
export interface AuditedFile {
  /** With a version. */
  readonly purl: Purl
  /** None: the release as a whole is meant. */
  readonly digests: readonly Digest[]
  /** Its file name, if it has one. */
  readonly name: string | undefined
}
