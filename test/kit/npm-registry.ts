/**
 * A stand-in for an npm registry: packages made in memory, packuments full and abbreviated with ETag and 304, tarballs, and a
 * list of what was asked. It can be taken down and made to misbehave.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

/** One package to publish; files beside package.json are optional. */
export interface SamplePackage {
  readonly name: string
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
  /** When its packument says it was published, as ISO 8601; default: long ago. */
  readonly publishedAt?: string
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  /** The tarball itself, in the place of one that is made of `files`. */
  readonly tarball?: Uint8Array
  /** Further fields of the manifest in the packument, e.g. `repository` and `gitHead`. */
  readonly manifest?: Readonly<Record<string, unknown>>
}

/** A running registry. */
export interface NpmRegistry {
  /** Base URL without trailing slash. */
  readonly url: string
  /** `METHOD path` of each request so far. */
  readonly requests: string[]
  publish(sample: SamplePackage): void
  /** Changes a reply before it is sent; undefined takes the change back. */
  tamper(change: ((path: string, body: Buffer) => Buffer) | undefined): void
  /** Bodies of tarballs flow no faster than this from now on; undefined: as fast as they can. */
  throttle(bytesPerSecond: number | undefined): void
  /** Connections are refused until `up`. */
  down(): Promise<void>
  up(): Promise<void>
  close(): Promise<void>
}

const LONG_AGO = '2025-01-01T00:00:00.000Z'

/** How the registry misbehaves. */
interface Manners {
  change: ((path: string, body: Buffer) => Buffer) | undefined
  bytesPerSecond: number | undefined
}

interface Published {
  readonly publishedAt: string
  readonly manifest: Record<string, unknown>
  readonly tarball: Buffer
}

/** Starts a registry on a free loopback port. */
export async function startNpmRegistry(samples: readonly SamplePackage[] = []): Promise<NpmRegistry> {
  const packages = new Map<string, Map<string, Published>>()
  const requests: string[] = []
  const manners: Manners = { change: undefined, bytesPerSecond: undefined }
  let port = 0
  const base = (): string => `http://127.0.0.1:${port}`
  const handler = (req: IncomingMessage, res: ServerResponse): void => {
    requests.push(`${req.method} ${req.url}`)
    reply(req, res, packages, base(), manners)
  }
  let server: Server = createServer(handler)
  port = await listen(server, 0)
  const registry: NpmRegistry = {
    url: base(),
    requests,
    publish(sample) {
      const versions = packages.get(sample.name) ?? new Map<string, Published>()
      versions.set(sample.version, pack(sample, base()))
      packages.set(sample.name, versions)
    },
    tamper(next) {
      manners.change = next
    },
    throttle(bytesPerSecond) {
      manners.bytesPerSecond = bytesPerSecond
    },
    down: () => shut(server),
    async up() {
      server = createServer(handler)
      await listen(server, port)
    },
    close: () => shut(server),
  }
  for (const sample of samples) registry.publish(sample)
  return registry
}

/** `count` packages `pkg-0 …` in a tree: `pkg-0` depends on the next twelve, each of those on its own twelve, and so on. */
export function sampleTree(count: number): SamplePackage[] {
  return Array.from({ length: count }, (_, index) => {
    const dependencies: Record<string, string> = {}
    for (let child = index * 12 + 1; child <= index * 12 + 12 && child < count; child++) {
      dependencies[nameOf(child)] = '^1.0.0'
    }
    const text = `module.exports = ${index}\n`
    return { name: nameOf(index), version: `1.0.${index % 7}`, dependencies, files: { 'index.js': text.repeat(40) } }
  })
}

function nameOf(index: number): string {
  return index % 10 === 3 ? `@sample/pkg-${index}` : `pkg-${index}`
}

