import assert from 'node:assert/strict'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { silentLogger } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { collect, streamOf } from '../base/streams.ts'
import type { Ecosystem } from '../ecosystems/ecosystem.ts'
import type { ServeReply, ServeRequest } from '../serve/serve.ts'
import { createHostGuard } from './host-guard.ts'
import { DEFAULT_LIMITS, listen } from './listen.ts'
import { createRegistryHandler, type RequestObserver } from './registry.ts'

type Script = (request: ServeRequest) => Promise<ServeReply>

/** The edge asks an ecosystem for nothing but its id and its refusals. */
function ecosystemNamed(id: string): Ecosystem {
  const refuse: Ecosystem['refuse'] = ({ code, message }) => ({
    status: 418,
    headers: { 'x-refused-by': id },
    body: `${code}: ${message}`,
  })
  return { id, refuse } as Ecosystem
}

async function start(t: TestContext, script: Script, observe: RequestObserver = () => {}): Promise<{ port: number }> {
  const server = await listen({
    host: '127.0.0.1',
    port: 0,
    setting: '--port',
    limits: { ...DEFAULT_LIMITS, keepAliveTimeoutMs: 1000 },
  })
  t.after(() => server.close(0))
  const mounts = [
    { ecosystem: ecosystemNamed('toy'), prefix: '/v9' },
    { ecosystem: ecosystemNamed('inner'), prefix: '/v9/inner' },
  ]
  const guard = createHostGuard({ port: server.port, hosts: [], extra: [], refusedSites: ['cross-site'] })
  const deps = { backend: { handle: script }, guard, logger: silentLogger, monotonicMs: () => 0, observe }
  server.serve(createRegistryHandler(mounts, deps))
  return { port: server.port }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly complete: boolean
}

function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options
    const asked = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false }, (reply) => {
      const chunks: Buffer[] = []
      const end = (): void =>
        resolve({
          status: reply.statusCode ?? 0,
          headers: reply.headers,
          body: Buffer.concat(chunks).toString(),
          complete: reply.complete,
        })
      reply.on('data', (chunk: Buffer) => chunks.push(chunk))
      reply.on('error', end)
      reply.on('end', end)
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

const plain = (body: ServeReply['body'], headers: Record<string, string> = {}): ServeReply => ({
  status: 200,
  statusText: undefined,
  headers,
  body,
})

test('a registry hands on the path below the mount, the query and the base of the request', async (t) => {
  const seen: ServeRequest[] = []
  const { port } = await start(t, async (request) => {
    seen.push(request)
    return plain('ok')
  })
  assert.equal((await ask(port, '/v9/a%2fb?x=1')).body, 'ok')
  await ask(port, '/v9')
  await ask(port, '/v9/inner/c')
  assert.deepEqual(
    seen.map(({ ecosystem, path }) => [ecosystem.id, path]),
    [
      ['toy', '/a%2fb'],
      ['toy', '/'],
      ['inner', '/c'],
    ],
  )
  assert.equal(seen[0]?.base, `http://127.0.0.1:${port}`)
  assert.equal(seen[0]?.query.x, '1')
})

test('a registry answers 404 where no ecosystem is mounted', async (t) => {
  const { port } = await start(t, async () => plain('never'))
  assert.equal((await ask(port, '/v99/a')).status, 404)
  assert.equal((await ask(port, '/')).status, 404)
})

test('a registry refuses a foreign Host and a cross-site request before anything is served', async (t) => {
  const { port } = await start(t, async () => assert.fail('it was served'))
  const foreign = await ask(port, '/v9/a', { headers: { host: 'attacker.example.com' } })
  assert.equal(foreign.status, 403)
  assert.match(foreign.body, /denied\.origin/)
  assert.equal((await ask(port, '/v9/a', { headers: { 'sec-fetch-site': 'cross-site' } })).status, 403)
})

test("a registry puts a malformed path into the ecosystem's own refusal", async (t) => {
  const { port } = await start(t, async () => assert.fail('it was served'))
  const found = await ask(port, '/v9/%2e%2e/secret')
  assert.equal(found.status, 418)
  assert.match(found.body, /^malformed: .*climbs/)
})

test('a registry answers HEAD with the headers of GET, without a body, and releases the stream', async (t) => {
  let released = false
  const { port } = await start(t, async () => {
    const iterator: AsyncIterableIterator<Uint8Array> = {
      [Symbol.asyncIterator]: () => iterator,
      next: () => assert.fail('the body was read'),
      async return() {
        released = true
        return { done: true, value: undefined }
      },
    }
    return plain(iterator, { 'content-length': '5' })
  })
  const found = await ask(port, '/v9/a', { method: 'HEAD' })
  assert.equal(found.headers['content-length'], '5')
  assert.equal(found.body, '')
  assert.equal(released, true)
})

test('a registry sends a range as the reply states it', async (t) => {
  const { port } = await start(t, async () => ({
    status: 206,
    statusText: undefined,
    headers: { 'content-length': '3', 'content-range': 'bytes 1-3/5' },
    body: streamOf(Buffer.from('el'), new Uint8Array(), Buffer.from('l')),
  }))
  const found = await ask(port, '/v9/a')
  assert.deepEqual([found.status, found.body, found.headers['content-range']], [206, 'ell', 'bytes 1-3/5'])
})

test('a registry resets the connection when the body fails, and when it comes out short', async (t) => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('he')
    throw new AppError('untrusted.digest', 'wanted another digest')
  }
  const bodies: Record<string, () => AsyncGenerator<Uint8Array>> = {
    '/failing': failing,
    '/short': () => streamOf(Buffer.from('he')),
  }
  const { port } = await start(t, async ({ path }) => plain(bodies[path]?.(), { 'content-length': '5' }))
  for (const path of ['/v9/failing', '/v9/short']) {
    const found = await ask(port, path)
    assert.deepEqual([found.body, found.complete], ['he', false], path)
  }
  async function* unbounded(): AsyncGenerator<Uint8Array> {
    yield* failing()
  }
  bodies['/chunked'] = unbounded
  const chunked = await start(t, async () => plain(unbounded()))
  assert.equal((await ask(chunked.port, '/v9/chunked')).complete, false)
})

