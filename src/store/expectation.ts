/** What a writer must turn out to be: which hashes to compute and whether the result agrees. Pure; both stores use it. */
import { type Algorithm, algorithmOf, type BlobId, type Digest } from '../base/digest.ts'
import { AppError } from '../base/errors.ts'
import type { BlobExpectation } from './store.ts'

/** The hash functions to run: sha256 (the id), those of the expected digests, and the wanted aliases. */
export function algorithmsOf(expectation: BlobExpectation): Algorithm[] {
  return [...new Set<Algorithm>(['sha256', ...expectation.digests.map(algorithmOf), ...expectation.aliases])]
}

/** The most bytes that may be written. */
export function bytesMaxOf(expectation: BlobExpectation): number {
  return Math.min(expectation.bytesMax, expectation.sizeBytes ?? Number.MAX_SAFE_INTEGER)
}

/** Refuses an expectation that cannot be met. @throws exhausted.size if the stated size is above `bytesMax` */
export function checkExpectation(expectation: BlobExpectation): void {
  const { sizeBytes, bytesMax } = expectation
  if (sizeBytes !== undefined && sizeBytes > bytesMax) {
    throw new AppError('exhausted.size', `wanted a blob of at most ${bytesMax} bytes, found one of ${sizeBytes}`, {
      data: { bytesMax, sizeBytes },
    })
  }
}

/** Refuses a write that would make the blob longer than it may be. @throws exhausted.size */
export function checkGrowth(expectation: BlobExpectation, sizeBytes: number): void {
  const bytesMax = bytesMaxOf(expectation)
  if (sizeBytes > bytesMax) {
    throw new AppError(
      'exhausted.size',
      `writing a blob: wanted at most ${bytesMax} bytes, found ${sizeBytes} or more`,
      {
        data: { bytesMax },
      },
    )
  }
}

/**
 * The id and all names of what was written, the id first, if it is what was expected.
 * @throws untrusted.size, untrusted.digest
 */
export function judge(
  expectation: BlobExpectation,
  digests: ReadonlyMap<Algorithm, Digest>,
  sizeBytes: number,
): { readonly id: BlobId; readonly names: readonly [BlobId, ...Digest[]] } {
  if (expectation.sizeBytes !== undefined && expectation.sizeBytes !== sizeBytes) {
    throw new AppError('untrusted.size', `wanted ${expectation.sizeBytes} bytes, found ${sizeBytes}`, {
      data: { wantedBytes: expectation.sizeBytes, foundBytes: sizeBytes },
    })
  }
  for (const wanted of expectation.digests) {
    const found = digests.get(algorithmOf(wanted))
    if (found !== wanted) {
      throw new AppError('untrusted.digest', `wanted ${wanted}, found ${found ?? 'nothing'} in ${sizeBytes} bytes`, {
        data: { wanted, found },
      })
    }
  }
  const id = digests.get('sha256') as BlobId
  return { id, names: [id, ...[...digests.values()].filter((name) => name !== id)] }
}
