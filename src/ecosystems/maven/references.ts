/** Artifacts are single files: what a POM depends on is asked for by its own name, not promised with it. */
import type { Reference } from '../../base/located.ts'

/** Always empty. */
export function mavenReferences(_file: {
  readonly bytes: Uint8Array
  readonly mediaType: string | undefined
}): Reference[] {
  return []
}
