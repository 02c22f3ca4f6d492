/**
 * `npm run test:live`: nodes as `npm start` starts them, against the real index that stock clients use by default, found as
 * `3-registries.md` ("Where upstream is") says. Not part of `npm test`: it needs the internet.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs } from '../kit/needs.ts'
import { connected, scratch, startNode } from '../kit/node-process.ts'
import { PythonUser } from '../kit/python-user.ts'

/** A project of more than 40 packages, compiled ones among them. */
const PROJECT = ['jupyter-server', 'boto3']
const PACKAGES_MIN = 30
const TIMEOUT = { timeout: 600_000 }

for (const client of ['pip', 'uv'] as const) {
  test(`${client} installs a real project through A, on B from A alone, and again on B with A gone`, {
    ...needs(client, 'python3'),
    ...TIMEOUT,
  }, async (t) => {
    const directory = await scratch(t, `live-${client}`)
    const a = await startNode({ data: join(directory, 'a') })
    t.after(() => a.stop())
    const first = await new PythonUser(directory, 'first').setup(a, client)
    await first.install(client, ...PROJECT)
    const installed = first.installed()
    assert.ok(installed.length >= PACKAGES_MIN, `wanted ${PACKAGES_MIN} packages, found ${installed.length}`)

    // --offline: B asks nothing of upstream, only its peers.
    const args = ['--offline', '--peer', a.listen[0] as string, '--trust-peer', a.peerId]
    const b = await startNode({ data: join(directory, 'b'), args })
    t.after(() => b.stop())
    await connected(b, a.peerId)
    const second = await new PythonUser(directory, 'second').setup(b, client)
    await second.install(client, ...PROJECT)
    assert.deepEqual(second.installed(), installed)

    await a.stop()
    second.forget()
    await second.install(client, ...PROJECT)
    assert.deepEqual(second.installed(), installed, 'from the store of B alone')
  })
}

test('uv.lock is the same with and without the node; sync keeps it, and it installs offline by its hashes', {
  ...needs('uv', 'python3'),
  ...TIMEOUT,
}, async (t) => {
  const directory = await scratch(t, 'live-uv-lock')
  const data = join(directory, 'node')
  const online = await startNode({ data })
  t.after(() => online.stop())
  const plain = new PythonUser(directory, 'plain').declare(...PROJECT)
  const through = await new PythonUser(directory, 'through').declare(...PROJECT).setup(online, 'uv')
  await plain.must('uv', 'lock')
  await through.must('uv', 'lock')
  assert.equal(through.text('uv.lock'), plain.text('uv.lock'))

  const requirements = join(through.project, 'requirements.txt')
  await through.must('uv', 'export', '--frozen', '--no-emit-project', '--output-file', requirements)
  const synced = await online.cli('sync', join(through.project, 'uv.lock'), requirements)
  assert.equal(synced.code, 0, synced.stdout + synced.stderr)
  await online.stop()
  const offline = await startNode({ data, args: ['--offline'] })
  t.after(() => offline.stop())
  const user = await new PythonUser(directory, 'offline').setup(offline, 'uv')
  await user.install('uv', '--require-hashes', '-r', requirements)
  assert.ok(user.installed().length >= PACKAGES_MIN)
  const other = await new PythonUser(directory, 'offline-pip').setup(offline, 'pip')
  await other.install('pip', '--require-hashes', '-r', requirements)
  assert.deepEqual(other.installed(), user.installed())
})
