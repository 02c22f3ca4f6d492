/**
 * A stand-in for a Python package index: wheels made in memory, pages in JSON and HTML, metadata beside the wheels, and a list of
 * what was asked. As with the stock index, files are on another origin than the pages. It can be taken down and made to misbehave.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'

/** One wheel to publish. */
export interface SampleWheel {
  /** In any spelling. */
  readonly name: string
  readonly version: string
  /** As in Requires-Dist, e.g. `other>=1`. */
  readonly requires?: readonly string[]
  /** As in Project-URL, e.g. `Source, https://git.example.com/a/b`. */
  readonly urls?: readonly string[]
  readonly yanked?: string
  /** ISO 8601. */
  readonly uploadTime?: string
  /** Random bytes that it has beside its code. */
  readonly fillerBytes?: number
}

/** A running index. */
export interface PypiIndex {
  /** URL of the simple index, without trailing slash: what clients call index-url. */
  readonly url: string
  /** `METHOD path` of each request so far, to either origin. */
  readonly requests: string[]
  publish(sample: SampleWheel): void
  /** A real file, a wheel or a source archive, as it is. */
  publishFile(name: string, filename: string, bytes: Buffer, uploadTime: string): void
  /** Changes a file before it is sent; undefined takes the change back. */
  tamper(change: ((path: string, body: Buffer) => Buffer) | undefined): void
  /** Connections are refused until `up`. */
  down(): Promise<void>
  up(): Promise<void>
  close(): Promise<void>
}

interface Published {
  readonly filename: string
  readonly path: string
  readonly wheel: Buffer
  /** Served beside it; undefined: it is not. */
  readonly metadata: Buffer | undefined
  readonly sample: SampleWheel
}

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'

/** Starts an index on free loopback ports. `forms`: what its pages can be had as. */
export async function startPypiIndex(
  samples: readonly SampleWheel[] = [],
  forms: 'json and html' | 'html' = 'json and html',
): Promise<PypiIndex> {
  const projects = new Map<string, Published[]>()
  const requests: string[] = []
  let change: ((path: string, body: Buffer) => Buffer) | undefined
  const ports = { pages: 0, files: 0 }

  const pages = (req: IncomingMessage, res: ServerResponse): void => {
    requests.push(`${req.method} ${req.url}`)
    const name = /^\/simple\/([^/]+)\/$/.exec(req.url ?? '')?.[1] ?? ''
    const found = projects.get(name)
    if (found === undefined) {
      res.writeHead(404, { 'content-type': 'text/plain' }).end('404 Not Found')
      return
    }
    const base = `http://127.0.0.1:${ports.files}`
    const isJson = forms !== 'html' && (req.headers.accept ?? '').includes(JSON_TYPE)
    const body = isJson ? jsonPage(name, found, base) : htmlPage(name, found, base)
    send(req, res, isJson ? JSON_TYPE : 'text/html; charset=UTF-8', Buffer.from(body))
  }
  const files = (req: IncomingMessage, res: ServerResponse): void => {
    requests.push(`${req.method} ${req.url}`)
    const path = decodeURIComponent(req.url ?? '')
    const found = [...projects.values()].flat().find((each) => path === each.path || path === `${each.path}.metadata`)
    const body = found !== undefined && path === found.path ? found.wheel : found?.metadata
    if (body === undefined) {
      res.writeHead(404).end()
      return
    }
    send(req, res, 'application/octet-stream', change === undefined ? body : change(path, body))
  }

  let servers: readonly Server[] = []
  const up = async (): Promise<void> => {
    servers = [createServer(pages), createServer(files)]
    const [first, second] = servers
    ports.pages = await listen(first as Server, ports.pages)
    ports.files = await listen(second as Server, ports.files)
  }
  const down = async (): Promise<void> => {
    await Promise.all(servers.map(shut))
  }
  await up()
  const index: PypiIndex = {
    url: `http://127.0.0.1:${ports.pages}/simple`,
    requests,
    publish(sample) {
      projects.set(normalOf(sample.name), [...(projects.get(normalOf(sample.name)) ?? []), pack(sample)])
    },
    publishFile(name, filename, bytes, uploadTime) {
      const normal = normalOf(name)
      const sample = { name, version: '', uploadTime }
      const path = placeOf(bytes, filename)
      projects.set(normal, [
        ...(projects.get(normal) ?? []),
        { filename, path, wheel: bytes, metadata: undefined, sample },
      ])
    },
    tamper(next) {
      change = next
    },
    down,
    up,
    close: down,
  }
  for (const sample of samples) index.publish(sample)
  return index
}

/** `count` wheels `sample-0 …` in a tree: each needs the next six; every fourth is spelled as old projects are. */
export function sampleWheels(count: number): SampleWheel[] {
  return Array.from({ length: count }, (_, index) => {
    const children = Array.from({ length: 6 }, (_, child) => index * 6 + child + 1).filter((child) => child < count)
    return { name: nameOf(index), version: `1.${index % 5}`, requires: children.map((child) => `${nameOf(child)}>=1`) }
  })
}

