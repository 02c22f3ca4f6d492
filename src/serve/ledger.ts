/** Counts what was served from where: for `status`, metrics and the progress line. In memory, since the node's start. */

/** Where the bytes of a reply came from. */
export type SourceKind = 'store' | 'peer' | 'upstream'

/** Counters of one kind of source. */
export interface SourceCount {
  /** Replies that were begun from it. */
  readonly hits: number
  /** Body bytes handed to clients. */
  readonly servedBytes: number
  /** Bytes that came in from it; 0 for the store. */
  readonly receivedBytes: number
}

/** Counters by kind of source. */
export type SourceCounts = Readonly<Record<SourceKind, SourceCount>>

/** The counters. */
export interface Ledger {
  hit(source: SourceKind): void
  served(source: SourceKind, bytes: number): void
  received(source: SourceKind, bytes: number): void
  /** One more refusal; `denied`: by the policy. */
  refused(denied: boolean): void
  counts(): SourceCounts
  /** Requests that ended in a refusal. */
  refusals(): number
  /** Those by the policy. */
  denials(): number
}

/** Counters at zero. */
export function createLedger(): Ledger {
  const counts = {
    store: { hits: 0, servedBytes: 0, receivedBytes: 0 },
    peer: { hits: 0, servedBytes: 0, receivedBytes: 0 },
    upstream: { hits: 0, servedBytes: 0, receivedBytes: 0 },
  }
  let refusals = 0
  let denials = 0
  return {
    hit(source) {
      counts[source].hits++
    },
    served(source, bytes) {
      counts[source].servedBytes += bytes
    },
    received(source, bytes) {
      counts[source].receivedBytes += bytes
    },
    refused(denied) {
      refusals++
      if (denied) denials++
    },
    counts: () => structuredClone(counts),
    refusals: () => refusals,
    denials: () => denials,
  }
}
