import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type ScriptedServer, startScriptedServer } from '../../test/kit/scripted-server.ts'
import { steppedClock } from '../../test/kit/stepped-clock.ts'
import { upstreamSuite } from '../../test/kit/upstream-suite.ts'
import { silentLogger } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { collect } from '../base/streams.ts'
import type { ScriptedOrigin } from './memory.ts'
import { createUndiciUpstream } from './undici.ts'
import type { UpstreamRequest } from './upstream.ts'

upstreamSuite('createUndiciUpstream()', () => {
  const servers: ScriptedServer[] = []
  const origin = async (script: ScriptedOrigin) => {
    const server = await startScriptedServer(script)
    servers.push(server)
    return server.url
  }
  return {
    origin,
    async deadOrigin() {
      const server = await startScriptedServer(() => undefined)
      await server.close()
      return server.url
    },
    create: createUndiciUpstream,
    async close() {
      for (const server of servers) await server.close()
    },
  }
})

const dependencies = () => ({
  clock: steppedClock(),
  random: { bytes: (count: number) => new Uint8Array(count), fraction: () => 0.5 },
  logger: silentLogger,
})

const ask = (path: string, more: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  upstream: 'main',
  method: 'GET',
  path,
  headers: {},
  interactive: true,
  signal: new AbortController().signal,
  ...more,
})

async function withServer(script: ScriptedOrigin, use: (url: string) => Promise<void>): Promise<void> {
  const server = await startScriptedServer(script)
  try {
    await use(server.url)
  } finally {
    await server.close()
  }
}

const main = (url: string) => ({ name: 'main', url, share: 'network', source: 'flag' }) as const

test('createUndiciUpstream() asks for gzip where JSON is wanted and hands out identity', async () => {
  const text = JSON.stringify({ name: 'x'.repeat(10_000) })
  await withServer(
    (request) =>
      request.headers['accept-encoding'] === 'gzip'
        ? { headers: { 'content-encoding': 'gzip' }, body: gzipSync(text) }
        : { body: text },
    async (url) => {
      const upstream = createUndiciUpstream({ upstreams: [main(url)], offline: false }, dependencies())
      const packed = await upstream.request(ask('/x', { headers: { accept: 'application/json' } }))
      assert.equal(packed.headers['content-encoding'], undefined)
      assert.equal(packed.sizeBytes, undefined)
      assert.equal((await collect(packed.body, 20_000)).toString(), text)
      const plain = await upstream.request(ask('/x'))
      assert.equal(plain.sizeBytes, text.length)
      assert.equal((await collect(plain.body, 20_000)).toString(), text)
      await upstream.close()
    },
  )
})

test('createUndiciUpstream() fails a body whose gzip is broken, and an encoding that nobody asked for', async () => {
  await withServer(
    (request) =>
      request.path === '/broken'
        ? { headers: { 'content-encoding': 'gzip' }, body: 'not gzip at all' }
        : { headers: { 'content-encoding': 'zstd' }, body: 'x' },
    async (url) => {
      const upstream = createUndiciUpstream({ upstreams: [main(url)], offline: false }, dependencies())
      const broken = await upstream.request(ask('/broken'))
      await assert.rejects(
        collect(broken.body, 100),
        (error) => error instanceof AppError && error.kind === 'unavailable',
      )
      await assert.rejects(upstream.request(ask('/other')), /zstd/)
      await upstream.close()
    },
  )
})

test('createUndiciUpstream() cuts a body that stalls', async () => {
  await withServer(
    () => ({ body: Buffer.alloc(100_000), gate: (offset) => (offset > 0 ? new Promise(() => {}) : undefined) }),
    async (url) => {
      const upstream = createUndiciUpstream(
        { upstreams: [main(url)], offline: false, limits: { stallTimeoutMs: 100 } },
        dependencies(),
      )
      const reply = await upstream.request(ask('/x'))
      await assert.rejects(
        collect(reply.body, 200_000),
        (error) => error instanceof AppError && error.code === 'unavailable.upstream',
      )
      await upstream.close()
    },
  )
})

test('createUndiciUpstream() goes through a proxy, and past it where NO_PROXY says so', async () => {
  const seen: string[] = []
  await withServer(
    (request) => {
      seen.push(request.url.host)
      return { body: 'x' }
    },
    async (url) => {
      const direct = url.replace('127.0.0.1', 'localhost')
      const upstream = createUndiciUpstream(
        {
          upstreams: [main('http://registry.example.com'), { ...main(direct), name: 'near' }],
          offline: false,
          proxy: { http: url, noProxy: 'localhost' },
        },
        dependencies(),
      )
      assert.equal((await collect((await upstream.request(ask('/x'))).body, 10)).toString(), 'x')
      assert.equal((await collect((await upstream.request(ask('/x', { upstream: 'near' }))).body, 10)).toString(), 'x')
      assert.deepEqual(seen, ['registry.example.com', new URL(direct).host])
      await upstream.close()
    },
  )
})

test('createUndiciUpstream() refuses malformed upstreams and proxies', () => {
  const make = (url: string, proxy = {}) =>
    createUndiciUpstream({ upstreams: [main(url)], offline: false, proxy }, dependencies())
  for (const url of ['ftp://x', 'nonsense', 'http://u:p@registry.example.com', 'http://registry.example.com/?q']) {
    assert.throws(
      () => make(url),
      (error) => error instanceof AppError && error.code === 'usage.config',
    )
  }
  assert.throws(() => make('http://registry.example.com', { http: 'no url' }), /proxy/)
})
