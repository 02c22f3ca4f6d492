/** Without upstream, a range resolves to the newest release that can be had, and with upstream to the newest there is. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs } from '../kit/needs.ts'
import { connected, scratch, startNode } from '../kit/node-process.ts'
import { startNpmRegistry } from '../kit/npm-registry.ts'
import { PackageManagerUser } from '../kit/package-manager-user.ts'

const RANGE = { pkg: '^1.0.0' }

function versionOf(user: PackageManagerUser): string {
  return (JSON.parse(user.text('node_modules/pkg/package.json')) as { version: string }).version
}

test('npm installs the newest kept release of a range offline, one of a connected peer, and the newest of all when upstream is back', {
  ...needs('npm'),
  timeout: 300_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-at-hand')
  const registry = await startNpmRegistry(
    ['1.0.0', '1.1.0', '1.2.0', '1.3.0'].map((version) => ({ name: 'pkg', version })),
  )
  t.after(() => registry.close())
  const args = ['--upstream', `npm=${registry.url}`]
  const person = (name: string, dependencies: Readonly<Record<string, string>>) =>
    new PackageManagerUser(directory, name, dependencies).registry(registry.url)

  const a = await startNode({ data: join(directory, 'a'), args })
  t.after(() => a.stop())
  await (await person('of-a', { pkg: '1.2.0' }).setup(a, 'npm')).install('npm')

  const data = join(directory, 'b')
  const online = await startNode({ data, args })
  t.after(() => online.stop())
  await (await person('older', { pkg: '1.0.0' }).setup(online, 'npm')).install('npm')
  await (await person('newer', { pkg: '1.1.0' }).setup(online, 'npm')).install('npm')
  await online.stop()
  registry.requests.length = 0

  const alone = await startNode({ data, args: [...args, '--offline'] })
  t.after(() => alone.stop())
  const first = await person('alone', RANGE).setup(alone, 'npm')
  const shown = await first.install('npm')
  assert.equal(versionOf(first), '1.1.0')
  assert.match(shown.stderr, /not kept here, and upstream cannot be asked: 1\.3\.0, 1\.2\.0/)
  await alone.stop()

  const near = await startNode({ data, args: [...args, '--offline', '--peer', a.listen[0] as string] })
  t.after(() => near.stop())
  await connected(near, a.peerId)
  const second = await person('near', RANGE).setup(near, 'npm')
  await second.install('npm')
  assert.equal(versionOf(second), '1.2.0')
  await near.stop()
  assert.deepEqual(registry.requests, [], 'nodes that are offline ask nobody')

  const back = await startNode({ data, args })
  t.after(() => back.stop())
  const third = await person('back', RANGE).setup(back, 'npm')
  await third.install('npm')
  assert.equal(versionOf(third), '1.3.0')
})
