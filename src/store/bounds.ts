/** The bounds of what a store keeps beside blobs, and the watermarks of its size; options override them. */

/** Sizes and counts that a store keeps to. */
export interface StoreBounds {
  /** What blobs and writers in flight may take together. */
  readonly limitBytes: number
  /** Share of the limit at which eviction begins, 0 to 1. */
  readonly highWatermark: number
  /** Share of the limit down to which it goes, 0 to `highWatermark`. */
  readonly lowWatermark: number
  /** Kept documents; beyond it the oldest negative answers go, then the ones that were checked longest ago. */
  readonly documentCountMax: number
  /** Facts of `record`; beyond it the ones longest not served go. */
  readonly servedCountMax: number
  /** Entries of one notebook namespace; beyond it the one set longest ago goes. */
  readonly notebookCountMax: number
  /** Bytes of one notebook value as JSON. */
  readonly notebookValueBytesMax: number
}

/** What applies where the options are silent. */
export const DEFAULT_BOUNDS: Omit<StoreBounds, 'limitBytes'> = {
  highWatermark: 0.95,
  lowWatermark: 0.85,
  documentCountMax: 200_000,
  servedCountMax: 200_000,
  notebookCountMax: 200_000,
  notebookValueBytesMax: 65_536,
}

/** Facts that `served` answers with at most. */
export const SERVED_REPLY_COUNT_MAX = 100
/** And where all are asked for. */
export const SERVED_ALL_COUNT_MAX = 20_000

/** Options of a store: the limit, and any other bound that shall differ from the default. */
export type BoundOptions = Pick<StoreBounds, 'limitBytes'> & Partial<StoreBounds>

/** The bounds that `options` ask for. */
export function boundsOf(options: BoundOptions): StoreBounds {
  return { ...DEFAULT_BOUNDS, ...options }
}
