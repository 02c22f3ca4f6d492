/** What a blob's row becomes when the blob is committed, whether it was known before or not. Pure. */
import type { BlobId, Digest } from '../../base/digest.ts'
import { widerShare } from '../../base/share.ts'
import type { BlobFacts, BlobInfo } from '../store.ts'

/** What is known before, what was written, and what its source said. */
export interface Arrival {
  readonly before: BlobInfo | undefined
  /** False: the bytes that the row speaks of are gone, so these are new. */
  readonly sound: boolean
  readonly sizeBytes: number
  readonly names: readonly [BlobId, ...Digest[]]
  readonly facts: BlobFacts
  readonly nowMs: number
}

/** The info after the commit: names united, the share level the wider, pins kept, stored facts kept while the bytes were sound. */
export function arrivedInfo({ before, sound, sizeBytes, names, facts, nowMs }: Arrival): BlobInfo {
  return {
    id: names[0],
    sizeBytes,
    names: [...new Set([...(before?.names ?? []), ...names])],
    mediaType: before?.mediaType ?? facts.mediaType,
    share: widerShare(before?.share ?? 'none', facts.share),
    pins: before?.pins ?? [],
    storedAtMs: sound && before !== undefined ? before.storedAtMs : nowMs,
    usedAtMs: nowMs,
    origin: sound && before !== undefined ? before.origin : facts.origin,
  }
}

/** True if peers should hear of it: new, whole again, or known by more names or to more of them. */
export function isNews(before: BlobInfo | undefined, sound: boolean, after: BlobInfo): boolean {
  return !sound || before?.share !== after.share || before.names.length !== after.names.length
}
