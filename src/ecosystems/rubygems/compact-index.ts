/**
 * The compact index (RubyGems guides, "Compact Index API", format versions 1 and 2). `/info/<name>`: after a line `---`, lines
 *   <version>[-<platform>] <dependency>:<requirement>&...,...|checksum:<sha256>,ruby:<requirement>,created_at:<time>
 * `/versions` is appended to and names each package with the MD5 of its info document. Also makes and searches the view in
 * which files are looked up: lines `<version>[-<platform>] TAB <sha256> TAB <release time, ms>`, a line feed before each and
 * after the last. Who changes that changes `FILES_VIEW` too: kept tables outlive an upgrade.
 */
import { type Digest, digestOf } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import { type Release as DatedRelease, formatReleases, releaseTime } from '../../base/releases.ts'
import { readNumber } from './names.ts'

/** The key of the view in which files are looked up. */
export const FILES_VIEW = 'files-1'
/** The key of the view that lists the releases of a package. */
export const RELEASES_VIEW = 'releases-2'

const HEADER = '---\n'
const LINE_FEED = 10
const SPACE = 32
const MD5_LENGTH = 32
const SHA256 = /^[0-9a-f]{64}$/i
const WHOLE_LINE = /checksum:[0-9a-f]{64}(?:,|$)| [0-9a-f]{32}$/i

/** What the index says of one file. */
export interface FileRow {
  /** Undefined: the index states none. */
  readonly sha256: Digest | undefined
  readonly releasedAtMs: number | undefined
}

/** One line of an info document. */
interface InfoLine {
  /** `<version>[-<platform>]`. */
  readonly number: string
  readonly version: string
  readonly sha256: string
  readonly releasedAtMs: number | undefined
}

/** @throws untrusted.reply for what is no compact index: without a header, or cut off within a line */
export function checkCompactIndex(document: Uint8Array): void {
  const buffer = bufferOf(document)
  // The header may have lines of its own (`created_at`) before the dashes, but not many.
  const head = buffer.subarray(0, 4096)
  if (head.indexOf(HEADER) !== 0 && head.indexOf(`\n${HEADER}`) < 0) {
    throw new AppError('untrusted.reply', 'reading a compact index: wanted a line of three dashes, found none')
  }
  // Of a last line without a line feed, only a checksum shows that it is whole.
  const last = buffer.subarray(buffer.lastIndexOf(LINE_FEED) + 1)
  if (last.byteLength > 0 && !WHOLE_LINE.test(last.toString('latin1'))) {
    throw new AppError('untrusted.reply', 'reading a compact index: wanted whole lines, found the last one cut off')
  }
}

/** The view `FILES_VIEW` of an info document. @throws untrusted.reply */
export function makeFileTable(info: Uint8Array): Buffer {
  const lines = ['']
  for (const { number, sha256, releasedAtMs } of infoLines(info)) {
    lines.push(`${number}\t${sha256}\t${releasedAtMs ?? ''}`)
  }
  lines.push('')
  return Buffer.from(lines.join('\n'))
}

/** The row of `<version>[-<platform>]` in a table. */
export function findFile(table: Uint8Array, number: string): FileRow | undefined {
  const buffer = bufferOf(table)
  const needle = `\n${number}\t`
  // Of a version that was published twice, after a yank, the last line counts.
  const start = buffer.lastIndexOf(needle)
  if (start < 0) return undefined
  const from = start + Buffer.byteLength(needle)
  const end = buffer.indexOf('\n', from)
  const [hex = '', time = ''] = buffer.toString('latin1', from, end < 0 ? undefined : end).split('\t')
  return {
    sha256: SHA256.test(hex) ? digestOf('sha256', hex) : undefined,
    releasedAtMs: /^\d{1,16}$/.test(time) ? Number(time) : undefined,
  }
}

/**
 * The view `RELEASES_VIEW` of an info document: a version once, with the time of its first file, since a platform may be added
 * later, and the digests of all. @throws untrusted.reply
 */
export function makeReleases(info: Uint8Array): Uint8Array {
  const releases = new Map<string, DatedRelease>()
  const unstated = new Set<string>()
  for (const { version, sha256, releasedAtMs } of infoLines(info)) {
    const known = releases.get(version)
    const isFirst = known?.releasedAtMs === undefined || (releasedAtMs ?? Number.POSITIVE_INFINITY) < known.releasedAtMs
    const files = [...(known?.files ?? [])]
    if (sha256 === '') unstated.add(version)
    else files.push(digestOf('sha256', sha256))
    releases.set(version, { version, releasedAtMs: isFirst ? releasedAtMs : known.releasedAtMs, files })
  }
  return formatReleases(
    releases.values().map((release) => (unstated.has(release.version) ? { ...release, files: [] } : release)),
  )
}

/** An info document without the lines of these versions. @throws untrusted.reply */
export function withoutVersions(info: Uint8Array, versions: ReadonlySet<string>): Buffer {
  checkCompactIndex(info)
  const text = bufferOf(info).toString('utf8')
  const lines = text.split('\n')
  const header = lines.indexOf('---')
  const kept = lines.filter((line, at) => at <= header || !versions.has(parseLine(line)?.version ?? ''))
  return Buffer.from(kept.join('\n'))
}

/** `/versions` with an MD5 in each line that is not the one stated there, and always the same; the lines keep their lengths. */
export function withOtherChecksums(versions: Uint8Array): Buffer {
  const bytes = Buffer.from(versions)
  for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, end + 1)) {
    const at = end - MD5_LENGTH
    if (at < 1 || bytes[at - 1] !== SPACE) continue
    const digit = Number.parseInt(String.fromCharCode(bytes[at] ?? 0), 16)
    if (!Number.isNaN(digit)) bytes.write((digit ^ 8).toString(16), at, 'latin1')
  }
  return bytes
}

function* infoLines(info: Uint8Array): Generator<InfoLine> {
  checkCompactIndex(info)
  const lines = bufferOf(info).toString('utf8').split('\n')
  for (const text of lines.slice(lines.indexOf('---') + 1)) {
    const line = parseLine(text)
    if (line !== undefined) yield line
  }
}

function parseLine(text: string): InfoLine | undefined {
  const space = text.indexOf(' ')
  const number = space < 0 ? text : text.slice(0, space)
  const version = readNumber(number)?.version
  if (version === undefined) return undefined
  const bar = text.lastIndexOf('|')
  let sha256 = ''
  let releasedAtMs: number | undefined
  for (const requirement of bar < 0 ? [] : text.slice(bar + 1).split(',')) {
    const colon = requirement.indexOf(':')
    const value = requirement.slice(colon + 1)
    const key = requirement.slice(0, colon)
    if (key === 'checksum' && SHA256.test(value)) sha256 = value.toLowerCase()
    if (key === 'created_at') releasedAtMs = releaseTime(value)
  }
  return { number, version, sha256, releasedAtMs }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
