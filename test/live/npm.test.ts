/**
 * `npm run test:live`: a node as `npm start` starts it, against the real registry that stock clients use by default, found as
 * `3-registries.md` ("Where upstream is") says. Not part of `npm test`: it needs the internet.
 */
import assert from 'node:assert/strict'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs } from '../kit/needs.ts'
import { connected, scratch, startNode } from '../kit/node-process.ts'
import { PackageManagerUser } from '../kit/package-manager-user.ts'

for (const [client, lockfile] of [
  ['npm', 'package-lock.json'],
  ['pnpm', 'pnpm-lock.yaml'],
  ['yarn', 'yarn.lock'],
] as const) {
  test(`${client} installs express through the node from the real registry, with the lockfile it writes without the node`, {
    ...needs(client),
    timeout: 300_000,
  }, async (t) => {
    const directory = await scratch(t, `live-${client}`)
    const node = await startNode({ data: join(directory, 'node') })
    t.after(() => node.stop())
    const plain = new PackageManagerUser(directory, 'plain', { express: '^5.0.0' })
    const through = new PackageManagerUser(directory, 'through', { express: '^5.0.0' })
    if (client === 'npm') {
      await plain.run('npm', 'install', 'express', '--no-audit')
      await through.run('npm', 'install', 'express', '--no-audit', '--registry', `${node.endpoints.npm}/`)
    } else {
      await plain.install(client)
      await through.setup(node, client)
      await through.install(client)
    }
    assert.equal(through.text(lockfile), plain.text(lockfile))
    const cache = (await node.json('cache', 'ls')) as { blobs?: unknown[] } | unknown[]
    const rows = Array.isArray(cache) ? cache : (cache.blobs ?? [])
    assert.ok(rows.length > 50, `the packages went through the node, found ${rows.length} blobs`)
  })
}

test('npm ci of a real project with more than 300 packages works on B from A alone', {
  ...needs('npm'),
  timeout: 600_000,
}, async (t) => {
  const directory = await scratch(t, 'live-ci')
  const a = await startNode({ data: join(directory, 'a') })
  t.after(() => a.stop())
  const dependencies = { express: '^5', webpack: '^5', eslint: '^9', '@babel/preset-env': '^7', nyc: '^17' }
  const first = await new PackageManagerUser(directory, 'first', dependencies).setup(a, 'npm')
  await first.run('npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts')
  assert.ok(first.installed() >= 300, `wanted 300 packages, found ${first.installed()}`)
  // --offline: B asks nothing of upstream, only its peers.
  const b = await startNode({ data: join(directory, 'b'), args: ['--offline', '--peer', a.listen[0] as string] })
  t.after(() => b.stop())
  await connected(b, a.peerId)
  const second = new PackageManagerUser(directory, 'second', dependencies)
  writeFileSync(join(second.home, '.npmrc'), `registry=${b.endpoints.npm}\n`)
  cpSync(join(first.project, 'package-lock.json'), join(second.project, 'package-lock.json'))
  await second.run('npm', 'ci', '--no-audit', '--no-fund', '--ignore-scripts')
  assert.equal(second.installed(), first.installed())
})
