/**
 * Lists of artifacts that a build needs. Maven has no lockfile (`listing.ts` has mvn list what a `pom.xml` wants); these say the
 * same: the checksum summaries of Maven's own
 * "trusted checksums" (`.mvn/checksums/checksums[-REPOSITORY].ALGORITHM`: `hex  path`), a listing of a local repository that a
 * build has filled (`find . -type f > maven-repository.list`), both with plugins and POMs, and the output of
 * `mvn dependency:list -DoutputFile=dependency-list.txt`, which names dependencies only.
 */
import type { Algorithm, Digest } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { LockedFile, LockfileReader } from '../ecosystem.ts'
import { artifactPurl, filePurl } from './coordinates.ts'
import { readChecksum } from './formats/checksums.ts'
import { kindOfType } from './formats/types.ts'
import { pomListing } from './listing.ts'
import { filePath, isSegment, type MavenPlace, readPlace } from './names.ts'
import { subjectOf } from './resolve.ts'

const ENTRIES_MAX = 200_000
const DEPENDENCY =
  /^(?:\[INFO\])?\s+(?<group>[\w.-]+):(?<artifact>[\w.-]+):(?<type>[\w.-]+):(?:(?<classifier>[\w.-]+):)?(?<version>[^:\s]+):(?:compile|runtime|provided|test|system|import)\b/

/** The readers. */
export const mavenLockfiles: readonly LockfileReader[] = [
  { fileName: /^checksums(?:-[\w.-]+)?\.sha512$/, read: (bytes) => readSummary(bytes, 'sha512') },
  { fileName: /^checksums(?:-[\w.-]+)?\.sha256$/, read: (bytes) => readSummary(bytes, 'sha256') },
  { fileName: /^checksums(?:-[\w.-]+)?\.sha1$/, read: (bytes) => readSummary(bytes, 'sha1') },
  { fileName: /^maven-repository\.list$/, read: readListing },
  { fileName: /^pom\.xml$/, read: readListing, listing: pomListing },
  { fileName: /^dependency-list\.txt$/, read: readDependencyList },
]

/** Every file of a summary once; lines that begin with `#` are comments. @throws usage.request */
function readSummary(bytes: Uint8Array, algorithm: Algorithm): LockedFile[] {
  const found = new Map<string, LockedFile>()
  for (const line of linesOf(bytes)) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [hex = '', path = ''] = line.trim().split(/\s+\*?/, 2)
    const digest = readChecksum(Buffer.from(hex), algorithm)
    if (digest === undefined || path === '')
      throw unreadable('checksums', `a line is ${JSON.stringify(line.slice(0, 200))}`)
    const file = fileAt(`/${path.replace(/^\/+/, '')}`, digest)
    found.set(file.requestPath, file)
  }
  return [...found.values()]
}

/** Every file that a local repository had from elsewhere; what Maven writes there for itself is left out. @throws usage.request */
function readListing(bytes: Uint8Array): LockedFile[] {
  const found = new Map<string, LockedFile>()
  for (const line of linesOf(bytes)) {
    const path = line.trim().replace(/^(?:\.?\/)+/, '')
    const name = path.slice(path.lastIndexOf('/') + 1)
    if (path === '' || OWN_FILES.test(name) || path.endsWith('/maven-metadata-local.xml')) continue
    const asked = path.replace(/maven-metadata-[^/]+\.xml$/, 'maven-metadata.xml')
    // Maven's own copy of the newest build, which no repository has under this name.
    if (/-SNAPSHOT(?:-[^/]*)?\.[^/]*$/.test(name)) continue
    const file = fileAt(`/${asked}`, undefined)
    found.set(file.requestPath, file)
  }
  if (found.size === 0) throw unreadable('the listing of a repository', 'it names no file')
  return [...found.values()]
}

/** What Maven keeps beside the files (resolver 1.9, "Local Repository"). */
const OWN_FILES =
  /^(?:_.*|.*\.(?:lastUpdated|repositories|lock|tmp|part|sha1|md5|sha256|sha512)|resolver-status\.properties)$/

function fileAt(path: string, digest: Digest | undefined): LockedFile {
  let place: MavenPlace
  try {
    place = readPlace(path)
  } catch (cause) {
    throw new AppError(
      'usage.request',
      `reading a list of artifacts: ${JSON.stringify(path.slice(0, 200))} is no path of a file`,
      {
        cause,
      },
    )
  }
  const purl = place.kind === 'file' ? filePurl(place) : subjectOf(place)
  if (purl === undefined || place.checksum !== undefined) {
    throw unreadable('a list of artifacts', `${JSON.stringify(path.slice(0, 200))} is no path of a file`)
  }
  return { purl, digests: digest === undefined ? [] : [digest], requestPath: place.path }
}

/** The file and the POM of every dependency once. @throws usage.request if the text lists none */
function readDependencyList(bytes: Uint8Array): LockedFile[] {
  const found = new Map<string, LockedFile>()
  for (const line of linesOf(bytes)) {
    const { group, artifact, type = 'jar', classifier, version } = DEPENDENCY.exec(line)?.groups ?? {}
    if (group === undefined || artifact === undefined || version === undefined) continue
    if (![group, artifact, version].every(isSegment)) continue
    const own = kindOfType(type, classifier)
    for (const [kind, variant] of [
      [own.extension, own.classifier],
      ['pom', undefined],
    ] as const) {
      const requestPath = filePath(group, artifact, version, kind, variant)
      found.set(requestPath, { purl: artifactPurl(group, artifact, version, kind, variant), digests: [], requestPath })
    }
  }
  if (found.size === 0) throw unreadable('a list of dependencies', 'it names none')
  return [...found.values()]
}

function linesOf(bytes: Uint8Array): string[] {
  const lines = Buffer.from(bytes).toString('utf8').split(/\r?\n/)
  if (lines.length <= ENTRIES_MAX) return lines
  throw unreadable('a list of artifacts', `it has ${lines.length} lines, wanted at most ${ENTRIES_MAX}`)
}

function unreadable(what: string, why: string): AppError {
  return new AppError('usage.request', `reading ${what}: ${why}`)
}
