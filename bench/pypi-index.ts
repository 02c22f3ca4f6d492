/**
 * The index page of a project as large as boto3 (2,000 releases, 4,000 files), served from what a node keeps, against an
 * in-memory server that holds the finished replies; proxpi beside them where `PYRSIA_BENCH_GUNICORN` is the path of the gunicorn
 * of an environment that has it. Rounds are interleaved, ratios kept. Goal: 0.5 of the in-memory server. Takes some 30 seconds.
 */
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { load, median } from '../test/kit/load.ts'
import { startNode } from '../test/kit/node-process.ts'
import { start, until } from '../test/kit/process.ts'

const RELEASES = 2_000
const ROUNDS = 4
const ROUND_MS = 1_200
const CONNECTIONS = 8
const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'
const CLIENT = { 'user-agent': 'pip/26.0', accept: `${JSON_TYPE}, text/html; q=0.01` }

if (process.argv[2] === '--serve') await serve()
else await main()

function page(name: string): Buffer {
  const files = Array.from({ length: RELEASES }, (_, at) => `1.${Math.floor(at / 300)}.${at % 300}`).flatMap(
    (version) =>
      [`${name}-${version}-py3-none-any.whl`, `${name}-${version}.tar.gz`].map((filename) => {
        const sha256 = createHash('sha256').update(filename).digest('hex')
        // As the real ones: the folder is another hash of the file, the metadata has one of its own.
        const other = createHash('sha256').update(sha256).digest('hex')
        const metadata = createHash('sha256').update(other).digest('hex')
        const folder = `${other.slice(0, 2)}/${other.slice(2, 4)}/${other.slice(4)}`
        return {
          'core-metadata': { sha256: metadata },
          filename,
          hashes: { sha256 },
          provenance: null,
          'requires-python': '>=3.8',
          size: 139_000,
          'upload-time': '2024-01-02T03:04:05.678901Z',
          url: `http://files.example.com/packages/${folder}/${filename}`,
          yanked: false,
        }
      }),
  )
  return Buffer.from(JSON.stringify({ meta: { 'api-version': '1.4' }, name, files }))
}

/** The in-memory server, in a process of its own; also the upstream of the others. */
async function serve(): Promise<void> {
  const body = page('bototree')
  const packed = gzipSync(body, { level: 6 })
  const server = createServer((req, res) => {
    const gzip = /gzip/.test(String(req.headers['accept-encoding']))
    const sent = gzip ? packed : body
    const headers = { 'content-type': JSON_TYPE, 'content-length': sent.length, 'x-pypi-last-serial': 7 }
    res.writeHead(200, gzip ? { ...headers, 'content-encoding': 'gzip' } : headers).end(sent)
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit(0))
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'pyrsia-bench-'))
  const plain = fork(fileURLToPath(import.meta.url), ['--serve'])
  const port = await new Promise((resolve) => plain.once('message', resolve))
  const upstream = `http://127.0.0.1:${port}/simple`
  const node = await startNode({
    data: join(directory, 'node'),
    args: ['--upstream', `pypi=${upstream}`, '--fresh', '1h', '--log-level', 'warn'],
  })
  const proxpi = await startProxpi(upstream)
  const servers: Record<string, string> = {
    'in memory': `${upstream}/bototree/`,
    node: `${node.endpoints.pypi?.replace(/\/$/, '')}/bototree/`,
    ...(proxpi === undefined ? {} : { proxpi: `${proxpi.url}/index/bototree/` }),
  }
  try {
    for (const encoding of ['gzip', 'identity']) await compare(servers, encoding)
  } finally {
    await proxpi?.stop()
    await node.stop()
    plain.disconnect()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function compare(servers: Readonly<Record<string, string>>, encoding: string): Promise<void> {
  const headers = { ...CLIENT, 'accept-encoding': encoding }
  const rates = new Map<string, number[]>()
  let said = ''
  for (const [name, url] of Object.entries(servers)) {
    const { bodyBytes } = await load(url, { headers, connections: 1, durationMs: 300 })
    said += ` ${name} ${(bodyBytes / 1000).toFixed(0)} KB`
  }
  process.stdout.write(`${encoding}:${said}\n`)
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, url] of Object.entries(servers)) {
      const { requestsPerSecond } = await load(url, { headers, connections: CONNECTIONS, durationMs: ROUND_MS })
      rates.set(name, [...(rates.get(name) ?? []), requestsPerSecond])
    }
  }
  const base = median(rates.get('in memory') ?? [])
  for (const [name, each] of rates) {
    const goal = name === 'node' ? ' (goal 0.50)' : ''
    process.stdout.write(
      `  ${name.padEnd(10)} ${median(each).toFixed(0).padStart(6)} pages/s  ratio ${(median(each) / base).toFixed(2)}${goal}\n`,
    )
  }
}

/** proxpi by gunicorn, as its documentation starts it: one process that keeps indexes in memory. */
async function startProxpi(upstream: string) {
  const program = process.env.PYRSIA_BENCH_GUNICORN
  if (program === undefined) return undefined
  const port = 20_000 + (process.pid % 10_000)
  const address = `127.0.0.1:${port}`
  const running = start(program, ['--threads', '2', '--bind', address, 'proxpi.server:app'], {
    env: { PROXPI_INDEX_URL: `${upstream}/`, PROXPI_INDEX_TTL: '3600' },
  })
  const url = `http://${address}`
  await until('proxpi to answer', () =>
    fetch(`${url}/health`).then(
      () => true,
      () => false,
    ),
  )
  return { url, stop: () => running.stop() }
}
