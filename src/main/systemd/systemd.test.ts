import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs, toolPath } from '../../../test/kit/needs.ts'
import { mustRun } from '../../../test/kit/process.ts'
import { inheritedSockets } from './activation.ts'
import { serviceUnits } from './units.ts'

const UNITS = {
  program: [process.execPath, '/opt/a "b" 100%/cli.js'],
  data: '/home/me/$data',
  ports: [
    { setting: 'port', host: '127.0.0.1', port: 7888 },
    { setting: 'api-port', host: '::1', port: 7889 },
  ],
  system: false,
}

test('inheritedSockets() names descriptors from 3 on, and only for the process that they are meant for', () => {
  const environment = { LISTEN_PID: '12', LISTEN_FDS: '2', LISTEN_FDNAMES: 'port:api-port' }
  assert.deepEqual(
    [...inheritedSockets(environment, 12)],
    [
      ['port', 3],
      ['api-port', 4],
    ],
  )
  assert.equal(inheritedSockets(environment, 13).size, 0)
  assert.equal(inheritedSockets({}, 12).size, 0)
  assert.equal(inheritedSockets({ ...environment, LISTEN_FDS: '100000' }, 12).size, 0)
})

test('serviceUnits() has a named socket for each port, and quotes what systemd would read otherwise', () => {
  const units = new Map(serviceUnits(UNITS).map(({ name, text }) => [name, text]))
  assert.deepEqual([...units.keys()], ['pyrsia-port.socket', 'pyrsia-api-port.socket', 'pyrsia.service'])
  assert.match(units.get('pyrsia-api-port.socket') ?? '', /^ListenStream=\[::1\]:7889\nFileDescriptorName=api-port$/m)
  assert.match(
    units.get('pyrsia.service') ?? '',
    /"\/opt\/a \\"b\\" 100%%\/cli\.js" "start" "--data" "\/home\/me\/\$\$data"$/m,
  )
})

test('systemd finds nothing wrong with the units', needs('systemd-analyze'), async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pyrsia-units-'))
  try {
    for (const system of [false, true]) {
      const units = serviceUnits({ ...UNITS, system })
      for (const { name, text } of units) await writeFile(join(folder, name), text)
      const paths = units.map(({ name }) => join(folder, name))
      const { stdout, stderr } = await mustRun(toolPath('systemd-analyze'), ['verify', '--man=no', ...paths])
      assert.equal(stdout + stderr, '')
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('listen() takes over a socket that listens already', async () => {
  const given = createServer()
  given.listen(0, '127.0.0.1')
  await once(given, 'listening')
  const { port } = given.address() as { port: number }
  const script = [
    `const { listen } = await import(${JSON.stringify(new URL('../../http/listen.ts', import.meta.url).href)})`,
    `const server = await listen({ host: 'x.invalid', port: 1, setting: '--port', fd: 3 })`,
    `server.serve((request, response) => { response.end('port ' + server.port); response.on('close', () => server.close(0)) })`,
  ].join('\n')
  const { fd } = (given as unknown as { _handle: { fd: number } })._handle
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'ignore', 'inherit', fd],
  })
  const ended = once(child, 'exit')
  // Only the child takes connections from now on; one that comes before it is ready waits.
  given.close()
  const reply = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
  assert.equal(await reply.text(), `port ${port}`)
  assert.deepEqual(await ended, [0, null])
})
