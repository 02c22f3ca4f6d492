/** pip and uv install through nodes; a second node needs no index, nor, later, the first node; lockfiles stay as they are. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs } from '../kit/needs.ts'
import { connected, scratch, startNode } from '../kit/node-process.ts'
import { type PypiIndex, sampleWheels, startPypiIndex } from '../kit/pypi-index.ts'
import { PythonUser } from '../kit/python-user.ts'

const WHEELS = 40
const ROOT = 'sample-pkg-0'
const TIMEOUT = { timeout: 300_000 }

async function upstream(
  t: { after(fn: () => Promise<unknown>): void },
  forms?: Parameters<typeof startPypiIndex>[1],
): Promise<PypiIndex> {
  const index = await startPypiIndex(sampleWheels(WHEELS), forms)
  t.after(() => index.close())
  return index
}

for (const client of ['pip', 'uv'] as const) {
  test(`${client} installs ${WHEELS} wheels through A, from A alone through B, and again from B alone`, {
    ...needs(client, 'python3'),
    ...TIMEOUT,
  }, async (t) => {
    const directory = await scratch(t, `e2e-${client}`)
    const index = await upstream(t)
    const args = ['--upstream', `pypi=${index.url}`]
    const a = await startNode({ data: join(directory, 'a'), args })
    t.after(() => a.stop())
    const first = await new PythonUser(directory, 'first').setup(a, client)
    await first.install(client, ROOT)
    assert.equal(first.installed().length, WHEELS)
    const wheels = index.requests.filter((each) => each.endsWith('.whl'))
    assert.equal(wheels.length, WHEELS, 'each wheel left upstream once')

    const b = await startNode({
      data: join(directory, 'b'),
      args: [...args, '--peer', a.listen[0] as string, '--trust-peer', a.peerId],
    })
    t.after(() => b.stop())
    await connected(b, a.peerId)
    await index.down()
    const second = await new PythonUser(directory, 'second').setup(b, client)
    await second.install(client, ROOT)
    assert.deepEqual(second.installed(), first.installed())

    await a.stop()
    second.forget()
    await second.install(client, ROOT)
    assert.deepEqual(second.installed(), first.installed(), 'from the store of B alone')
  })
}

test('pip installs from an upstream that has HTML pages only, and from nothing but the node afterwards', {
  ...needs('pip', 'python3'),
  ...TIMEOUT,
}, async (t) => {
  const directory = await scratch(t, 'e2e-pip-html')
  const index = await upstream(t, 'html')
  const node = await startNode({ data: join(directory, 'node'), args: ['--upstream', `pypi=${index.url}`] })
  t.after(() => node.stop())
  const user = await new PythonUser(directory, 'user').setup(node, 'pip')
  await user.install('pip', ROOT)
  await index.down()
  user.forget()
  await user.install('pip', ROOT)
  assert.equal(user.installed().length, WHEELS)
  const unknown = await user.run('pip', ...user.installing('pip', 'never-seen'))
  assert.notEqual(unknown.code, 0)
  assert.match(unknown.stderr, /0\+unavailable\..*never-seen/s, 'what pip prints says that upstream is down')
})

test('uv.lock is the same with and without the node, and its hashes install through the node with upstream down', {
  ...needs('uv', 'python3'),
  ...TIMEOUT,
}, async (t) => {
  const directory = await scratch(t, 'e2e-uv-lock')
  const index = await upstream(t)
  const node = await startNode({ data: join(directory, 'node'), args: ['--upstream', `pypi=${index.url}`] })
  t.after(() => node.stop())
  // What the user's project says is the user's: the same index with and without the node.
  const project = (name: string) => new PythonUser(directory, name).declare(ROOT)
  const lock = ['lock', '--default-index', index.url]
  const plain = project('plain')
  await plain.must('uv', ...lock)
  const through = await project('through').setup(node, 'uv')
  await through.must('uv', ...lock)
  assert.equal(through.text('uv.lock'), plain.text('uv.lock'))

  const hashes = ['export', '--frozen', '--no-emit-project', '--output-file', 'requirements.txt']
  await through.must('uv', ...hashes)
  const lists = ['uv.lock', 'requirements.txt'].map((name) => join(through.project, name))
  const before = await node.cli('sync', '--check', ...lists)
  assert.equal(before.code, 4, before.stdout)
  assert.match(before.stdout, /! pkg:pypi\/sample-pkg-0@/, 'what is missing is named')
  const synced = await node.cli('sync', ...lists)
  assert.equal(synced.code, 0, synced.stdout + synced.stderr)
  assert.equal((await node.cli('sync', '--check', ...lists)).code, 0)
  index.requests.length = 0
  await through.install('uv', '--require-hashes', '-r', 'requirements.txt')
  assert.equal(through.installed().length, WHEELS)
  await index.down()
  through.forget()
  await through.install('uv', '--require-hashes', '-r', 'requirements.txt')
  assert.equal(through.installed().length, WHEELS)
  assert.equal(through.text('uv.lock'), plain.text('uv.lock'))
})

test('poetry.lock is the same with and without the node, and sync keeps what it locks', {
  ...needs('poetry', 'pip', 'python3'),
  ...TIMEOUT,
}, async (t) => {
  const directory = await scratch(t, 'e2e-poetry-lock')
  const index = await upstream(t)
  const data = join(directory, 'node')
  const args = ['--upstream', `pypi=${index.url}`]
  const node = await startNode({ data, args })
  t.after(() => node.stop())
  // poetry reads no configuration of pip or uv: its index is the project's, which a lockfile then names.
  const project = (name: string) => new PythonUser(directory, name).declare(ROOT).source(index.url)
  const plain = project('plain')
  await plain.must('poetry', 'lock', '--no-interaction')
  const through = await (await project('through').setup(node, 'pip')).setup(node, 'uv')
  await through.must('poetry', 'lock', '--no-interaction')
  assert.equal(through.text('poetry.lock'), plain.text('poetry.lock'))

  const lockfile = join(through.project, 'poetry.lock')
  const synced = await node.cli('sync', lockfile)
  assert.equal(synced.code, 0, synced.stdout + synced.stderr)
  await index.down()
  await node.stop()
  const offline = await startNode({ data, args: [...args, '--offline'] })
  t.after(() => offline.stop())
  assert.equal((await offline.cli('sync', '--check', lockfile)).code, 0)
  await through.setup(offline, 'pip')
  await through.install('pip', ROOT)
  assert.equal(through.installed().length, WHEELS)
})

for (const client of ['pip', 'uv'] as const) {
  test(`${client} shows why a wheel that was changed at upstream is refused`, {
    ...needs(client, 'python3'),
    ...TIMEOUT,
  }, async (t) => {
    const directory = await scratch(t, `e2e-${client}-tampered`)
    const index = await upstream(t)
    index.tamper((path, body) =>
      path.endsWith('.whl') ? Buffer.concat([body.subarray(0, -1), Buffer.from('x')]) : body,
    )
    const node = await startNode({ data: join(directory, 'node'), args: ['--upstream', `pypi=${index.url}`] })
    t.after(() => node.stop())
    const user = await new PythonUser(directory, 'user').setup(node, client)
    const { code, stdout, stderr } = await user.run(client, ...user.installing(client, ROOT))
    assert.notEqual(code, 0)
    assert.match(stdout + stderr, /Upstream not trusted.{1,400}wanted sha256:[0-9a-f]{64}, found sha256:[0-9a-f]{64}/)
  })
}