test('a registry asks for the next chunk only when the former one has left', async (t) => {
  const slot = Buffer.alloc(65_536)
  async function* recycling(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 64; index++) {
      slot.fill(index)
      yield slot
    }
  }
  const { port } = await start(t, async () => plain(recycling()))
  const { body } = await ask(port, '/v9/a')
  assert.equal(body.length, 64 * slot.length)
  for (let index = 0; index < 64; index++) assert.equal(body.charCodeAt(index * slot.length + 1), index)
})

test('a registry tells the read flow when the client leaves', async (t) => {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const { port } = await start(t, async ({ signal }) => {
    signal.addEventListener('abort', () => resolve(signal.reason))
    return plain(
      (async function* () {
        yield Buffer.from('first')
        await promise
      })(),
    )
  })
  const asked = httpRequest({ host: '127.0.0.1', port, path: '/v9/a', agent: false }, (reply) => {
    reply.once('data', () => asked.destroy())
    reply.on('error', () => {})
  })
  asked.on('error', () => {})
  asked.end()
  assert.equal(((await promise) as AppError).code, 'aborted.caller')
})

test('a registry turns what the read flow throws into a status, and stays up', async (t) => {
  const statuses: number[] = []
  const { port } = await start(
    t,
    async ({ path }) => {
      if (path === '/bug') throw new TypeError('no')
      throw new AppError('exhausted.queue', 'too many')
    },
    ({ status }) => statuses.push(status),
  )
  assert.equal((await ask(port, '/v9/bug')).status, 500)
  assert.equal((await ask(port, '/v9/full')).status, 429)
  assert.deepEqual(statuses, [500, 429])
})

test('a registry hands on the body of a POST', async (t) => {
  const { port } = await start(t, async ({ body }) => plain(body === undefined ? 'none' : await collect(body, 100)))
  assert.equal((await ask(port, '/v9/a', { method: 'POST', body: 'hello' })).body, 'hello')
  assert.equal((await ask(port, '/v9/a')).body, 'none')
})

test('a registry simply answers a request that offers an upgrade', async (t) => {
  const { port } = await start(t, async () => plain('ok'))
  const found = await new Promise<string>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
    const headers = ['Connection: Upgrade, HTTP2-Settings, close', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk']
    socket.write(`GET /v9/a HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${headers.join('\r\n')}\r\n\r\n`)
    setImmediate(() => socket.end())
  })
  assert.match(found, /^HTTP\/1\.1 200 OK/)
  assert.match(found, /ok$/)
})

test('listen() says which setting to change when the port is taken', async (t) => {
  const { port } = await start(t, async () => plain('ok'))
  await assert.rejects(listen({ host: '127.0.0.1', port, setting: '--port' }), {
    code: 'conflict.port',
    message: /choose another port with --port/,
  })
  await assert.rejects(listen({ host: '192.0.2.1', port: 0, setting: '--port' }), {
    code: 'usage.config',
    message: /--host/,
  })
})

/** All that a server says on one connection to this request, as the writes that it comes in. */
function writesOf(port: number, path: string, endsWith: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const writes: string[] = []
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`),
    )
    socket.on('error', reject).on('data', (chunk) => {
      writes.push(chunk.toString())
      if (!writes.join('').endsWith(endsWith)) return
      socket.destroy()
      resolve(writes)
    })
  })
}

test('a small body that lies here leaves together with its headers', async (t) => {
  // As from a disk: several turns of the event loop later, in which headers alone would be seen.
  async function* body() {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    yield Buffer.from('all of it')
  }
  const { port } = await start(t, async () => ({ ...plain(body(), { 'content-length': '9' }), atHand: true }))
  assert.equal((await writesOf(port, '/v9/x', 'all of it')).length, 1)
})

test('the headers of a body that has still to come from elsewhere do not wait for it', async (t) => {
  const { promise: seen, resolve: see } = Promise.withResolvers<void>()
  const body = (async function* () {
    await seen
    yield Buffer.from('late')
  })()
  const { port } = await start(t, async () => plain(body, { 'content-length': '4' }))
  const reply = await fetch(`http://127.0.0.1:${port}/v9/x`)
  see()
  assert.equal(await reply.text(), 'late')
})

test('a body that lies here and comes out short, long or broken resets its connection', async (t) => {
  const broken = (async function* () {
    yield Buffer.from('ab')
    throw new AppError('damaged.blob', 'the next piece differs')
  })()
  const bodies = [streamOf(Buffer.from('ab')), streamOf(Buffer.from('ab'), Buffer.from('cdef')), broken]
  const { port } = await start(t, async () => ({
    ...plain(bodies.shift() as ServeReply['body'], { 'content-length': '4' }),
    atHand: true,
  }))
  for (const name of ['short', 'long', 'broken']) {
    const answer = await ask(port, `/v9/${name}`).catch(() => undefined)
    assert.notEqual(answer?.complete, true, name)
  }
})
