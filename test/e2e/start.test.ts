/**
 * The node as a process, on a machine where nothing can be reached: it starts, serves, says what does not work, answers its
 * CLI, and stops in order. No tools are needed.
 */
import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { ecosystems } from '../../src/ecosystems/index.ts'
import { PYRSIA, scratch, startNode } from '../kit/node-process.ts'
import { run, start, until } from '../kit/process.ts'

/** An address of the documentation range (RFC 5737) and a port of this machine where nobody listens: neither answers. */
const NOWHERE = ['--upstream', 'docker.io=http://127.0.0.1:1', '--upstream', 'npm=http://127.0.0.1:1']
const NOBODY = ['--peer', '/ip4/127.0.0.1/tcp/1']

interface Status {
  readonly notes: readonly string[]
  readonly offline: boolean
  readonly endpoints: Readonly<Record<string, string>>
}

test('a node starts, serves and says so in its status when no peer, no bootstrap and no upstream can be reached', async (t) => {
  const data = await scratch(t)
  const node = await startNode({ data, args: [...NOWHERE, ...NOBODY] })
  t.after(() => node.stop('SIGKILL'))
  assert.deepEqual(Object.keys(node.endpoints).sort(), ['api', ...ecosystems.map(({ id }) => id)].sort())
  assert(node.listen.length > 0 && node.listen.every((address) => address.endsWith(node.peerId)))

  assert.equal((await fetch(`${node.endpoints.docker}/v2/`)).status, 200)
  assert.equal((await fetch(`${node.endpoints.docker}/v2/library/alpine/manifests/latest`)).status, 404)
  assert.equal((await fetch(`${node.endpoints.npm}/-/ping`)).status, 200)
  assert.equal((await fetch(`${node.endpoints.api}/readyz`)).status, 200)

  const status = (await node.json('status')) as Status
  assert.deepEqual(status.endpoints, node.endpoints)
  assert.match(status.notes.join('\n'), /Upstream docker\.io .* cannot be reached/)
  assert.match(status.notes.join('\n'), /No peer is connected: none of 1 given with --peer answers/)
  assert.equal(((await node.json('ping')) as { name: string }).name, 'pyrsia')
  const listed = (await node.json('list')) as { peers: unknown[] }
  assert.deepEqual(listed.peers, [])

  assert.equal(await node.stop('SIGTERM'), 0)
  const away = await node.cli('ping')
  assert.equal(away.code, 7)
  assert.match(away.stderr, /unavailable\.node/)
  assert.equal(node.process.stdout().trim().split('\n').length, 1, 'stdout holds nothing but the readiness line')
})

