/** Gems are single files: one refers to nothing that must be had with it. */
import type { Reference } from '../../base/located.ts'

/** Always empty. */
export function gemReferences(_file: {
  readonly bytes: Uint8Array
  readonly mediaType: string | undefined
}): Reference[] {
  return []
}
