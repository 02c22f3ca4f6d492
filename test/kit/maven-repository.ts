/**
 * A stand-in for a Maven repository: POMs, jars, metadata at its three levels and checksums beside everything, made in memory,
 * and a list of what was asked. It can be taken down and made to misbehave.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { crc32 } from 'node:zlib'

/** Coordinates of one artifact. */
export interface Coordinates {
  readonly group: string
  readonly artifact: string
  readonly version: string
}

/** One artifact to publish: a POM, and a jar with one file in it. */
export interface SampleArtifact extends Coordinates {
  /** Versions may be ranges. */
  readonly dependencies?: readonly Coordinates[]
  /** `pom`: without a jar. Default `jar`. */
  readonly packaging?: 'jar' | 'pom'
  /** The artifact that this one became. */
  readonly relocatedTo?: Coordinates
  /** What is in the jar. */
  readonly content?: string
  /** When it was published; default long ago. */
  readonly publishedAt?: Date
  /** Checksum files beside it; default sha1 and md5, as old releases have. */
  readonly checksums?: readonly string[]
}

/** A running repository. */
export interface MavenRepository {
  /** Base URL without trailing slash. */
  readonly url: string
  /** `METHOD path` of each request so far, the path without the base's. */
  readonly requests: string[]
  publish(sample: SampleArtifact): void
  /** Changes a reply before it is sent; undefined takes the change back. */
  tamper(change: ((path: string, body: Buffer) => Buffer) | undefined): void
  /** Every reply has this status from now on; undefined: as it should be. */
  fail(status: number | undefined): void
  /** Connections are refused until `up`. */
  down(): Promise<void>
  up(): Promise<void>
  close(): Promise<void>
}

interface Published {
  readonly body: Buffer
  readonly modified: string
}
type Files = Map<string, Published>

interface Manners {
  change: ((path: string, body: Buffer) => Buffer) | undefined
  status: number | undefined
}

const BASE = '/repository'
/** Maven 3 adds it to whatever extends a build. */
const ALWAYS_THERE: SampleArtifact = { group: 'org.codehaus.plexus', artifact: 'plexus-utils', version: '1.1' }
const LONG_AGO = new Date('2020-01-01T00:00:00Z')
const BUILD = { timestamp: '20260101.120000', number: 1 }

/** Where Debian has Maven's own plug-ins and what they need: a repository of files without checksums. */
export const DEBIAN_REPOSITORY = '/usr/share/maven-repo'

/** Starts a repository on a free loopback port; `folder` holds further files in the layout of a repository. */
export async function startMavenRepository(
  samples: readonly SampleArtifact[] = [],
  { folder }: { readonly folder?: string } = {},
): Promise<MavenRepository> {
  const files: Files = new Map()
  const versions = new Map<string, string[]>()
  const requests: string[] = []
  const manners: Manners = { change: undefined, status: undefined }
  const handler = (req: IncomingMessage, res: ServerResponse): void => {
    const path = decodeURIComponent(new URL(req.url ?? '/', 'http://x').pathname).slice(BASE.length)
    requests.push(`${req.method} ${path}`)
    reply(req, res, path, (name) => files.get(name) ?? inFolder(folder, name), manners)
  }
  let server: Server = createServer(handler)
  const port = await listen(server, 0)
  const repository: MavenRepository = {
    url: `http://127.0.0.1:${port}${BASE}`,
    requests,
    publish: (sample) => publish(sample, files, versions),
    tamper(next) {
      manners.change = next
    },
    fail(status) {
      manners.status = status
    },
    down: () => shut(server),
    async up() {
      server = createServer(handler)
      await listen(server, port)
    },
    close: () => shut(server),
  }
  for (const sample of [ALWAYS_THERE, ...samples]) repository.publish(sample)
  return repository
}

/** `count` artifacts `lib-0 …` in a tree: `lib-0` depends on the next six, each of those on its own six; every third by a range. */
export function artifactTree(count: number): SampleArtifact[] {
  const at = (index: number): Coordinates => ({
    group: `org.sample.group${index % 4}`,
    artifact: `lib-${index}`,
    version: `1.${index % 5}`,
  })
  return Array.from({ length: count }, (_, index) => {
    const children = Array.from({ length: 6 }, (__, child) => index * 6 + 1 + child).filter((child) => child < count)
    const dependencies = children.map((child) => (child % 3 === 0 ? { ...at(child), version: '[1.0,2.0)' } : at(child)))
    const checksums = index % 2 === 0 ? ['sha1', 'md5'] : ['sha1', 'md5', 'sha256', 'sha512']
    return {
      ...at(index),
      dependencies,
      checksums,
      content: `content of ${index}\n`.repeat(index === 1 ? 150_000 : 50),
    }
  })
}

