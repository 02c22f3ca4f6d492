/**
 * `/versions` of a gem server as large as the public one (26 MB): the whole and its last 64 KB by Range, as Bundler renews its
 * copy, from what a node keeps, against nginx with the same file. Rounds are interleaved, ratios kept. Takes some 20 seconds.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { load, median } from '../test/kit/load.ts'
import { startNode } from '../test/kit/node-process.ts'
import { startStaticServer } from '../test/kit/static-server.ts'

const SIZE_BYTES = 26_000_000
const TAIL_BYTES = 65_536
const ROUNDS = 4
const ROUND_MS = 1_000

function versions(): string {
  const lines = ['created_at: 2026-11-01T00:00:05Z\n---\n']
  for (let at = 0, sizeBytes = 0; sizeBytes < SIZE_BYTES; at += 1) {
    const md5 = createHash('md5').update(String(at)).digest('hex')
    const line = `sample-gem-${at} 0.0.1,0.1.0,0.1.1,1.0.0,1.0.1,1.1.0,2.0.0 ${md5}\n`
    lines.push(line)
    sizeBytes += line.length
  }
  return lines.join('')
}

const directory = mkdtempSync(join(tmpdir(), 'pyrsia-bench-'))
const root = join(directory, 'static')
mkdirSync(root)
const text = versions()
writeFileSync(join(root, 'versions'), text)
const plain = await startStaticServer(directory, root)
const args = ['--upstream', `rubygems=${plain.url}`, '--fresh', '1h']
const node = await startNode({ data: join(directory, 'node'), args })
try {
  const servers = { node: `${node.endpoints.gem}/versions`, nginx: `${plain.url}/versions` }
  const tail = { range: `bytes=${text.length - TAIL_BYTES}-` }
  const first = await load(servers.node, { connections: 1, durationMs: 1 })
  if (first.bodyBytes !== text.length) throw new Error(`wanted ${text.length} bytes, found ${first.bodyBytes}`)
  await compare('whole', servers, {}, 2)
  await compare('last 64 KB by Range', servers, tail, 8)
} finally {
  await Promise.all([node.stop(), plain.close()])
  rmSync(directory, { recursive: true, force: true })
}

async function compare(
  what: string,
  servers: Readonly<Record<'node' | 'nginx', string>>,
  headers: Readonly<Record<string, string>>,
  connections: number,
): Promise<void> {
  const rates: Record<'node' | 'nginx', number[]> = { node: [], nginx: [] }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of ['node', 'nginx'] as const) {
      const done = await load(servers[name], { headers, connections, durationMs: ROUND_MS })
      rates[name].push(what === 'whole' ? done.megabytesPerSecond : done.requestsPerSecond)
    }
  }
  const unit = what === 'whole' ? 'MB/s' : 'requests/s'
  const [ours, theirs] = [median(rates.node), median(rates.nginx)]
  const ratio = (ours / theirs).toFixed(2)
  process.stdout.write(`${what}: node ${ours.toFixed(0)} ${unit}, nginx ${theirs.toFixed(0)} ${unit}, ratio ${ratio}\n`)
}
