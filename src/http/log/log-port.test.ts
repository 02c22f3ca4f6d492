import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type SteppedClock, steppedClock } from '../../../test/kit/stepped-clock.ts'
import { type TestAuthority, TileLog, testAuthorities } from '../../../test/kit/tile-log.ts'
import { silentLogger } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { listen } from '../listen.ts'
import type { ServedLog } from './log-files.ts'
import { createLogPortHandler, type LogPortParts } from './log-port.ts'

const [authority] = testAuthorities(1) as [TestAuthority]
const log = new TileLog().grow(700, 'an entry that is long enough to be worth compressing')
const note = Buffer.from(log.note(700, { log: [authority] })).toString()
const served: ServedLog = {
  newest: () => ({ origin: log.origin, size: 700, root: log.root(), note, cosignatures: [] }),
  tile: async (path) => log.file(path),
}

interface Port {
  readonly url: string
  readonly seen: string[]
  readonly clock: SteppedClock
}

async function start(t: TestContext, parts: Partial<LogPortParts> = {}): Promise<Port> {
  const seen: string[] = []
  const clock = steppedClock()
  const observe = (kind: string, status: number) => void seen.push(`${kind} ${status}`)
  const server = await listen({ host: '127.0.0.1', port: 0, setting: '--log-listen' })
  t.after(() => server.close(0))
  const all = { log: () => served, witness: undefined, ...parts }
  server.serve(createLogPortHandler(all, { clock, logger: silentLogger, observe }))
  return { url: server.url, seen, clock }
}

test('the log port serves the checkpoint, tiles and bundles with the types and the caching of tlog-tiles', async (t) => {
  const { url, seen } = await start(t)
  const checkpoint = await fetch(`${url}/log/checkpoint`)
  assert.equal(checkpoint.headers.get('content-type'), 'text/plain; charset=utf-8')
  assert.equal(checkpoint.headers.get('cache-control'), 'public, max-age=2')
  assert.equal(await checkpoint.text(), note)
  for (const path of ['tile/0/000', 'tile/0/002.p/188', 'tile/1/000.p/2', 'tile/entries/002.p/188']) {
    const reply = await fetch(`${url}/log/${path}`)
    assert.equal(reply.status, 200, path)
    assert.equal(reply.headers.get('content-type'), 'application/octet-stream')
    assert.match(reply.headers.get('cache-control') ?? '', /immutable/)
    assert.deepEqual(Buffer.from(await reply.arrayBuffer()), Buffer.from(log.file(path) ?? []))
  }
  assert.deepEqual(seen, ['checkpoint 200', 'tile 200', 'tile 200', 'tile 200', 'tile 200'])
})

test('the log port answers HEAD without a body, 404 to what the log does not have, 400 to other methods and climbing paths', async (t) => {
  const { url } = await start(t)
  const head = await fetch(`${url}/log/tile/0/000`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, '8192'])
  assert.equal((await head.arrayBuffer()).byteLength, 0)
  for (const path of ['tile/0/003', 'tile/0/000.p/256', 'tile/00/000', 'tile/0/0', 'nothing', 'tile/entries/2', '']) {
    assert.equal((await fetch(`${url}/log/${path}`)).status, 404, path)
  }
  assert.equal((await fetch(`${url}/log/checkpoint`, { method: 'DELETE' })).status, 400)
  assert.equal((await fetch(`${url}/`)).status, 404)
  assert.equal((await fetch(`${url}/api/status`)).status, 404)
  assert.equal((await fetch(`${url}/log/a%00b`)).status, 400)
})

