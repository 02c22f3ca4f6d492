/**
 * Names of projects and of their files. Sources: PEP 503 ("Normalized Names"), PEP 508 (the grammar of names), the binary
 * distribution format (wheel file names, PEP 427), PEP 625 (source distributions) and what pip reads of older ones.
 */
import { AppError } from '../../base/errors.ts'
import { normalVersion } from './versions.ts'

const NAME_LENGTH_MAX = 200
const FILE_LENGTH_MAX = 255
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/
/** Everything that the package index ever accepted for a file's name. */
const FILE = /^[A-Za-z0-9_][\w.+!~-]*$/
const SOURCE_ENDINGS = /\.(?:tar\.gz|tgz|tar\.bz2|tbz|tar\.xz|txz|tar\.lzma|tlz|tar\.Z|tar|zip)$/
/** Formats that have the platform behind the version. */
const OTHER_ENDINGS = /\.(?:egg|exe|msi|rpm|deb|dmg)$/
/** A source file's name may be cut at any hyphen before a digit; more than this many cuts are nobody's name. */
const CANDIDATES_MAX = 4

/** True if `name` may be the name of a project, in any spelling (PEP 508). */
export function isProjectName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && NAME.test(name)
}

/** The one spelling of a name by which indexes know the project (PEP 503). */
export function normalName(name: string): string {
  return name.replaceAll(/[-_.]+/g, '-').toLowerCase()
}

/** The project that a path segment names, as it is spelled there. @throws usage.request */
export function readProjectName(encoded: string): string {
  const name = decodeSegment(encoded)
  if (!isProjectName(name)) {
    throw new AppError('usage.request', `wanted the name of a project, found ${JSON.stringify(name.slice(0, 100))}`)
  }
  return name
}

/** The file that a path segment names. @throws usage.request */
export function readFileName(encoded: string): string {
  const file = decodeSegment(encoded)
  if (!isFileName(file)) {
    throw new AppError('usage.request', `wanted the name of a file, found ${JSON.stringify(file.slice(0, 100))}`)
  }
  return file
}

/** True if `file` may be the name of a distribution. */
export function isFileName(file: string): boolean {
  return file.length <= FILE_LENGTH_MAX && FILE.test(file)
}

/** A file name as a path segment, spelled as package indexes spell it. */
export function escapedFile(file: string): string {
  return encodeURIComponent(file).replaceAll('%2B', '+').replaceAll('%21', '!')
}

/**
 * Normal names of the projects that may have a file of this name, most likely first. A wheel's name has one reading; a source
 * distribution's may have several, because names and old versions hold hyphens too.
 */
export function projectsOfFile(file: string): string[] {
  const stem = stemOf(file)
  if (stem === undefined) return []
  if (file.endsWith('.whl')) return [stem.split('-', 1)[0] ?? ''].filter(isProjectName).map(normalName)
  const cuts = [...stem.matchAll(/-(?=v?\d)/g)].map(({ index }) => index)
  const last = stem.lastIndexOf('-')
  if (last > 0 && !cuts.includes(last)) cuts.push(last)
  const names = cuts.map((cut) => stem.slice(0, cut)).filter(isProjectName)
  return [...new Set(names.map(normalName))].slice(0, CANDIDATES_MAX)
}

/** The version in the name of a project's file, in normal form; undefined if the name does not tell. */
export function versionOfFile(project: string, file: string): string | undefined {
  const stem = stemOf(file)
  if (stem === undefined) return undefined
  if (file.endsWith('.whl')) {
    const [name = '', version = ''] = stem.split('-')
    // A wheel's name has no hyphen to spare: local versions are escaped.
    return normalName(name) === project && version !== '' ? normalVersion(version.replaceAll('_', '-')) : undefined
  }
  for (const { index } of stem.matchAll(/-/g)) {
    if (normalName(stem.slice(0, index)) !== project) continue
    const rest = stem.slice(index + 1)
    const version = OTHER_ENDINGS.test(file)
      ? rest.replace(/(?:[.-](?:py\d|win|linux|macosx|noarch|src|x86)).*$/i, '')
      : rest
    return version === '' ? undefined : normalVersion(version)
  }
  return undefined
}

/** The name without what its format adds at the end. */
function stemOf(file: string): string | undefined {
  if (file.endsWith('.whl')) return file.slice(0, -'.whl'.length)
  for (const endings of [SOURCE_ENDINGS, OTHER_ENDINGS]) {
    const found = endings.exec(file)
    if (found !== null) return file.slice(0, found.index)
  }
  return undefined
}

function decodeSegment(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch (cause) {
    const shown = JSON.stringify(encoded.slice(0, 100))
    throw new AppError('usage.request', `wanted a percent-encoded name, found ${shown}`, { cause })
  }
}
