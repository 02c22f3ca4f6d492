/**
 * The list of releases of one package, as an ecosystem's view makes it of an index document and the policy reads it: lines
 * `<version> TAB <release time>`, the time in milliseconds since 1970 or empty if the index states none. Values only.
 */

/** One release of a package. */
export interface Release {
  /** As the index writes it. */
  readonly version: string
  /** When it was published, milliseconds since 1970, as upstream states it; undefined if it does not. */
  readonly releasedAtMs: number | undefined
}

/** The bytes of a list. Versions with control characters are left out: no client could ask for them. */
export function formatReleases(releases: Iterable<Release>): Uint8Array {
  const lines: string[] = []
  for (const { version, releasedAtMs } of releases) {
    if (version === '' || /\p{Cc}/u.test(version)) continue
    const isTime = releasedAtMs !== undefined && Number.isSafeInteger(releasedAtMs) && releasedAtMs >= 0
    lines.push(`${version}\t${isTime ? releasedAtMs : ''}\n`)
  }
  return Buffer.from(lines.join(''))
}

/** The list in these bytes; lines of another form are left out. */
export function parseReleases(bytes: Uint8Array): Release[] {
  const releases: Release[] = []
  for (const line of Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').split('\n')) {
    const [version = '', time = ''] = line.split('\t')
    if (version === '') continue
    releases.push({ version, releasedAtMs: /^\d{1,16}$/.test(time) ? Number(time) : undefined })
  }
  return releases
}

/** A time such as `2026-11-23T10:00:00Z` as milliseconds since 1970; undefined if it is none. */
export function releaseTime(text: unknown): number | undefined {
  const ms = typeof text === 'string' && text.length <= 64 ? Date.parse(text) : Number.NaN
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}
