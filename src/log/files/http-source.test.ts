import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { steppedClock } from '../../../test/kit/stepped-clock.ts'
import { silentLogger } from '../../base/clock.ts'
import { listen } from '../../http/listen.ts'
import type { HttpHandler } from '../../http/registry.ts'
import { createHttpSource, type HttpSource } from './http-source.ts'

const clock = steppedClock()
const { signal } = new AbortController()

async function sourceOf(t: TestContext, handler: HttpHandler): Promise<HttpSource> {
  const server = await listen({ host: '127.0.0.1', port: 0, setting: '--port' })
  server.serve(handler)
  const source = createHttpSource(`${server.url}/log/`, { clock, logger: silentLogger })
  t.after(async () => {
    await source.close()
    await server.close(0)
  })
  return source
}

test('a web server gives files below its URL, nothing for 404, and fails on anything else', async (t) => {
  const asked: string[] = []
  const source = await sourceOf(t, (request, response) => {
    asked.push(request.url ?? '')
    if (request.url?.endsWith('gone')) response.statusCode = 404
    if (request.url?.endsWith('moved')) response.writeHead(302, { location: '/log/checkpoint' })
    response.end('bytes')
  })
  const get = (path: string, bytesMax = 5) => source.fetch(path, { bytesMax, signal })
  assert.equal(Buffer.from((await get('tile/0/000')) ?? []).toString(), 'bytes')
  assert.equal(await get('gone'), undefined)
  await assert.rejects(get('moved'), { code: 'unavailable.peer' })
  await assert.rejects(get('checkpoint', 4), { code: 'exhausted.size' })
  assert.deepEqual(asked, ['/log/tile/0/000', '/log/gone', '/log/moved', '/log/checkpoint'])
})

test('a web server that lied is not asked for an hour', async (t) => {
  const source = await sourceOf(t, (_, response) => void response.end())
  assert.equal(source.usable(), true)
  source.blame('tile/0/000')
  assert.equal(source.usable(), false)
  clock.advance(3_600_000)
  assert.equal(source.usable(), true)
})

test('a web server that is not there is unavailable, and a caller who left is told so', async () => {
  const nowhere = createHttpSource('http://127.0.0.1:1', { clock, logger: silentLogger })
  await assert.rejects(nowhere.fetch('checkpoint', { bytesMax: 9, signal }), { code: 'unavailable.peer' })
  const left = AbortSignal.abort()
  await assert.rejects(nowhere.fetch('checkpoint', { bytesMax: 9, signal: left }), { code: 'aborted.caller' })
  await nowhere.close()
})

test('a web server that is asked too much is given time, and given up if that is not enough', async (t) => {
  let busy = 3
  const source = await sourceOf(t, (_, response) => {
    response.statusCode = busy-- > 0 ? 429 : 200
    response.end('bytes')
  })
  const before = clock.sleptMs.length
  assert.ok(await source.fetch('tile/0/000', { bytesMax: 5, signal }))
  assert.deepEqual(clock.sleptMs.slice(before), [500, 500, 500])
  busy = 1_000
  await assert.rejects(source.fetch('tile/0/000', { bytesMax: 5, signal }), { code: 'unavailable.peer' })
})
