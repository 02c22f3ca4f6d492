/**
 * Sizes of blobs that clients are about to ask for, from the files that refer to them and were just given out. Requests by
 * digest tell no size. A hint for how to fetch, never a demand: whoever wrote the file may have written anything. Pure state.
 */
import type { Digest } from '../../base/digest.ts'
import type { Reference } from '../../base/located.ts'

/** Blobs whose size is kept; the longest untouched are forgotten. */
const KEPT_MAX = 4_096

/** See the module head. */
export class ExpectedSizes {
  readonly #sizes = new Map<Digest, number>()

  /** Notes what a file refers to. */
  note(references: readonly Reference[]): void {
    for (const { digest, sizeBytes } of references) {
      if (sizeBytes === undefined) continue
      this.#sizes.delete(digest)
      this.#sizes.set(digest, sizeBytes)
      if (this.#sizes.size <= KEPT_MAX) continue
      const oldest = this.#sizes.keys().next()
      if (!oldest.done) this.#sizes.delete(oldest.value)
    }
  }

  /** The size in bytes that some file stated for one of these digests. */
  sizeOf(digests: readonly Digest[]): number | undefined {
    for (const digest of digests) {
      const sizeBytes = this.#sizes.get(digest)
      if (sizeBytes !== undefined) return sizeBytes
    }
    return undefined
  }
}
