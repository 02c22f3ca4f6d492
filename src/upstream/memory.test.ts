import assert from 'node:assert/strict'
import { test } from 'node:test'
import { upstreamSuite } from '../../test/kit/upstream-suite.ts'
import { collect } from '../base/streams.ts'
import { createMemoryUpstream, type ScriptedOrigin } from './memory.ts'

upstreamSuite('createMemoryUpstream()', () => {
  const origins: [string, ScriptedOrigin][] = []
  return {
    async origin(script) {
      const url = `http://127.0.0.1:${20_000 + origins.length}`
      origins.push([url, script])
      return url
    },
    deadOrigin: async () => 'http://127.0.0.1:19999',
    create(options, dependencies) {
      const upstream = createMemoryUpstream(options, dependencies)
      for (const [url, script] of origins) upstream.serve(url, script)
      return upstream
    },
    async close() {},
  }
})

const UPSTREAMS = [
  { name: 'main', url: 'https://registry.example.com/base/', share: 'network', source: 'flag' },
] as const
const ASK = { upstream: 'main', method: 'GET', headers: {}, interactive: true } as const

test('createMemoryUpstream() answers routes below the base, knows 404 beside them, and logs requests', async () => {
  const upstream = createMemoryUpstream({ upstreams: UPSTREAMS, offline: false })
  upstream.route('main', '/a', { body: 'A' })
  const { signal } = new AbortController()
  const found = await upstream.request({ ...ASK, path: '/a', signal })
  assert.equal((await collect(found.body, 10)).toString(), 'A')
  assert.equal((await upstream.request({ ...ASK, path: '/b', signal })).status, 404)
  assert.deepEqual(
    upstream.requests.map((request) => request.path),
    ['/base/a', '/base/b'],
  )
})

test('createMemoryUpstream() meets every request with the fault that is set', async () => {
  const upstream = createMemoryUpstream({ upstreams: UPSTREAMS, offline: false })
  upstream.route('main', '/a', { body: 'A' })
  upstream.fault('main', 'refused')
  const { signal } = new AbortController()
  await assert.rejects(upstream.request({ ...ASK, path: '/a', signal }), /no reply from/)
  assert.equal(upstream.askable('main'), false)
})
