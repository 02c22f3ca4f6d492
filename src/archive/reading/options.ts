/** What readers are told. */
import type { ArchiveLimits } from '../archive.ts'

/** How an archive is read. */
export interface ReadOptions {
  /** True: what layers of images may hold is allowed. Tar archives alone. */
  readonly layer: boolean
  readonly limits: ArchiveLimits
  /** Whose content is kept. */
  keep(path: string, sizeBytes: number): boolean
}