test('a node started with --offline asks no upstream and says so', async (t) => {
  let asked = 0
  const upstream = createServer((socket) => {
    asked++
    socket.destroy()
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  t.after(() => upstream.close())
  const { port } = upstream.address() as { port: number }
  const url = `http://127.0.0.1:${port}`
  const data = await scratch(t)
  const node = await startNode({
    data,
    args: ['--offline', '--upstream', `docker.io=${url}`, '--upstream', `npm=${url}`],
  })
  t.after(() => node.stop('SIGKILL'))
  assert.equal((await fetch(`${node.endpoints.docker}/v2/library/alpine/manifests/latest`)).status, 404)
  assert((await fetch(`${node.endpoints.npm}/left-pad`)).status >= 400)
  const status = (await node.json('status')) as Status
  assert.equal(status.offline, true)
  assert.match(status.notes.join('\n'), /--offline/)
  assert.equal(asked, 0)
  assert.equal(await node.stop('SIGINT'), 0)
})

test('a second node on the same data directory is refused, and the first one goes on', async (t) => {
  const data = await scratch(t)
  const node = await startNode({ data, args: ['--offline'] })
  t.after(() => node.stop('SIGKILL'))
  const ports = ['--port', '0', '--npm-port', '0', '--api-port', '0']
  const second = await run(PYRSIA, ['start', '--data', data, '--offline', ...ports])
  assert.equal(second.code, 5)
  assert.match(second.stderr, /conflict\.running/)
  assert.equal((await node.cli('ping')).code, 0)
  assert.equal(await node.stop('SIGTERM'), 0)
})

test('a port that is taken is refused with what to do about it', async (t) => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  t.after(() => other.close())
  const { port } = other.address() as { port: number }
  const data = await scratch(t)
  const ports = ['--port', String(port), '--npm-port', '0', '--api-port', '0']
  const found = await run(PYRSIA, ['start', '--data', data, '--offline', ...ports])
  assert.equal(found.code, 5)
  assert.match(found.stderr, /another program does; choose another port with --port/)
})

test('a node keeps its identity and its secrets to its owner, and changes its file through the API', async (t) => {
  const data = await scratch(t)
  const first = await startNode({ data, args: ['--offline'] })
  t.after(() => first.stop('SIGKILL'))
  for (const file of ['api-token', 'identity.key', 'node.json']) {
    assert.equal((await stat(join(data, file))).mode & 0o777, 0o600, file)
  }
  const token = (await readFile(join(data, 'api-token'), 'utf8')).trim()
  assert.equal((await fetch(`${first.endpoints.api}/api/cache/gc`, { method: 'POST' })).status, 403)
  assert.equal((await first.cli('config', 'edit', '--diskspace', '5GB')).code, 0)
  assert.match(await readFile(join(data, 'config.toml'), 'utf8'), /^disk = "5GB"$/m)
  assert.equal(await first.stop('SIGTERM'), 0)
  assert(!first.process.stderr().includes(token))

  const second = await startNode({ data, args: ['--offline'] })
  t.after(() => second.stop('SIGKILL'))
  assert.equal(second.peerId, first.peerId)
  const { settings } = (await second.json('config', '--show')) as { settings: { name: string; value: string }[] }
  assert.equal(settings.find(({ name }) => name === 'disk')?.value, '5GB')
  assert.equal((await second.cli('config', '--remove')).code, 0)
  assert.doesNotMatch(await readFile(join(data, 'config.toml'), 'utf8'), /disk/)
  assert.equal(await second.stop('SIGTERM'), 0)
})

test('a configuration that cannot be understood is refused before anything is started', async (t) => {
  const data = await scratch(t)
  const found = await run(PYRSIA, ['start', '--data', data, '--disk', 'plenty'])
  assert.equal(found.code, 2)
  assert.match(found.stderr, /--disk[\s\S]*because: wanted a size/)
  assert.equal((await run(PYRSIA, ['start', '--data', data, '--config', join(data, 'absent.toml')])).code, 2)
})

test('the first signal lets requests end and says not ready meanwhile; the second one ends the node at once', async (t) => {
  const node = await startNode({ data: await scratch(t), args: ['--offline'] })
  t.after(() => node.stop('SIGKILL'))
  const { port } = new URL(node.endpoints.docker ?? '')
  const slow = connect(Number(port), '127.0.0.1')
  slow.on('error', () => {})
  t.after(() => slow.destroy())
  slow.write('GET /v2/ HTTP/1.1\r\nHost: ')
  // A whole exchange on the same port: what was sent before it has arrived as well.
  await fetch(`${node.endpoints.docker}/v2/`)
  process.kill(node.process.pid, 'SIGTERM')
  await until('the node to say that it is not ready', async () => {
    const reply = await fetch(`${node.endpoints.api}/readyz`)
    return reply.status === 503 ? true : undefined
  })
  assert.equal(await node.stop('SIGTERM'), 143)
})

test('the lines that a node of a clone prints for a person can be typed as they stand', async (t) => {
  const data = await scratch(t)
  const ports = ['--port', '0', '--npm-port', '0', '--api-port', '0']
  const node = start(PYRSIA, ['start', '--data', data, '--offline', ...ports])
  t.after(() => node.stop('SIGKILL'))
  await until('the greeting', () => node.stdout().includes('Stop it with'))
  assert.match(node.stdout(), /^ {2}bin\/pyrsia setup docker && docker pull alpine$/m)
  assert.match(node.stdout(), /^ {2}npm install express --registry http:\/\/127\.0\.0\.1:\d+\/$/m)
  assert.match(node.stdout(), /; bin\/pyrsia status tells/)
})
