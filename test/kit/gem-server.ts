/**
 * A stand-in for a gem server: gems made by the machine's own Ruby, the compact index written here (appended to, with Range,
 * MD5 entity tags and 304), quick specifications and the specs family, and a list of what was asked. It can be taken down and
 * made to misbehave.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mustRun } from './process.ts'

/** One gem to publish. */
export interface SampleGem {
  readonly name: string
  readonly version: string
  readonly platform?: string
  /** Requirements by name. */
  readonly dependencies?: Readonly<Record<string, string>>
  /** Size of its one source file, bytes. */
  readonly filler?: number
  /** When it was published, as the index states it; none if absent. */
  readonly createdAt?: string
}

/** A running server. */
export interface GemServer {
  /** Base URL without trailing slash. */
  readonly url: string
  /** `METHOD path` of each request so far, with ` RANGE status` for those with a Range. */
  readonly requests: string[]
  /** Adds gems: to `/versions` as a line at its end. */
  publish(...samples: readonly SampleGem[]): Promise<void>
  /** Changes a reply before it is sent; undefined takes the change back. */
  tamper(change: ((path: string, body: Buffer) => Buffer) | undefined): void
  /** Connections are refused until `up`. */
  down(): Promise<void>
  up(): Promise<void>
  close(): Promise<void>
}

const MAKE_GEMS = fileURLToPath(new URL('make-gems.rb', import.meta.url))

/** Starts a server on a free loopback port; its gems are made below `directory`. Needs `ruby`. */
export async function startGemServer(directory: string, samples: readonly SampleGem[] = []): Promise<GemServer> {
  const root = join(directory, 'gem-server')
  mkdirSync(root, { recursive: true })
  const published: SampleGem[] = []
  const index = new Map<string, Buffer>([['/versions', Buffer.from('created_at: 2026-11-01T00:00:05Z\n---\n')]])
  const requests: string[] = []
  const manners: { change: ((path: string, body: Buffer) => Buffer) | undefined } = { change: undefined }
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname)
    const found = path === '/' ? Buffer.from('gems\n') : (index.get(path) ?? readOptional(join(root, path)))
    const body = found !== undefined && manners.change !== undefined ? manners.change(path, found) : found
    const status = reply(request, response, body, index.has(path))
    const { range } = request.headers
    requests.push(`${request.method} ${path}${range === undefined ? '' : ` ${range} ${status}`}`)
  }
  let server: Server = createServer(handler)
  const port = await listen(server, 0)
  const gems: GemServer = {
    url: `http://127.0.0.1:${port}`,
    requests,
    async publish(...added) {
      published.push(...added)
      writeFileSync(join(root, 'samples.json'), JSON.stringify(published))
      await mustRun('ruby', [MAKE_GEMS, root, join(root, 'samples.json')])
      for (const name of new Set(added.map((sample) => sample.name))) addToIndex(index, name, published, added, root)
    },
    tamper(next) {
      manners.change = next
    },
    down: () => shut(server),
    async up() {
      server = createServer(handler)
      await listen(server, port)
    },
    close: () => shut(server),
  }
  try {
    if (samples.length > 0) await gems.publish(...samples)
    return gems
  } catch (error) {
    await gems.close()
    throw error
  }
}

/** `count` gems `sample-0 …` in a tree: `sample-0` depends on the next six, each of those on its own six, and so on. */
export function gemTree(count: number): SampleGem[] {
  return Array.from({ length: count }, (_, at) => {
    const dependencies: Record<string, string> = {}
    for (let child = at * 6 + 1; child <= at * 6 + 6 && child < count; child++)
      dependencies[`sample-${child}`] = '~> 1.0'
    return { name: `sample-${at}`, version: `1.0.${at % 7}`, dependencies, filler: 1000 + at }
  })
}

function addToIndex(
  index: Map<string, Buffer>,
  name: string,
  published: readonly SampleGem[],
  added: readonly SampleGem[],
  root: string,
): void {
  const own = published.filter((sample) => sample.name === name)
  const info = Buffer.from(`---\n${own.map((sample) => infoLine(sample, root)).join('')}`)
  const numbers = added.filter((sample) => sample.name === name).map(numberOf)
  const line = `${name} ${numbers.join(',')} ${md5(info)}\n`
  const names = [...new Set(published.map((sample) => sample.name))].sort()
  index.set(`/info/${name}`, info)
  index.set('/versions', Buffer.concat([index.get('/versions') ?? Buffer.alloc(0), Buffer.from(line)]))
  index.set('/names', Buffer.from(`---\n${names.join('\n')}\n`))
}

function infoLine(sample: SampleGem, root: string): string {
  const file = readFileSync(join(root, 'gems', `${sample.name}-${numberOf(sample)}.gem`))
  const dependencies = Object.entries(sample.dependencies ?? {}).map(([name, requirement]) => `${name}:${requirement}`)
  const created = sample.createdAt === undefined ? '' : `,created_at:${sample.createdAt}`
  const checksum = createHash('sha256').update(file).digest('hex')
  return `${numberOf(sample)} ${dependencies.join(',')}|checksum:${checksum},ruby:>= 2.7${created}\n`
}

function numberOf({ version, platform }: SampleGem): string {
  return platform === undefined ? version : `${version}-${platform}`
}

function reply(request: IncomingMessage, response: ServerResponse, body: Buffer | undefined, isIndex: boolean): number {
  if (body === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('This rubygem could not be found.')
    return 404
  }
  const etag = `"${md5(body)}"`
  const sha256 = createHash('sha256').update(body).digest('base64')
  const headers = {
    'content-type': isIndex ? 'text/plain; charset=utf-8' : 'application/octet-stream',
    etag,
    ...(isIndex ? { 'accept-ranges': 'bytes', 'repr-digest': `sha-256=:${sha256}:` } : {}),
  }
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers).end()
    return 304
  }
  const first = isIndex ? /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] : undefined
  const from = Number(first ?? 0)
  if (first !== undefined && from >= body.length) {
    response.writeHead(416, { ...headers, 'content-range': `bytes */${body.length}` }).end()
    return 416
  }
  const part = body.subarray(from)
  const range = first === undefined ? {} : { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` }
  const status = first === undefined ? 200 : 206
  response.writeHead(status, { ...headers, ...range, 'content-length': part.length })
  response.end(request.method === 'HEAD' ? undefined : part)
  return status
}

function readOptional(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex')
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
