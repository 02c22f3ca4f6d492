/**
 * Compares two files of a format: how they relate, best level first, and why not better. A malformed file is never equal to anything,
 * itself included: what readers see differently cannot be vouched for. 2-trust.md, "Canonical forms".
 */
import { createHash } from 'node:crypto'
import { AppError } from '../base/errors.ts'
import type { Archive, ArchiveLimits, ByteSource, FileComparison, Format, Readable } from './archive.ts'
import { ARCHIVE_LIMITS } from './archive.ts'
import { digestOfTree } from './canonical-form.ts'
import { differencesOf } from './differences.ts'
import type { Reading } from './reading/inflate-need.ts'
import { readNow } from './reading/inflate-now.ts'
import { readArchive, sourceOf } from './reading/read-archive.ts'
import { applyRules } from './rules.ts'

const CHUNK_BYTES = 1_048_576
const NOTHING = {
  rules: [],
  differences: [],
  differenceCount: 0,
  malformed: { a: undefined, b: undefined },
  remarks: [],
}

/** How two files relate. Throws nothing for what is wrong with a file: that is the level `malformed`. */
export function* comparing(
  a: ByteSource,
  b: ByteSource,
  format: Format,
  limits: ArchiveLimits = ARCHIVE_LIMITS,
): Reading<FileComparison> {
  const same = sameBytes(a, b)
  if (format.container === 'bytes') {
    if (same) return { ...NOTHING, level: 'exact' }
    const shown = (source: ByteSource) => `${source.sizeBytes} bytes`
    return {
      ...NOTHING,
      level: 'mismatch',
      differences: [{ path: '', what: 'content', a: shown(a), b: shown(b) }],
      differenceCount: 1,
    }
  }
  const one = yield* readable(a, format, limits)
  const other = same ? one : yield* readable(b, format, limits)
  if (one.kind === 'malformed' || other.kind === 'malformed') {
    const reason = (side: Readable) => (side.kind === 'malformed' ? side.reason : undefined)
    return { ...NOTHING, level: 'malformed', malformed: { a: reason(one), b: reason(other) } }
  }
  return same ? { ...NOTHING, level: 'exact' } : compareArchives(one.archive, other.archive, format)
}

/** As `comparing`, at once, with both files in memory. */
export function compareBytes(a: Uint8Array, b: Uint8Array, format: Format, limits?: ArchiveLimits): FileComparison {
  return readNow(comparing(sourceOf(a), sourceOf(b), format, limits))
}

/** SHA-256 of the canonical form, hex, without any rule; for what is no archive that of the bytes. @throws untrusted.archive, exhausted.size */
export function* canonicalDigest(source: ByteSource, format: Format, limits?: ArchiveLimits): Reading<string> {
  if (format.container === 'bytes') {
    const hash = createHash('sha256')
    for (let at = 0; at < source.sizeBytes; at += CHUNK_BYTES) {
      hash.update(source.read(at, Math.min(CHUNK_BYTES, source.sizeBytes - at)))
    }
    return hash.digest('hex')
  }
  const archive = yield* readArchive(source, { ...format, rules: [] }, limits === undefined ? {} : { limits })
  return digestOfTree(archive, format.layer)
}

/** As `canonicalDigest`, at once, of bytes in memory. @throws untrusted.archive, exhausted.size */
export function canonicalDigestOfBytes(bytes: Uint8Array, format: Format, limits?: ArchiveLimits): string {
  return readNow(canonicalDigest(sourceOf(bytes), format, limits))
}

/** Reads an archive; what is wrong with it is a value. */
export function* readable(source: ByteSource, format: Format, limits: ArchiveLimits): Reading<Readable> {
  try {
    return { kind: 'archive', archive: yield* readArchive(source, format, { limits }) }
  } catch (error) {
    if (error instanceof AppError && (error.code === 'untrusted.archive' || error.code === 'exhausted.size')) {
      return { kind: 'malformed', reason: error.message }
    }
    throw error
  }
}

function compareArchives(a: Archive, b: Archive, format: Format): FileComparison {
  const sameAttributes = JSON.stringify(a.attributes) === JSON.stringify(b.attributes)
  const remarks = remarksOf(a, b)
  if (sameAttributes && a.unpacked === b.unpacked) return { ...NOTHING, level: 'container', remarks }
  if (digestOfTree(a, format.layer) === digestOfTree(b, format.layer))
    return { ...NOTHING, level: 'canonical', remarks }
  // Of the archive as a whole no rule takes anything away, nor of layers.
  const applied = applyRules(a, b, format.layer ? [] : format.rules)
  const rules = applied.fired.map(({ told }) => told)
  if (sameAttributes && applied.differenceCount === 0 && rules.length > 0) {
    const excluded = applied.fired.some(({ rule }) => rule.level === 'excluded')
    return { ...NOTHING, level: excluded ? 'excluded' : 'metadata', rules, remarks }
  }
  const { differences, differenceCount } = format.layer ? layerDifferences(a, b) : applied
  const shown = (archive: Archive) => JSON.stringify(archive.attributes)
  const whole = sameAttributes ? [] : [{ path: '', what: 'attributes', a: shown(a), b: shown(b) } as const]
  return {
    ...NOTHING,
    level: 'mismatch',
    rules,
    differences: [...whole, ...differences],
    differenceCount: differenceCount + whole.length,
    remarks,
  }
}

function layerDifferences(a: Archive, b: Archive) {
  const { list, count } = differencesOf(a, b, true)
  return { differences: list, differenceCount: count }
}

function remarksOf(a: Archive, b: Archive): string[] {
  const remarks: string[] = []
  if (a.entries.length === b.entries.length && a.entries.some(({ path }, at) => path !== b.entries[at]?.path)) {
    remarks.push('the entries stand in another order')
  }
  for (const [at, remark] of a.remarks.entries()) {
    if (remark !== b.remarks[at]) remarks.push(`${remark} against ${b.remarks[at] ?? 'none'}`)
  }
  return remarks
}

function sameBytes(a: ByteSource, b: ByteSource): boolean {
  if (a.sizeBytes !== b.sizeBytes) return false
  for (let at = 0; at < a.sizeBytes; at += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, a.sizeBytes - at)
    // A copy: both sides may read from one place.
    if (Buffer.compare(Buffer.from(a.read(at, length)), b.read(at, length)) !== 0) return false
  }
  return true
}
