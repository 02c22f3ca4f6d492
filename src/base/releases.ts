/**
 * The list of releases of one package, as an ecosystem's view makes it of an index document and the core reads it: lines
 * `<version> TAB <release time> TAB <digests of its files>`; the time in milliseconds since 1970, a space between digests, and
 * empty what the index does not state. Values only.
 */
import { type Digest, parseDigest } from './digest.ts'

/** One release of a package. */
export interface Release {
  /** As the index writes it. */
  readonly version: string
  /** When it was published, milliseconds since 1970, as upstream states it; undefined if it does not. */
  readonly releasedAtMs: number | undefined
  /**
   * For each file of the release the best digest that the index states, strong rather than weak. Absent: for a file, or for all
   * of them, it states none, so that nobody can tell whether they are kept.
   */
  readonly files?: readonly Digest[]
}

/** The bytes of a list. Versions with control characters are left out: no client could ask for them. */
export function formatReleases(releases: Iterable<Release>): Uint8Array {
  const lines: string[] = []
  for (const { version, releasedAtMs, files = [] } of releases) {
    if (version === '' || /\p{Cc}/u.test(version)) continue
    const isTime = releasedAtMs !== undefined && Number.isSafeInteger(releasedAtMs) && releasedAtMs >= 0
    const digests = files.length === 0 ? '' : `\t${files.join(' ')}`
    lines.push(`${version}\t${isTime ? releasedAtMs : ''}${digests}\n`)
  }
  return Buffer.from(lines.join(''))
}

/** The list in these bytes; lines of another form are left out. */
export function parseReleases(bytes: Uint8Array): Release[] {
  const releases: Release[] = []
  for (const line of Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').split('\n')) {
    const [version = '', time = '', digests = ''] = line.split('\t')
    if (version === '') continue
    const releasedAtMs = /^\d{1,16}$/.test(time) ? Number(time) : undefined
    const files = parseFiles(digests)
    releases.push(files === undefined ? { version, releasedAtMs } : { version, releasedAtMs, files })
  }
  return releases
}

function parseFiles(text: string): Digest[] | undefined {
  if (text === '') return undefined
  try {
    return text.split(' ').map(parseDigest)
  } catch {
    // Of a list that is damaged nothing is concluded.
    return undefined
  }
}

/** A time such as `2026-11-23T10:00:00Z` as milliseconds since 1970; undefined if it is none. */
export function releaseTime(text: unknown): number | undefined {
  const ms = typeof text === 'string' && text.length <= 64 ? Date.parse(text) : Number.NaN
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}
