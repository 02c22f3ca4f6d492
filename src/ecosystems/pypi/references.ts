/** Distributions are single files: what stands beside one (its metadata) is named by the index, not by the file. */
import type { Reference } from '../../base/located.ts'

/** Always empty. */
export function pypiReferences(_file: {
  readonly bytes: Uint8Array
  readonly mediaType: string | undefined
}): Reference[] {
  return []
}
