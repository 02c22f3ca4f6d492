/**
 * The view of a packument in which tarballs are looked up: lines of text, made once by `transform`, searched without parsing.
 *   <file> TAB <version> TAB <digests, a space between them> TAB <path below the upstream, or absolute URL>
 *   =<tag> TAB <version>
 * Every line has a line feed before and after it. Who changes this changes `FILES_VIEW` too: kept tables outlive an upgrade.
 */
import { algorithmOf, type Digest, digestOf, digestsOfSri, parseDigest } from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import { tarballName, tarballPath } from '../names.ts'
import { distTags, isObject, type JsonObject, type Packument } from './packument.ts'

/** One tarball. */
export interface FileRow {
  readonly version: string
  /** As the packument states them, strongest first; old packages have a sha1 only, a few have none. */
  readonly digests: readonly Digest[]
  /** Path below the upstream's base if the tarball lies at the usual place, else the URL that the packument states. */
  readonly path: string
}

/** The table of a packument. Versions without a usable tarball URL are left out. */
export function makeFileTable(packument: Packument): Buffer {
  const lines: string[] = ['']
  for (const [tag, version] of Object.entries(distTags(packument))) {
    if (typeof version === 'string' && isPlain(tag) && isPlain(version)) lines.push(`=${tag}\t${version}`)
  }
  for (const [version, manifest] of packument.versions) {
    if (!isObject(manifest.dist) || !isPlain(version)) continue
    const place = placeOf(packument.name, manifest.dist.tarball)
    if (place === undefined) continue
    const tail = `\t${version}\t${digestsOf(manifest.dist).join(' ')}\t${place.path}`
    const canonical = tarballName(packument.name, version)
    lines.push(`${canonical}${tail}`)
    // The stock client asks by the registry's own file name, which need not be the usual one.
    if (place.file !== undefined && place.file !== canonical && isPlain(place.file)) lines.push(`${place.file}${tail}`)
  }
  lines.push('')
  return Buffer.from(lines.join('\n'))
}

/** The row of a file name. @throws untrusted.reply if the table is damaged */
export function findFile(table: Uint8Array, file: string): FileRow | undefined {
  const fields = findLine(table, file)
  if (fields === undefined) return undefined
  const [version, digests, path] = fields
  if (version === undefined || digests === undefined || path === undefined) {
    throw new AppError('untrusted.reply', `reading the table of files: wanted 4 fields, found ${fields.length + 1}`)
  }
  return { version, digests: digests === '' ? [] : digests.split(' ').map(parseDigest), path }
}

/** The version that a tag names. */
export function findTag(table: Uint8Array, tag: string): string | undefined {
  return findLine(table, `=${tag}`)?.[0]
}

function findLine(table: Uint8Array, key: string): string[] | undefined {
  const buffer = Buffer.from(table.buffer, table.byteOffset, table.byteLength)
  const needle = `\n${key}\t`
  const start = buffer.indexOf(needle)
  if (start < 0) return undefined
  const from = start + Buffer.byteLength(needle)
  const end = buffer.indexOf('\n', from)
  return buffer.toString('utf8', from, end < 0 ? undefined : end).split('\t')
}

/** What a version's `dist` says the tarball hashes to, strongest first. */
export function digestsOf(dist: JsonObject): Digest[] {
  const stated = typeof dist.integrity === 'string' ? digestsOfSri(dist.integrity) : []
  // Several of one function are alternatives; which of them the bytes have cannot be known, so the first counts.
  const digests = stated.filter((digest, at) => at === stated.findIndex((other) => sameFunction(digest, other)))
  if (typeof dist.shasum === 'string' && /^[0-9a-f]{40}$/i.test(dist.shasum)) {
    const sha1 = digestOf('sha1', dist.shasum)
    if (!digests.some((digest) => sameFunction(digest, sha1))) digests.push(sha1)
  }
  return digests
}

function sameFunction(a: Digest, b: Digest): boolean {
  return algorithmOf(a) === algorithmOf(b)
}

function placeOf(
  name: string,
  tarball: unknown,
): { readonly file: string | undefined; readonly path: string } | undefined {
  if (typeof tarball !== 'string' || !URL.canParse(tarball)) return undefined
  const url = new URL(tarball)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined
  const usual = usualFile(name, url)
  return usual === undefined ? { file: undefined, path: url.href } : { file: usual, path: tarballPath(name, usual) }
}

/** What follows `/<name>/-/`, if the tarball lies there. Its origin may differ: mirrors hand out the URLs of what they mirror. */
function usualFile(name: string, url: URL): string | undefined {
  if (url.search !== '') return undefined
  try {
    const path = decodeURIComponent(url.pathname)
    const marker = `/${name}/-/`
    const at = path.indexOf(marker)
    return at < 0 ? undefined : path.slice(at + marker.length)
  } catch {
    return undefined
  }
}

function isPlain(text: string): boolean {
  return !/\p{Cc}/u.test(text)
}
