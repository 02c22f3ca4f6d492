/** The releases of a packument for the policy, and packuments without the releases that are hidden. */
import semver from 'semver'
import type { Want } from '../../../base/located.ts'
import type { Purl } from '../../../base/purl.ts'
import { formatReleases, releaseTime } from '../../../base/releases.ts'
import type { HiddenRelease } from '../../ecosystem.ts'
import { packagePurl } from '../coordinates.ts'
import { compareNpmVersions } from '../versions.ts'
import { digestsOf } from './file-table.ts'
import { distTags, isObject, type JsonObject, type Packument } from './packument.ts'

/** The view in which the core reads releases. */
export const RELEASES_VIEW = 'releases-2'

const NOTICE_LENGTH_MAX = 500

/** The package that a want names: packuments, versions, tags, tarballs and attestations do. */
export function npmSubject(want: Want): Purl | undefined {
  const name = want.kind === 'document' || want.kind === 'artifact' ? want.params.name : undefined
  if (name === undefined) return undefined
  try {
    return packagePurl(name, undefined)
  } catch {
    return undefined
  }
}

/** The list of releases, with the times and the digests that the packument states. */
export function releasesOf(packument: Packument): Uint8Array {
  const time = isObject(packument.document.time) ? packument.document.time : {}
  return formatReleases(
    packument.versions.map(([version, { dist }]) => {
      const [best] = isObject(dist) ? digestsOf(dist) : []
      return { version, releasedAtMs: releaseTime(time[version]), files: best === undefined ? [] : [best] }
    }),
  )
}

/**
 * The packument without these releases. Tags that point at one go, but `latest`: it moves to the best release that is left,
 * since clients that ask for no version take it.
 */
export function withholdReleases(packument: Packument, hidden: readonly HiddenRelease[]): Packument {
  if (hidden.length === 0) return packument
  const gone = new Set(hidden.map(({ version }) => version))
  const versions = packument.versions.filter(([version]) => !gone.has(version))
  const tags: JsonObject = {}
  for (const [tag, version] of Object.entries(distTags(packument))) {
    if (typeof version === 'string' && gone.has(version)) continue
    tags[tag] = version
  }
  const { latest } = distTags(packument)
  if (tags.latest === undefined && typeof latest === 'string') {
    const best = bestBelow(
      versions.map(([version]) => version),
      latest,
    )
    if (best !== undefined) tags.latest = best
  }
  const document: JsonObject = { ...packument.document, 'dist-tags': tags, versions: Object.fromEntries(versions) }
  if (isObject(document.time)) {
    document.time = Object.fromEntries(Object.entries(document.time).filter(([version]) => !gone.has(version)))
  }
  return { name: packument.name, document, versions }
}

/** A line that the stock client prints as `npm notice`, if it does not keep the reply in its cache; the others print none. */
export function npmNotice(text: string): Record<string, string> {
  const ascii = text.replaceAll(/[^\x20-\x7e]+/g, '?')
  const cut = ascii.length > NOTICE_LENGTH_MAX
  return { 'npm-notice': cut ? `${ascii.slice(0, NOTICE_LENGTH_MAX - 3)}...` : ascii, 'cache-control': 'no-store' }
}

/** The highest stable version up to `latest`, else the highest stable one, else the highest. */
function bestBelow(versions: readonly string[], latest: string): string | undefined {
  const sorted = [...versions].sort(compareNpmVersions)
  const stable = sorted.filter((version) => semver.prerelease(version) === null)
  const below = stable.filter((version) => compareNpmVersions(version, latest) < 0)
  return below.at(-1) ?? stable.at(-1) ?? sorted.at(-1)
}