function nameOf(index: number): string {
  return index % 4 === 3 ? `Sample.Pkg_${index}` : `sample-pkg-${index}`
}

function jsonPage(name: string, found: readonly Published[], base: string): string {
  const files = found.map(({ filename, path, wheel, metadata, sample }) => ({
    filename,
    url: `${base}${path}`,
    hashes: { sha256: sha256(wheel) },
    'requires-python': '>=3.6',
    ...(metadata === undefined ? {} : { 'core-metadata': { sha256: sha256(metadata) } }),
    size: wheel.length,
    'upload-time': sample.uploadTime ?? '2025-01-01T00:00:00.000000Z',
    yanked: sample.yanked ?? false,
  }))
  const versions = [...new Set(found.flatMap(({ sample }) => sample.version || []))]
  return JSON.stringify({ meta: { 'api-version': '1.1' }, name, versions, files })
}

function htmlPage(name: string, found: readonly Published[], base: string): string {
  const links = found.map(({ filename, path, wheel, metadata, sample }) => {
    const yanked = sample.yanked === undefined ? '' : ` data-yanked="${sample.yanked}"`
    const told = metadata === undefined ? '' : ` data-core-metadata="sha256=${sha256(metadata)}"`
    const beside = `${told} data-requires-python="&gt;=3.6"`
    return `<a href="${base}${path}#sha256=${sha256(wheel)}"${beside}${yanked}>${filename}</a><br/>`
  })
  return `<!DOCTYPE html><html><head><title>Links for ${name}</title></head><body>\n${links.join('\n')}\n</body></html>`
}

function pack(sample: SampleWheel): Published {
  const stem = sample.name.replaceAll(/[-_.]+/g, '_').toLowerCase()
  const info = `${stem}-${sample.version}.dist-info`
  const requires = (sample.requires ?? []).map((each) => `Requires-Dist: ${each}\n`).join('')
  const urls = (sample.urls ?? []).map((each) => `Project-URL: ${each}\n`).join('')
  const metadata = Buffer.from(
    `Metadata-Version: 2.1\nName: ${sample.name}\nVersion: ${sample.version}\n${urls}${requires}`,
  )
  const content: Record<string, Buffer> = {
    [`${stem}.py`]: Buffer.from(`VERSION = "${sample.version}"\n`.repeat(20)),
    ...(sample.fillerBytes === undefined ? {} : { [`${stem}.bin`]: randomBytes(sample.fillerBytes) }),
    [`${info}/METADATA`]: metadata,
    [`${info}/WHEEL`]: Buffer.from('Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n'),
  }
  const record = Object.entries(content).map(
    ([path, bytes]) => `${path},sha256=${createHash('sha256').update(bytes).digest('base64url')},${bytes.length}\n`,
  )
  const wheel = zip({ ...content, [`${info}/RECORD`]: Buffer.from(`${record.join('')}${info}/RECORD,,\n`) })
  const filename = `${stem}-${sample.version}-py3-none-any.whl`
  return { filename, path: placeOf(wheel, filename), wheel, metadata, sample }
}

function normalOf(name: string): string {
  return name.replaceAll(/[-_.]+/g, '-').toLowerCase()
}

function placeOf(bytes: Buffer, filename: string): string {
  const hash = sha256(bytes)
  return `/packages/${hash.slice(0, 2)}/${hash.slice(2, 4)}/${hash.slice(4)}/${filename}`
}

/** A zip archive without compression (APPNOTE.TXT, 4.3). */
function zip(files: Readonly<Record<string, Buffer>>): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, bytes] of Object.entries(files)) {
    const facts = Buffer.alloc(26)
    facts.writeUInt16LE(20, 0)
    facts.writeUInt16LE(0x21, 8)
    facts.writeUInt32LE(crc32(bytes), 10)
    facts.writeUInt32LE(bytes.length, 14)
    facts.writeUInt32LE(bytes.length, 18)
    facts.writeUInt16LE(name.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), facts, Buffer.from(name), bytes])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(0o100644 * 65_536, 6)
    tail.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x03'), facts, tail, Buffer.from(name)]))
    parts.push(local)
    offset += local.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06')
  end.writeUInt16LE(directory.length, 8)
  end.writeUInt16LE(directory.length, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, central, end])
}

function send(req: IncomingMessage, res: ServerResponse, type: string, body: Buffer): void {
  const etag = `"${createHash('md5').update(body).digest('hex')}"`
  if (req.headers['if-none-match'] === etag) {
    res.writeHead(304, { etag }).end()
    return
  }
  res.writeHead(200, { 'content-type': type, 'content-length': body.length, etag })
  res.end(req.method === 'HEAD' ? undefined : body)
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
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
