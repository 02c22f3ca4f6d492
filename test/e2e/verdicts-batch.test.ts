/** Builds of a whole lockfile, and builds that a node asks for by itself, by a solo network with the TEST BUILDER: nothing is really built. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { SubmissionsView } from '../../src/http/http.ts'
import { scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { type NpmRegistry, startNpmRegistry } from '../kit/npm-registry.ts'
import { until } from '../kit/process.ts'
import { entriesOf } from '../kit/running-network.ts'

async function world(
  t: TestContext,
  rules: string,
  ...args: string[]
): Promise<{ node: TestNode; registry: NpmRegistry }> {
  const registry = await startNpmRegistry(
    ['one', 'two', 'three', 'acme-own'].map((name) => ({ name, version: '1.0.0' })),
  )
  t.after(() => registry.close())
  const data = join(await scratch(t, 'e2e-batch'), 'node')
  mkdirSync(data, { mode: 0o700 })
  writeFileSync(join(data, 'policy.toml'), rules)
  const roles = ['--authority', '--builder', '--test-builder', '0s']
  const node = await startNode({ data, args: ['--upstream', `npm=${registry.url}`, ...roles, ...args] })
  t.after(() => node.stop())
  return { node, registry }
}

function lockfile(of: TestNode, names: readonly string[]): string {
  const path = join(of.data, 'package-lock.json')
  const packages = Object.fromEntries(names.map((name) => [`node_modules/${name}`, { version: '1.0.0' }]))
  writeFileSync(path, JSON.stringify({ lockfileVersion: 3, packages: { '': {}, ...packages } }))
  return path
}

interface Report {
  readonly releases: readonly { readonly purl: string; readonly result: string; readonly asked: boolean }[]
}

test('pyrsia build --from asks for what a lockfile names and the log lacks, and reports on each release', {
  timeout: 120_000,
}, async (t) => {
  const { node } = await world(t, '')
  const path = lockfile(node, ['one', 'two'])
  const first = await node.cli('build', '--from', path, '--watch', '--json')
  const report = JSON.parse(first.stdout) as Report
  assert.deepEqual(
    report.releases.map(({ purl, result, asked }) => [purl, result.replace(/,.*/, ''), asked]),
    [
      ['pkg:npm/one@1.0.0', 'built-once', true],
      ['pkg:npm/two@1.0.0', 'built-once', true],
    ],
    first.stderr,
  )
  assert.equal(first.code, 8, 'a network of one node finds nothing equal')
  const again = await node.cli('build', '--from', lockfile(node, ['one', 'two', 'three']), '--watch')
  assert.match(again.stdout, /3 releases, 1 asked for now/)
  assert.match(again.stdout, /pkg:npm\/one@1\.0\.0 +built-once/)
  assert.equal((await node.cli('build', '--from', '/no/such/package-lock.json')).code, 2)
})

test('with --builds-auto what clients ask for is asked of the network, and private names never are', {
  timeout: 120_000,
}, async (t) => {
  const rules = '[[rule]]\nnames = ["acme-*"]\naccess = "private"\nupstreams = ["npm"]\n'
  const { node } = await world(t, rules, '--builds-auto')
  const get = async (name: string) => (await fetch(new URL(`/${name}/-/${name}-1.0.0.tgz`, node.endpoints.npm))).status
  assert.deepEqual([await get('acme-own'), await get('one')], [200, 200])
  await until('a verdict on what was asked for', async () =>
    (await entriesOf(node, 'pkg:npm/one@1.0.0')).some(({ kind }) => kind === 'verdict'),
  )
  assert.equal(await get('one'), 200)
  const { submissions } = (await node.json('build', 'status')) as SubmissionsView
  assert.deepEqual(
    submissions.map(({ purl }) => purl),
    ['pkg:npm/one@1.0.0'],
  )
})