function pack(sample: SamplePackage, base: string): Published {
  const dependencies = sample.dependencies === undefined ? {} : { dependencies: sample.dependencies }
  const own = { name: sample.name, version: sample.version, license: 'MIT', ...dependencies, ...sample.manifest }
  const files: Record<string, string | Uint8Array> = { 'package.json': JSON.stringify(own), ...sample.files }
  const tarball = sample.tarball === undefined ? gzipSync(tar(files)) : Buffer.from(sample.tarball)
  const unscoped = sample.name.split('/').at(-1)
  const dist = {
    shasum: createHash('sha1').update(tarball).digest('hex'),
    integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
    tarball: `${base}/${sample.name}/-/${unscoped}-${sample.version}.tgz`,
    fileCount: Object.keys(files).length,
  }
  const publishedAt = sample.publishedAt ?? LONG_AGO
  return { publishedAt, manifest: { _id: `${sample.name}@${sample.version}`, ...own, dist }, tarball }
}

function reply(
  req: IncomingMessage,
  res: ServerResponse,
  packages: ReadonlyMap<string, ReadonlyMap<string, Published>>,
  base: string,
  manners: Manners,
): void {
  const path = decodeURIComponent(new URL(req.url ?? '/', base).pathname).slice(1)
  const [name = '', file] = path.split('/-/')
  const versions = packages.get(name)
  if (versions === undefined) {
    res.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"Not found"}')
    return
  }
  if (file !== undefined) {
    const found = [...versions.values()].find((each) =>
      String((each.manifest.dist as { tarball: string }).tarball).endsWith(file),
    )
    if (found === undefined) res.writeHead(404).end()
    else finish(req, res, 'application/octet-stream', found.tarball, path, manners)
    return
  }
  const short = (req.headers.accept ?? '').includes('application/vnd.npm.install-v1+json')
  const latest = [...versions.keys()].at(-1)
  const time = Object.fromEntries([...versions].map(([version, { publishedAt }]) => [version, publishedAt]))
  const packument = {
    name,
    'dist-tags': { latest },
    versions: Object.fromEntries([...versions].map(([version, each]) => [version, each.manifest])),
    ...(short
      ? { modified: '2025-01-01T00:00:00.000Z' }
      : {
          _id: name,
          readme: `# ${name}`,
          time: { created: '2025-01-01T00:00:00.000Z', modified: '2025-01-01T00:00:00.000Z', ...time },
        }),
  }
  const type = short ? 'application/vnd.npm.install-v1+json' : 'application/json'
  finish(req, res, type, Buffer.from(JSON.stringify(packument)), path, manners)
}

function finish(
  req: IncomingMessage,
  res: ServerResponse,
  type: string,
  body: Buffer,
  path: string,
  manners: Manners,
): void {
  const etag = `"${createHash('md5').update(body).digest('hex')}"`
  if (req.headers['if-none-match'] === etag) {
    res.writeHead(304, { etag }).end()
    return
  }
  const sent = manners.change === undefined ? body : manners.change(path, body)
  res.writeHead(200, { 'content-type': type, 'content-length': sent.length, etag })
  if (req.method === 'HEAD') res.end()
  else if (manners.bytesPerSecond === undefined || !path.endsWith('.tgz')) res.end(sent)
  else void trickle(res, sent, manners.bytesPerSecond)
}

async function trickle(to: ServerResponse, body: Buffer, bytesPerSecond: number): Promise<void> {
  const step = Math.max(1, Math.floor(bytesPerSecond / 20))
  for (let offset = 0; offset < body.length && !to.destroyed; offset += step) {
    to.write(body.subarray(offset, offset + step))
    await delay(50)
  }
  to.end()
}

/** A ustar archive with everything below `package/`, as npm packs it. */
function tar(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const blocks: Buffer[] = []
  for (const [name, content] of Object.entries(files)) {
    const body = Buffer.from(content)
    const header = Buffer.alloc(512)
    header.write(`package/${name}`, 0, 100)
    header.write('0000644\0', 100)
    header.write('0000000\0', 108)
    header.write('0000000\0', 116)
    header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124)
    header.write('03560116605\0', 136)
    header.write('        ', 148)
    header.write('0', 156)
    header.write('ustar\0', 257)
    header.write('00', 263)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    blocks.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512))
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
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
