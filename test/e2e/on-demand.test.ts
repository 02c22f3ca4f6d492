/**
 * The node as a service: units are written and taken away, and a node that is handed its sockets, as systemd does it, answers on
 * them, and again after it died. systemd itself does not run where tests do; what starts the node is the test.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { PYRSIA, scratch } from '../kit/node-process.ts'
import { mustRun, run } from '../kit/process.ts'

const NAMES = ['port', 'api-port', 'npm-port']

/** Starts what it is given on the sockets 3, 4 and 5, and again once it ended, as systemd's service manager would. */
const SUPERVISOR = `for turn in 1 2; do sh -c 'LISTEN_PID=$$ exec "$0" "$@"' "$@"; done`

async function openSocket(): Promise<Server> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

test('a node answers on the sockets that it is handed, and requests wait while it is started again', async (t) => {
  const data = await scratch(t, 'pyrsia-service')
  const sockets = [await openSocket(), await openSocket(), await openSocket()]
  const [registry, api, npm] = sockets.map((socket) => `http://127.0.0.1:${(socket.address() as AddressInfo).port}`)
  const fds = sockets.map((socket) => (socket as unknown as { _handle: { fd: number } })._handle.fd)
  const words = [PYRSIA, 'start', '--offline', '--data', data, '--log-level', 'error']
  const supervisor = spawn('sh', ['-c', SUPERVISOR, 'sh', ...words], {
    stdio: ['ignore', 'ignore', 'inherit', ...fds],
    env: { ...process.env, LISTEN_FDS: '3', LISTEN_FDNAMES: NAMES.join(':') },
  })
  const ended = once(supervisor, 'exit')
  for (const socket of sockets) socket.close()
  const nodePid = async (): Promise<number> => {
    const reply = await fetch(`${api}/api/ping`, { headers: { connection: 'close' } })
    assert.equal(reply.status, 200)
    return ((await reply.json()) as { pid: number }).pid
  }
  // Asked before the node is there: the connection waits in the socket's queue, then the request for the node.
  const first = await nodePid()
  assert.equal((await fetch(`${registry}/v2/`)).status, 200)
  assert.equal((await fetch(`${npm}/-/ping`)).headers.get('x-content-type-options'), 'nosniff')
  process.kill(first, 'SIGKILL')
  const second = await nodePid()
  assert.notEqual(second, first)
  assert.equal((await fetch(`${registry}/v2/`, { headers: { connection: 'close' } })).status, 200)
  process.kill(second, 'SIGTERM')
  await ended
})

test('service install writes units for the configured ports, and uninstall takes away just these', async (t) => {
  const home = await scratch(t, 'pyrsia-service-home')
  const data = join(home, 'data')
  const env = { HOME: home, XDG_CONFIG_HOME: '', XDG_RUNTIME_DIR: join(home, 'none'), DBUS_SESSION_BUS_ADDRESS: '' }
  const folder = join(home, '.config/systemd/user')
  const installed = await mustRun(PYRSIA, ['service', 'install', '--data', data], { env })
  assert.match(installed.stdout, /^Next: systemctl --user enable --now pyrsia-port\.socket /m)
  assert.deepEqual(readdirSync(folder).sort(), [
    'pyrsia-api-port.socket',
    'pyrsia-npm-port.socket',
    'pyrsia-port.socket',
    'pyrsia.service',
  ])
  assert.match(readFileSync(join(folder, 'pyrsia-npm-port.socket'), 'utf8'), /^ListenStream=127\.0\.0\.1:4873$/m)
  assert(readFileSync(join(folder, 'pyrsia.service'), 'utf8').includes(`"start" "--data" "${data}"`))
  await mustRun(PYRSIA, ['service', 'uninstall', '--data', data], { env })
  assert.deepEqual(readdirSync(folder), [])
  assert(existsSync(data), 'the data stay')
  const refused = await run(PYRSIA, ['service', 'install', '--system', '--data', data], { env })
  assert.equal(refused.code, 2, refused.stderr)
})
