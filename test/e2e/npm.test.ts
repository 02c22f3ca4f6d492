/** npm, pnpm and yarn install through nodes; lockfiles stay as they are without one; a second node needs no registry. */
import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs } from '../kit/needs.ts'
import { connected, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { type NpmRegistry, sampleTree, startNpmRegistry } from '../kit/npm-registry.ts'
import { PackageManagerUser } from '../kit/package-manager-user.ts'

const PACKAGES = 320
const ROOT = { 'pkg-0': '^1.0.0' }

async function upstream(t: { after(fn: () => Promise<unknown>): void }): Promise<NpmRegistry> {
  const registry = await startNpmRegistry(sampleTree(PACKAGES))
  t.after(() => registry.close())
  return registry
}

test('npm ci of 320 packages works on B, whose store is empty, from A alone when upstream is down', {
  ...needs('npm'),
  timeout: 300_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-npm')
  const registry = await upstream(t)
  const args = ['--upstream', `npm=${registry.url}`]
  const a = await startNode({ data: join(directory, 'a'), args })
  t.after(() => a.stop())
  const first = await new PackageManagerUser(directory, 'first', ROOT).registry(registry.url).setup(a, 'npm')
  await first.install('npm')
  assert.equal(first.installed(), PACKAGES)
  const tarballs = registry.requests.filter((each) => each.endsWith('.tgz'))
  assert.equal(tarballs.length, PACKAGES, 'each tarball left upstream once')

  const b = await startNode({ data: join(directory, 'b'), args: [...args, '--peer', a.listen[0] as string] })
  t.after(() => b.stop())
  await connected(b, a.peerId)
  await registry.down()
  const second = await new PackageManagerUser(directory, 'second', ROOT).registry(registry.url).setup(b, 'npm')
  cpSync(join(first.project, 'package-lock.json'), join(second.project, 'package-lock.json'))
  await second.run('npm', 'ci', '--no-audit', '--no-fund')
  assert.equal(second.installed(), PACKAGES)
})

for (const [client, lockfile] of [
  ['npm', 'package-lock.json'],
  ['pnpm', 'pnpm-lock.yaml'],
  ['yarn', 'yarn.lock'],
] as const) {
  test(`the lockfile of ${client} is the same with and without the node, and installs with upstream down`, {
    ...needs(client),
    timeout: 300_000,
  }, async (t) => {
    const directory = await scratch(t, `e2e-${client}`)
    const registry = await upstream(t)
    const node = await startNode({ data: join(directory, 'node'), args: ['--upstream', `npm=${registry.url}`] })
    t.after(() => node.stop())
    const plain = new PackageManagerUser(directory, 'plain', ROOT).registry(registry.url)
    await plain.install(client)
    registry.requests.length = 0
    const through = await new PackageManagerUser(directory, 'through', ROOT).registry(registry.url).setup(node, client)
    await through.install(client)
    assert.equal(through.text(lockfile), plain.text(lockfile))
    assert.equal(registry.requests.filter((each) => each.endsWith('.tgz')).length, PACKAGES)
    await registry.down()
    through.forget()
    await through.install(client)
    assert.equal(through.text(lockfile), plain.text(lockfile), 'installed again from the node alone')
  })
}

test('the lockfile of yarn 1 is the same with and without the node, which setup npm brings it to', {
  ...needs('yarn1', 'npm'),
  timeout: 300_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-yarn1')
  const registry = await upstream(t)
  const node = await startNode({ data: join(directory, 'node'), args: ['--upstream', `npm=${registry.url}`] })
  t.after(() => node.stop())
  const install = ['install', '--non-interactive', '--no-progress']
  const plain = new PackageManagerUser(directory, 'plain', ROOT).registry(registry.url)
  await plain.run('yarn1', ...install)
  registry.requests.length = 0
  const through = await new PackageManagerUser(directory, 'through', ROOT).registry(registry.url).setup(node, 'npm')
  await through.setup(node, 'yarn')
  await through.run('yarn1', ...install)
  assert.equal(through.text('yarn.lock'), plain.text('yarn.lock'))
  assert.match(plain.text('yarn.lock'), /resolved "http/)
  assert.equal(await countOf(node), PACKAGES, 'its indexes came through the node')
})

/** Packuments that a node was asked for and answered. */
async function countOf(node: TestNode): Promise<number> {
  const metrics = await (await fetch(`${node.endpoints.api}/metrics`)).text()
  return Number(
    /^pyrsia_requests_total\{ecosystem="npm",[^}]*status="200"[^}]*\} (\d+)$/m.exec(metrics)?.[1] ?? Number.NaN,
  )
}
