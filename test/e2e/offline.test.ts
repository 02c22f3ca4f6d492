/** Whole lockfiles are kept by a node, and projects build from it with nothing else there. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs } from '../kit/needs.ts'
import { scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { sampleTree, startNpmRegistry } from '../kit/npm-registry.ts'
import { PackageManagerUser } from '../kit/package-manager-user.ts'

const PACKAGES = 40
const ROOT = { 'pkg-0': '^1.0.0' }

interface Runs {
  readonly runs: readonly { readonly state: string; readonly wantedCount: number; readonly missingCount: number }[]
}

test('npm ci of a synced lockfile works in an empty home with the registry gone and the node started with --offline', {
  ...needs('npm'),
  timeout: 300_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-offline')
  const registry = await startNpmRegistry(sampleTree(PACKAGES))
  t.after(() => registry.close())
  const plain = new PackageManagerUser(directory, 'plain', ROOT).registry(registry.url)
  await plain.run('npm', 'install', '--package-lock-only', '--no-audit', '--no-fund')
  const lockfile = join(plain.project, 'package-lock.json')

  const data = join(directory, 'a')
  const args = ['--upstream', `npm=${registry.url}`]
  const online = await startNode({ data, args })
  t.after(() => online.stop())
  const before = await online.cli('sync', '--check', lockfile)
  assert.equal(before.code, 4, before.stdout + before.stderr)
  assert.match(before.stdout, /40 of 40 files are missing/)
  const { runs } = (await online.json('sync', lockfile)) as Runs
  assert.deepEqual(
    runs.map(({ state, wantedCount }) => [state, wantedCount]),
    [['complete', PACKAGES]],
  )
  assert.equal(registry.requests.filter((each) => each.endsWith('.tgz')).length, PACKAGES)
  await registry.down()
  await online.stop()

  const offline = await startNode({ data, args: [...args, '--offline'] })
  t.after(() => offline.stop())
  const after = await offline.cli('sync', '--check', lockfile)
  assert.equal(after.code, 0, after.stdout + after.stderr)
  assert.equal((await offline.cli('cache', 'gc', '--to-bytes', '0')).code, 0)
  const user = await new PackageManagerUser(directory, 'user', ROOT).registry(registry.url).setup(offline, 'npm')
  cpSync(lockfile, join(user.project, 'package-lock.json'))
  await user.run('npm', 'ci', '--no-audit', '--no-fund')
  assert.equal(user.installed(), PACKAGES)

  assert.match((await offline.cli('sync', '--list')).stdout, /package-lock\.json +npm +40 +complete/)
  assert.equal((await offline.cli('sync', '--remove', lockfile)).code, 0)
  assert.equal((await offline.cli('cache', 'gc', '--to-bytes', '0')).code, 0)
  const gone = await offline.cli('sync', '--check', lockfile)
  assert.equal(gone.code, 4)
  assert.match(gone.stderr, /absent\.lockfile/)
})

test('a bundle carries a lockfile to a node without network or peers, and npm ci works there', {
  ...needs('npm'),
  timeout: 300_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-bundle')
  const registry = await startNpmRegistry(sampleTree(PACKAGES))
  t.after(() => registry.close())
  const plain = new PackageManagerUser(directory, 'plain', ROOT).registry(registry.url)
  await plain.run('npm', 'install', '--package-lock-only', '--no-audit', '--no-fund')
  const lockfile = join(plain.project, 'package-lock.json')
  const a = await startNode({ data: join(directory, 'a'), args: ['--upstream', `npm=${registry.url}`] })
  t.after(() => a.stop())
  await a.json('sync', lockfile)
  const bundle = join(directory, 'bundle.tar')
  const exported = await a.cli('export', lockfile, '-o', bundle)
  assert.equal(exported.code, 0, exported.stderr)
  await a.stop()
  await registry.down()

  const b = await startNode({ data: join(directory, 'b'), args: ['--upstream', `npm=${registry.url}`, '--offline'] })
  t.after(() => b.stop())
  await refusesHostile(b, bundle)
  const imported = await b.cli('import', bundle)
  assert.equal(imported.code, 0, imported.stderr)
  assert.match(imported.stdout, /is not trusted/)
  assert.equal((await b.cli('cache', 'gc', '--to-bytes', '0')).code, 0)
  assert.equal((await b.cli('sync', '--check', lockfile)).code, 0)
  const user = await new PackageManagerUser(directory, 'user', ROOT).registry(registry.url).setup(b, 'npm')
  cpSync(lockfile, join(user.project, 'package-lock.json'))
  await user.run('npm', 'ci', '--no-audit', '--no-fund')
  assert.equal(user.installed(), PACKAGES)
})

for (const [client, lockfile, ...install] of [
  ['pnpm', 'pnpm-lock.yaml', 'install', '--frozen-lockfile'],
  ['yarn', 'yarn.lock', 'install', '--immutable'],
] as const) {
  test(`a bundle carries a project of ${client} with its indexes to a node that trusts the signer`, {
    ...needs(client),
    timeout: 300_000,
  }, async (t) => {
    const directory = await scratch(t, `e2e-bundle-${client}`)
    const registry = await startNpmRegistry(sampleTree(PACKAGES))
    t.after(() => registry.close())
    const args = ['--upstream', `npm=${registry.url}`]
    const plain = new PackageManagerUser(directory, 'plain', ROOT).registry(registry.url)
    await plain.install(client)
    const a = await startNode({ data: join(directory, 'a'), args })
    t.after(() => a.stop())
    await a.json('sync', join(plain.project, lockfile))
    const bundle = join(directory, 'bundle.tar')
    assert.equal((await a.cli('export', join(plain.project, lockfile), '-o', bundle)).code, 0)
    await a.stop()
    await registry.down()

    const b = await startNode({ data: join(directory, 'b'), args: [...args, '--offline', '--trust-peer', a.peerId] })
    t.after(() => b.stop())
    const imported = await b.cli('import', bundle)
    assert.match(imported.stdout, /and 40 documents$/m, imported.stderr)
    assert.equal((await b.cli('cache', 'gc', '--to-bytes', '0')).code, 0)
    assert.equal((await b.cli('sync', '--check', join(plain.project, lockfile))).code, 0)
    const user = await new PackageManagerUser(directory, 'user', ROOT).registry(registry.url).setup(b, client)
    cpSync(join(plain.project, lockfile), join(user.project, lockfile))
    await user.run(client, ...install)
  })
}

/** A byte that is changed, and an end that is missing. */
async function refusesHostile(node: TestNode, bundle: string): Promise<void> {
  const bytes = readFileSync(bundle)
  const changed = Buffer.from(bytes)
  const last = changed.byteLength - 1024 - 512
  changed.writeUInt8(changed.readUInt8(last) ^ 1, last)
  for (const [hostile, code] of [
    [changed, /untrusted\.(?:digest|bundle)/],
    [bytes.subarray(0, bytes.byteLength / 2), /untrusted\.bundle/],
    [Buffer.from('this is no bundle'), /untrusted\.bundle/],
  ] as const) {
    const path = `${bundle}.hostile`
    writeFileSync(path, hostile)
    const refused = await node.cli('import', path)
    assert.equal(refused.code, 8, refused.stdout + refused.stderr)
    assert.match(refused.stderr, code)
  }
  const { imported } = (await node.json('import', '--list')) as { imported: unknown[] }
  assert.deepEqual(imported, [])
}
