/**
 * The layout of a repository as it stands in request paths: `group/as/folders/artifact/version/artifact-version[-classifier].ext`,
 * `maven-metadata.xml` at three levels, and a checksum or signature beside each file. Source: Maven's "Repository Layout"
 * and resolver documentation ("Checksums").
 */
import { ALGORITHMS, type Algorithm } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'

/** A released file, or one of a snapshot. */
export interface FilePlace {
  readonly group: string
  readonly artifact: string
  /** The folder's version: `1.0`, `1.1-SNAPSHOT`. */
  readonly version: string
  readonly file: string
  /** Path below a repository's base, encoded, with a slash before it. */
  readonly path: string
}

/** What every repository calls its indexes. */
export const METADATA_FILE = 'maven-metadata.xml'
const PATH_LENGTH_MAX = 1024
const SEGMENT = /^[\w+~!$(@,=-][\w.+~!$()@,=-]{0,254}$/

/** What a path below the mount names; a checksum's path names the file that it belongs to. */
export type MavenPlace =
  | ({ readonly kind: 'file'; readonly checksum: Algorithm | undefined } & FilePlace)
  | {
      readonly kind: 'metadata'
      readonly checksum: Algorithm | undefined
      readonly segments: readonly string[]
      readonly path: string
    }

/** Reads a path. @throws usage.request if it is not of the layout */
export function readPlace(encoded: string): MavenPlace {
  if (encoded.length > PATH_LENGTH_MAX) throw malformed(encoded)
  const segments = encoded.slice(1).split('/').map(decodeSegment)
  const { name, checksum } = splitChecksum(segments.at(-1) ?? '')
  const folder = segments.slice(0, -1)
  const path = `/${[...folder, name].map(encodeSegment).join('/')}`
  if (name === METADATA_FILE && folder.length > 0) return { kind: 'metadata', checksum, segments: folder, path }
  const [artifact, version] = folder.slice(-2)
  const group = folder.slice(0, -2)
  if (artifact === undefined || version === undefined || group.length === 0) throw malformed(encoded)
  const isOwn = name.startsWith(`${artifact}-`) && name.includes('.', artifact.length)
  // A dot in a folder of the group would be another spelling of the same group.
  if (!isOwn || group.some((segment) => segment.includes('.'))) throw malformed(encoded)
  return { kind: 'file', checksum, group: group.join('.'), artifact, version, file: name, path }
}

/** True for versions whose files upstream may replace. */
export function isSnapshot(version: string): boolean {
  return /-SNAPSHOT$/i.test(version)
}

/** True if the file's own name says which build of a snapshot it is, so that its bytes cannot change. */
export function isTimestamped({ artifact, version, file }: FilePlace): boolean {
  const build = file.slice(artifact.length + 1 + version.length - 'SNAPSHOT'.length)
  return isSnapshot(version) && /^\d{8}\.\d{6}-\d+[.-]/.test(build)
}

/** True for detached signatures. */
export function isSignature(file: string): boolean {
  return file.endsWith('.asc')
}

/** Extension and classifier of a file, as coordinates write them; undefined if the name does not tell. */
export function describeFile(
  place: FilePlace,
): { readonly classifier: string | undefined; readonly extension: string } | undefined {
  const { artifact, version, file } = place
  const base = isTimestamped(place) ? timestampedVersion(place) : version
  const prefix = `${artifact}-${base}`
  if (!file.startsWith(prefix)) return undefined
  const rest = file.slice(prefix.length)
  const found = /^(?:-(?<classifier>.+?))?\.(?<extension>tar\.[a-z0-9]+|[^.]+)(?<signature>\.asc)?$/.exec(rest)
  if (found === null) return undefined
  const { classifier, extension = '', signature = '' } = found.groups ?? {}
  return { classifier, extension: extension + signature }
}

/** Path of the file of these coordinates below a repository's base. */
export function filePath(
  group: string,
  artifact: string,
  version: string,
  extension: string,
  classifier: string | undefined,
): string {
  const file = `${artifact}-${version}${classifier === undefined ? '' : `-${classifier}`}.${extension}`
  return `/${[...group.split('.'), artifact, version, file].map(encodeSegment).join('/')}`
}

/** Path of the metadata of an artifact below a repository's base. */
export function metadataPath(group: string, artifact: string): string {
  return `/${[...group.split('.'), artifact, METADATA_FILE].map(encodeSegment).join('/')}`
}

/** True if `text` may be a segment of a path. */
export function isSegment(text: string): boolean {
  return SEGMENT.test(text) && !/^\.+$/.test(text)
}

function timestampedVersion({ artifact, version, file }: FilePlace): string {
  const stem = version.slice(0, -'SNAPSHOT'.length)
  const build = /^\d{8}\.\d{6}-\d+/.exec(file.slice(artifact.length + 1 + stem.length))?.[0] ?? ''
  return stem + build
}

function splitChecksum(last: string): { readonly name: string; readonly checksum: Algorithm | undefined } {
  const checksum = ALGORITHMS.find((algorithm) => last.endsWith(`.${algorithm}`))
  return { name: checksum === undefined ? last : last.slice(0, -checksum.length - 1), checksum }
}

function decodeSegment(encoded: string): string {
  let segment: string
  try {
    segment = decodeURIComponent(encoded)
  } catch (cause) {
    throw new AppError(
      'usage.request',
      `wanted a percent-encoded path, found ${JSON.stringify(encoded.slice(0, 100))}`,
      {
        cause,
      },
    )
  }
  if (!isSegment(segment)) throw malformed(segment)
  return segment
}

function encodeSegment(segment: string): string {
  // Repositories name their folders with + and @ as they are.
  return encodeURIComponent(segment).replaceAll('%2B', '+').replaceAll('%40', '@')
}

function malformed(text: string): AppError {
  return new AppError(
    'usage.request',
    `wanted a path of a Maven repository, found ${JSON.stringify(text.slice(0, 100))}`,
  )
}