test('bundles are compressed for who takes gzip, tiles never', async (t) => {
  const { url } = await start(t)
  const get = (path: string, accept: string) =>
    new Promise<{ encoding: string | undefined; body: Buffer }>((resolve, reject) => {
      const request = httpRequest(`${url}/log/${path}`, { headers: { 'accept-encoding': accept } }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({ encoding: response.headers['content-encoding'], body: Buffer.concat(chunks) }),
        )
      })
      request.on('error', reject)
      request.end()
    })
  const wanted = Buffer.from(log.file('tile/entries/000') ?? [])
  for (const accept of ['gzip', 'br, gzip;q=0.5', '*']) {
    const { encoding, body } = await get('tile/entries/000', accept)
    assert.equal(encoding, 'gzip', accept)
    assert.ok(gunzipSync(body).equals(wanted) && body.byteLength < wanted.byteLength)
  }
  for (const accept of ['identity', 'gzip;q=0', 'br']) {
    assert.deepEqual(await get('tile/entries/000', accept), { encoding: undefined, body: wanted }, accept)
  }
  assert.equal((await get('tile/0/000', 'gzip')).encoding, undefined)
})

test('a log without a checkpoint, or no log at all, is 404', async (t) => {
  for (const none of [() => undefined, () => ({ ...served, newest: () => undefined })]) {
    const { url } = await start(t, { log: none })
    assert.equal((await fetch(`${url}/log/checkpoint`)).status, 404)
  }
})

test('add-checkpoint gives the witness the body and its answer back, for POST alone, and not without a witness', async (t) => {
  const bodies: string[] = []
  const witness: LogPortParts['witness'] = {
    async addCheckpoint(body) {
      bodies.push(Buffer.from(body).toString())
      return { status: 409, mediaType: 'text/x.tlog.size', body: '7\n' }
    },
  }
  const { url, seen } = await start(t, { witness })
  const reply = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: 'old 3\n\nnote' })
  assert.deepEqual([reply.status, await reply.text()], [409, '7\n'])
  assert.equal(reply.headers.get('content-type'), 'text/x.tlog.size')
  assert.deepEqual(bodies, ['old 3\n\nnote'])
  assert.equal((await fetch(`${url}/add-checkpoint`)).status, 400)
  const large = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: new Uint8Array(135_169) })
  assert.equal(large.status, 429)
  assert.equal(bodies.length, 1)
  assert.deepEqual(seen, ['witness 409', 'witness 400', 'witness 429'])
  const without = await start(t)
  assert.equal((await fetch(`${without.url}/add-checkpoint`, { method: 'POST', body: 'x' })).status, 404)
})

test('an address that asks too much is refused for a while', async (t) => {
  const { url, clock } = await start(t, { limits: { requestsPerSecond: 1, burstCount: 2 } })
  const statuses = async (count: number) => {
    const found: number[] = []
    for (let at = 0; at < count; at += 1) found.push((await fetch(`${url}/log/checkpoint`)).status)
    return found
  }
  assert.deepEqual(await statuses(3), [200, 200, 429])
  clock.advance(1_000)
  assert.deepEqual(await statuses(2), [200, 429])
})

test('an address that asks too much at the same time is refused, and damage is told as such', async (t) => {
  const gate = Promise.withResolvers<Uint8Array | undefined>()
  const slow: ServedLog = { ...served, tile: () => gate.promise }
  const { url } = await start(t, { log: () => slow, limits: { openMax: 1 } })
  const first = fetch(`${url}/log/tile/0/000`)
  // The second one is asked until the first has arrived.
  let status = 0
  while (status !== 429) status = (await fetch(`${url}/log/checkpoint`)).status
  gate.reject(new AppError('damaged.database', 'a tile is broken'))
  assert.equal((await first).status, 500)
})

test('a search of a light node is answered where the log has an answer, and is nothing that may be cached', async (t) => {
  const searching: ServedLog = {
    ...served,
    search: async (path) => (path === 'find/abc' ? Buffer.from('{}') : undefined),
  }
  const { url } = await start(t, { log: () => searching })
  const reply = await fetch(`${url}/log/find/abc`)
  assert.deepEqual([reply.status, reply.headers.get('cache-control'), await reply.text()], [200, 'no-store', '{}'])
  assert.equal((await fetch(`${url}/log/find/other`)).status, 404)
  assert.equal((await fetch(`${(await start(t)).url}/log/find/abc`)).status, 404)
})