function publish(sample: SampleArtifact, files: Files, versions: Map<string, string[]>): void {
  const { group, artifact, version, checksums = ['sha1', 'md5'] } = sample
  const folder = `/${group.replaceAll('.', '/')}/${artifact}`
  const put = (path: string, body: Buffer): void => {
    const modified = (sample.publishedAt ?? LONG_AGO).toUTCString()
    files.set(path, { body, modified })
    for (const each of checksums) {
      const hex = createHash(each).update(body).digest('hex')
      files.set(`${path}.${each}`, { body: Buffer.from(hex), modified })
    }
  }
  const isSnapshot = version.endsWith('-SNAPSHOT')
  const build = `${version.replace(/SNAPSHOT$/, '')}${BUILD.timestamp}-${BUILD.number}`
  const stem = `${folder}/${version}/${artifact}-${isSnapshot ? build : version}`
  put(`${stem}.pom`, Buffer.from(pomOf(sample)))
  if (sample.packaging !== 'pom') put(`${stem}.jar`, jar(`${artifact}.txt`, sample.content ?? artifact))
  if (isSnapshot) put(`${folder}/${version}/maven-metadata.xml`, Buffer.from(buildsOf(sample, build)))
  const listed = [...new Set([...(versions.get(folder) ?? []), version])]
  versions.set(folder, listed)
  const list = listed.map((each) => `<version>${each}</version>`).join('')
  const versioning = `<versioning><latest>${version}</latest><release>${version}</release><versions>${list}</versions></versioning>`
  put(
    `${folder}/maven-metadata.xml`,
    Buffer.from(`<metadata><groupId>${group}</groupId><artifactId>${artifact}</artifactId>${versioning}</metadata>`),
  )
}

function pomOf({
  group,
  artifact,
  version,
  packaging = 'jar',
  dependencies = [],
  relocatedTo,
}: SampleArtifact): string {
  const moved =
    relocatedTo === undefined
      ? ''
      : `<distributionManagement><relocation>${coordinatesOf(relocatedTo)}</relocation></distributionManagement>`
  const list = dependencies.map((each) => `<dependency>${coordinatesOf(each)}</dependency>`).join('')
  return `<project><modelVersion>4.0.0</modelVersion>${coordinatesOf({ group, artifact, version })}<packaging>${packaging}</packaging><dependencies>${list}</dependencies>${moved}</project>`
}

/** The three elements that name an artifact in a POM. */
export function coordinatesOf({ group, artifact, version }: Coordinates): string {
  return `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`
}

function buildsOf({ group, artifact, version }: SampleArtifact, build: string): string {
  const updated = BUILD.timestamp.replace('.', '')
  const builds = ['pom', 'jar']
    .map((extension) => `<extension>${extension}</extension><value>${build}</value><updated>${updated}</updated>`)
    .map((each) => `<snapshotVersion>${each}</snapshotVersion>`)
    .join('')
  const snapshot = `<snapshot><timestamp>${BUILD.timestamp}</timestamp><buildNumber>${BUILD.number}</buildNumber></snapshot>`
  return `<metadata modelVersion="1.1.0">${coordinatesOf({ group, artifact, version })}<versioning>${snapshot}<lastUpdated>${updated}</lastUpdated><snapshotVersions>${builds}</snapshotVersions></versioning></metadata>`
}

/** A zip with one stored file (APPNOTE 4.3). */
function jar(name: string, content: string): Buffer {
  const body = Buffer.from(content)
  const path = Buffer.from(name)
  const facts = Buffer.alloc(26)
  facts.writeUInt16LE(20, 0)
  facts.writeUInt32LE(0x5c210000, 6)
  facts.writeUInt32LE(crc32(body), 10)
  facts.writeUInt32LE(body.length, 14)
  facts.writeUInt32LE(body.length, 18)
  facts.writeUInt16LE(path.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), facts, path, body])
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), facts, Buffer.alloc(14), path])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, central, end])
}

function reply(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  find: (path: string) => Published | undefined,
  manners: Manners,
): void {
  const found = find(path)
  const status = manners.status ?? (found === undefined ? 404 : 200)
  if (status !== 200 || found === undefined) {
    res.writeHead(status, { 'content-type': 'text/html' }).end('<html><body>an error page</body></html>')
    return
  }
  const { body, modified } = found
  const etag = `"${createHash('md5').update(body).digest('hex')}"`
  if (req.headers['if-none-match'] === etag) {
    res.writeHead(304, { etag }).end()
    return
  }
  const sent = manners.change === undefined ? body : manners.change(path, body)
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': sent.length,
    etag,
    'last-modified': modified,
  }
  res.writeHead(200, headers).end(req.method === 'HEAD' ? undefined : sent)
}

/** A file of a folder, or the sha1 or md5 of one. */
function inFolder(folder: string | undefined, path: string): Published | undefined {
  if (folder === undefined) return undefined
  const algorithm = /\.(?<name>sha1|md5)$/.exec(path)?.groups?.name
  const file = join(folder, normalize(algorithm === undefined ? path : path.slice(0, -algorithm.length - 1)))
  if (!existsSync(file) || !statSync(file).isFile()) return undefined
  const body = readFileSync(file)
  const modified = LONG_AGO.toUTCString()
  return {
    body: algorithm === undefined ? body : Buffer.from(createHash(algorithm).update(body).digest('hex')),
    modified,
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

function shut(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}
