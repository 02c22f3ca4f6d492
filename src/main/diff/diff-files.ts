/**
 * `pyrsia diff`: two files compared at the level of entries and content, without a node. Files are read with bounded memory, whatever their
 * size; what differs between small texts is shown line by line.
 */
import { basename } from 'node:path'
import type { ByteSource, Difference, FileComparison, Format } from '../../archive/archive.ts'
import { comparisonLines } from '../../archive/comparator.ts'
import { comparing } from '../../archive/compare.ts'
import { openFileSource } from '../../archive/file-source.ts'
import { readStreaming } from '../../archive/reading/inflate-stream.ts'
import { readArchive } from '../../archive/reading/read-archive.ts'
import { AppError } from '../../base/errors.ts'
import type { DiffReport, DiffRequest } from '../../cli/context.ts'
import { LAYER } from '../../ecosystems/docker/canonicalize.ts'
import type { Ecosystem } from '../../ecosystems/ecosystem.ts'
import { textDifference } from './text-difference.ts'

const ANY = { layer: false, rules: [] } as const
const BYTES: Format = { ...ANY, name: 'bytes/1', container: 'bytes' }
/** What `--as` may say. */
export const DIFF_FORMATS: Readonly<Record<string, Format>> = {
  zip: { ...ANY, name: 'zip/1', container: 'zip' },
  tar: { ...ANY, name: 'tar/1', container: 'tar' },
  layer: LAYER,
  bytes: BYTES,
}
const EQUAL = new Set(['exact', 'container', 'canonical', 'metadata'])
const SHOWN_FILES_MAX = 50
const SHOWN_FILE_BYTES_MAX = 262_144

/** Shows how two contents differ, for people; undefined: it cannot say. The place of a deeper differ (diffoscope in the sandbox). */
export type DescribeDifference = (
  path: string,
  a: Uint8Array | undefined,
  b: Uint8Array | undefined,
) => string | undefined

/** Compares. @throws usage.request for a file that cannot be read or an unknown format, aborted.caller */
export async function diffFiles(
  request: DiffRequest,
  parts: { readonly ecosystems: readonly Ecosystem[]; readonly describe?: DescribeDifference },
): Promise<DiffReport> {
  const a = openFileSource(request.a)
  try {
    const b = openFileSource(request.b)
    try {
      const format = formatFor(request, a, parts.ecosystems)
      const found = await readStreaming(comparing(a, b, format))
      const texts = await differingTexts(found, a, b, format, parts.describe ?? textDifference)
      return reportOf(request, format, found, texts)
    } finally {
      b.close()
    }
  } finally {
    a.close()
  }
}

function reportOf(request: DiffRequest, format: Format, found: FileComparison, texts: DiffReport['texts']): DiffReport {
  const { level, rules, differences, differenceCount, malformed, remarks } = found
  const lines = comparisonLines(found, { a: 'A', b: 'B' })
  const equal = EQUAL.has(level)
  return {
    a: request.a,
    b: request.b,
    format: format.name,
    level,
    equal,
    rules,
    differences,
    differenceCount,
    malformed,
    remarks,
    lines,
    texts,
  }
}

/** By `--as`, by what the names are to an ecosystem, by how the first file begins. */
function formatFor(request: DiffRequest, a: ByteSource, ecosystems: readonly Ecosystem[]): Format {
  if (request.as !== undefined) {
    const format = DIFF_FORMATS[request.as]
    if (format !== undefined) return format
    throw new AppError('usage.request', `wanted one of ${Object.keys(DIFF_FORMATS).join(', ')}, found ${request.as}`)
  }
  for (const path of [request.b, request.a]) {
    for (const { formatOf } of ecosystems) {
      const format = formatOf?.(basename(path))
      if (format !== undefined) return format
    }
  }
  const head = Buffer.from(a.read(0, Math.min(a.sizeBytes, 512)))
  const isTar = head.toString('latin1', 257, 262) === 'ustar' || (head[0] === 0x1f && head[1] === 0x8b)
  const isZip = head.toString('latin1', 0, 2) === 'PK'
  return (isZip ? DIFF_FORMATS.zip : isTar ? DIFF_FORMATS.tar : BYTES) ?? BYTES
}

/** The archives are read again, the few small files kept whose content differs: which these are shows only at the end. */
async function differingTexts(
  found: FileComparison,
  a: ByteSource,
  b: ByteSource,
  format: Format,
  describe: DescribeDifference,
): Promise<DiffReport['texts']> {
  if (found.level !== 'mismatch' || format.container === 'bytes') return []
  const isShown = ({ what, path }: Difference) => path !== '' && (what === 'content' || what === 'entry')
  const paths = new Set(
    found.differences
      .filter(isShown)
      .slice(0, SHOWN_FILES_MAX)
      .map(({ path }) => path),
  )
  const bare = { ...format, rules: [] }
  const keep = (path: string, sizeBytes: number) => sizeBytes <= SHOWN_FILE_BYTES_MAX && paths.has(path)
  const [one, other] = [
    await readStreaming(readArchive(a, bare, { keep })),
    await readStreaming(readArchive(b, bare, { keep })),
  ]
  const texts: { path: string; diff: string }[] = []
  for (const path of paths) {
    const isFile = (archive: typeof one) => archive.entries.find((entry) => entry.path === path)?.type === 'file'
    const [before, after] = [one.contents.get(path), other.contents.get(path)]
    // One of them is too large, or no file.
    if ((before === undefined && isFile(one)) || (after === undefined && isFile(other))) continue
    if (before === undefined && after === undefined) continue
    const diff = describe(path, before, after)
    if (diff !== undefined) texts.push({ path, diff })
  }
  return texts
}
