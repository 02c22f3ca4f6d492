/** Formats without rules, for tests of the readers themselves, and small limits. */
import { ARCHIVE_LIMITS, type ArchiveLimits, type Format } from '../../src/archive/archive.ts'

/** Any zip archive. */
export const ZIP: Format = { name: 'zip/1', container: 'zip', layer: false, rules: [] }
/** Any tar archive, plain or in gzip. */
export const TAR: Format = { name: 'tar/1', container: 'tar', layer: false, rules: [] }
/** A layer of an image. */
export const LAYER: Format = { name: 'layer/1', container: 'tar', layer: true, rules: [] }
/** Limits that a test can reach. */
export const SMALL_LIMITS: ArchiveLimits = {
  ...ARCHIVE_LIMITS,
  entriesMax: 100,
  unpackedBytesMax: 1_000_000,
  ratioMax: 20,
  ratioFromBytes: 10_000,
  pathBytesMax: 300,
  keptBytesMax: 10_000,
}
