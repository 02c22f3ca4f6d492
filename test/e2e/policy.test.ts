/** What a node's policy keeps back, and what npm's user reads when it does: every refusal says why, where the client prints it. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startDockerd } from '../kit/dockerd.ts'
import { needs } from '../kit/needs.ts'
import { scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { type NpmRegistry, type SamplePackage, startNpmRegistry } from '../kit/npm-registry.ts'
import { PackageManagerUser } from '../kit/package-manager-user.ts'
import { type Finished, run, until } from '../kit/process.ts'
import { makeZip } from '../kit/zip.ts'

const OPTIONS = { ...needs('npm'), timeout: 180_000 }

interface World {
  readonly node: TestNode
  readonly registry: NpmRegistry
  readonly directory: string
  /** A user with an empty home and cache, whose npm goes through the node. */
  user(dependencies?: Readonly<Record<string, string>>): Promise<User>
}

interface User {
  readonly project: string
  /** Runs npm in the project, whatever comes of it. */
  npm(...args: string[]): Promise<Finished>
  /** The installed version of a package. */
  version(name: string): string
}

async function world(t: TestContext, samples: readonly SamplePackage[], policy: string): Promise<World> {
  const directory = await scratch(t, 'e2e-policy')
  const registry = await startNpmRegistry(samples)
  t.after(() => registry.close())
  const data = join(directory, 'node')
  mkdirSync(data, { mode: 0o700 })
  writeFileSync(join(data, 'policy.toml'), policy)
  const node = await startNode({ data, args: ['--upstream', `npm=${registry.url}`, '--fresh', '0s'] })
  t.after(() => node.stop())
  let users = 0
  return {
    node,
    registry,
    directory,
    async user(dependencies = {}) {
      users++
      const user = new PackageManagerUser(directory, `user-${users}`, dependencies)
      await user.registry(registry.url).setup(node, 'npm')
      return {
        project: user.project,
        npm: (...args) =>
          run('npm', [...args, '--no-audit', '--no-fund'], { cwd: user.project, env: user.env, timeoutMs: 90_000 }),
        version: (name) =>
          (JSON.parse(user.text(join('node_modules', name, 'package.json'))) as { version: string }).version,
      }
    },
  }
}

/** A lockfile that names a version which no index shows any more. */
function lock(user: User, registry: NpmRegistry, name: string, version: string, integrity: string): void {
  const dependencies = { [name]: version }
  const resolved = `${registry.url}/${name}/-/${name}-${version}.tgz`
  const packages = { '': { dependencies }, [`node_modules/${name}`]: { version, resolved, integrity } }
  writeFileSync(join(user.project, 'package.json'), JSON.stringify({ dependencies }))
  writeFileSync(
    join(user.project, 'package-lock.json'),
    JSON.stringify({ lockfileVersion: 3, requires: true, packages }),
  )
}

async function integrityOf(registry: NpmRegistry, name: string, version: string): Promise<string> {
  const packument = (await (await fetch(`${registry.url}/${name}`)).json()) as {
    versions: Record<string, { dist: { integrity: string } }>
  }
  return packument.versions[version]?.dist.integrity ?? assert.fail(`${name} has no ${version}`)
}

test(
  'npm takes the release before one that is too young, says so, and gets the young one after pyrsia policy allow',
  OPTIONS,
  async (t) => {
    const publishedAt = new Date(Date.now() - 3_600_000).toISOString()
    const samples = [
      { name: 'cool', version: '1.0.0' },
      { name: 'cool', version: '2.0.0', publishedAt },
    ]
    const { node, registry, user } = await world(t, samples, '[[rule]]\nmin-age = "7d"\nreason = "wait a week"\n')
    const why =
      /cool@2\.0\.0 was published \d{4}-\d\d-\d\d \d\d:\d\d UTC; this node waits 7 days, until \d{4}-\d\d-\d\d \d\d:\d\d UTC \(policy: wait a week\)/
    const first = await user()
    const plain = await first.npm('install', 'cool')
    assert.equal(plain.code, 0, plain.stderr)
    assert.equal(first.version('cool'), '1.0.0')
    assert.match(plain.stderr, /npm notice held back by the policy of this node: /)
    assert.match(plain.stderr, why)

    const exact = await (await user()).npm('install', 'cool@2.0.0')
    assert.notEqual(exact.code, 0)
    assert.match(exact.stderr, /No matching version found for cool@2\.0\.0/)
    assert.match(exact.stderr, why)

    const locked = await user()
    lock(locked, registry, 'cool', '2.0.0', await integrityOf(registry, 'cool', '2.0.0'))
    const ci = await locked.npm('ci')
    assert.notEqual(ci.code, 0)
    assert.match(ci.stderr, /npm error code E403/)
    assert.match(ci.stderr, why)

    const checked = await node.cli('policy', 'check', 'pkg:npm/cool@2.0.0')
    assert.equal(checked.code, 3)
    assert.match(checked.stderr, why)
    const allowed = await node.cli(
      'policy',
      'allow',
      'pkg:npm/cool@2.0.0',
      '--until',
      '1h',
      '--reason',
      'fixes the outage',
    )
    assert.equal(allowed.code, 0, allowed.stderr)
    const again = await locked.npm('ci')
    assert.equal(again.code, 0, again.stderr)
    assert.equal(locked.version('cool'), '2.0.0')
    const third = await user()
    await third.npm('install', 'cool')
    assert.equal(third.version('cool'), '2.0.0')
    assert.match(
      (await node.cli('policy', 'show')).stdout,
      /cool@2\.0\.0 is let through for another .*: fixes the outage/,
    )
    assert.match(node.process.stderr(), /an exception let through what a rule denies/)
  },
)

test('npm shows why a name is blocked or private, and neither is ever asked of upstream', OPTIONS, async (t) => {
  const policy = `
    [[rule]]
    ecosystem = "npm"
    names = ["left-pda"]
    access = "block"
    reason = "typo squatting"
    [[rule]]
    names = ["@acme/*", "acme-*"]
    access = "private"
  `
  const samples = ['left-pda', 'acme-tool', '@acme/tool', 'fine'].map((name) => ({ name, version: '1.0.0' }))
  const { node, registry, user } = await world(t, samples, policy)
  for (const [name, wanted] of [
    ['left-pda', /403 Forbidden by policy - GET .*left-pda - left-pda is blocked \(policy: typo squatting\)/],
    ['acme-tool', /acme-tool is a private name, which this node does not ask any upstream for \(policy: rule 2\)/],
    ['@acme/tool', /@acme\/tool is a private name, which this node does not ask any upstream for/],
  ] as const) {
    const refused = await (await user()).npm('install', name)
    assert.notEqual(refused.code, 0, name)
    assert.match(refused.stderr, /npm error code E403/)
    assert.match(refused.stderr, wanted)
  }
  const other = await user()
  assert.equal((await other.npm('install', 'fine')).code, 0)
  assert.deepEqual(
    registry.requests.filter((each) => /acme|left-pda/.test(each)),
    [],
  )
  const metrics = await (await fetch(`${node.endpoints.api}/metrics`)).text()
  assert.match(metrics, /^pyrsia_policy_denials_total [3-9]$/m)
})

test(
  'npm is kept from a vulnerable version by an imported OSV database, or warned of it, and can ask the node itself',
  OPTIONS,
  async (t) => {
    const samples = ['1.0.0', '1.1.0', '1.2.0'].map((version) => ({ name: 'leaky', version }))
    samples.push({ name: 'odd', version: '1.0.0' })
    const policy = '[[rule]]\nnames = ["odd"]\nvulnerable = "warn"\n[[rule]]\nvulnerable = "block"\n'
    const { node, registry, directory, user } = await world(t, samples, policy)
    const advisory = (id: string, name: string, events: object[]) =>
      JSON.stringify({
        id,
        modified: '2026-01-01T00:00:00Z',
        summary: `${name} leaks`,
        affected: [{ package: { ecosystem: 'npm', name }, ranges: [{ type: 'SEMVER', events }] }],
      })
    registry.tamper((path, body) => {
      if (path !== 'leaky') return body
      const packument = JSON.parse(body.toString()) as { 'dist-tags': Record<string, string> }
      packument['dist-tags'].beta = '1.2.0'
      return Buffer.from(JSON.stringify(packument))
    })
    const zip = join(directory, 'all.zip')
    const leaky = advisory('GHSA-aaaa-bbbb-cccc', 'leaky', [{ introduced: '1.1.0' }, { fixed: '1.3.0' }])
    writeFileSync(
      zip,
      makeZip({ 'a.json': leaky, 'b.json': advisory('GHSA-dddd-eeee-ffff', 'odd', [{ introduced: '0' }]) }),
    )
    const imported = await node.cli('osv', 'import', zip)
    assert.match(imported.stdout, /Took 2 advisories/, imported.stderr)

    const why =
      /leaky@1\.2\.0 has known vulnerabilities: GHSA-aaaa-bbbb-cccc leaky leaks; fixed in 1\.3\.0 \(policy: rule 2\)/
    const first = await user()
    const plain = await first.npm('install', 'leaky')
    assert.equal(plain.code, 0, plain.stderr)
    assert.equal(first.version('leaky'), '1.0.0')
    assert.match(plain.stderr, why)
    const beta = await first.npm('view', 'leaky@beta', 'version')
    assert.notEqual(beta.code, 0, beta.stdout)
    const asked = await fetch(new URL('/leaky/beta', node.endpoints.npm))
    assert.equal(asked.status, 403)
    assert.match(((await asked.json()) as { error: string }).error, why)
    const tagged = await fetch(new URL('/leaky/latest', node.endpoints.npm))
    assert.equal(((await tagged.json()) as { version: string }).version, '1.0.0')
    const locked = await user()
    lock(locked, registry, 'leaky', '1.2.0', await integrityOf(registry, 'leaky', '1.2.0'))
    const ci = await locked.npm('ci')
    assert.notEqual(ci.code, 0)
    assert.match(ci.stderr, why)

    const warned = await (await user()).npm('install', 'odd')
    assert.equal(warned.code, 0, warned.stderr)
    assert.match(warned.stderr, /npm notice odd@1\.0\.0 has known vulnerabilities: GHSA-dddd-eeee-ffff/)

    const body = JSON.stringify({ version: '1.1.0', package: { name: 'leaky', ecosystem: 'npm' } })
    const reply = await fetch(`${node.endpoints.api}/v1/query`, { method: 'POST', body })
    const { vulns } = (await reply.json()) as { vulns: Array<{ id: string }> }
    assert.deepEqual(
      vulns.map(({ id }) => id),
      ['GHSA-aaaa-bbbb-cccc'],
    )
  },
)

test('npm is told that a released file has changed upstream, and the owner sees the evidence', OPTIONS, async (t) => {
  const thing = { name: 'thing', version: '1.0.0', files: { 'index.js': 'module.exports = 1' } }
  const { node, registry, user } = await world(t, [thing], '')
  const first = await user()
  const before = await first.npm('install', 'thing')
  assert.equal(before.code, 0, before.stderr)
  registry.publish({ ...thing, files: { 'index.js': 'module.exports = "evil"' } })

  const refused = await (await user()).npm('install', 'thing')
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /npm error 424 Upstream not trusted/)
  assert.match(
    refused.stderr,
    /of pkg:npm\/thing@1\.0\.0 was sha512:.* when it was first seen, now packument of thing at npm states sha512:.*: a released file never changes, so it is refused/,
  )

  const status = await node.cli('status')
  assert.match(status.stdout, /! 1 released file has another digest upstream than when first seen/)
  assert.match(
    (await node.cli('policy', 'show')).stdout,
    /pkg:npm\/thing@1\.0\.0 thing\/-\/thing-1\.0\.0\.tgz: sha512:[0-9a-f]{128} was seen/,
  )
  assert.match(node.process.stderr(), /a released file has changed upstream/)
  assert.match(await (await fetch(`${node.endpoints.api}/metrics`)).text(), /^pyrsia_release_conflicts 1$/m)
})

test(
  'policy.toml is read again when the owner says so, and npm then gets no blocked file under a harmless name',
  OPTIONS,
  async (t) => {
    const samples = ['evil', 'good', 'twin'].map((name) => ({ name, version: '1.0.0', files: { 'index.js': name } }))
    const { node, registry, user } = await world(t, samples, '')
    const rules = join(node.data, 'policy.toml')
    assert.equal((await (await user()).npm('install', 'evil')).code, 0)

    writeFileSync(rules, '[[rule]]\nnames = ["evil"]\naccess = "blokc"\n')
    const broken = await node.cli('policy', 'reload')
    assert.equal(broken.code, 2, broken.stdout)
    assert.match(broken.stderr, /policy\.toml.*expected one of/s)
    assert.match(
      (await node.cli('policy', 'show')).stdout,
      /! it could not be read again .*rules from before: .*expected/,
    )
    assert.equal((await (await user()).npm('install', 'evil')).code, 0, 'the rules from before, which were none')

    writeFileSync(rules, '[[rule]]\nnames = ["evil"]\naccess = "block"\nreason = "steals keys"\n')
    const read = await node.cli('policy', 'reload')
    assert.match(read.stdout, /1 rules are in force/, read.stderr)
    assert.match((await node.cli('policy', 'show')).stdout, /names = \["evil"\]/)
    assert.match((await (await user()).npm('install', 'evil')).stderr, /evil is blocked \(policy: steals keys\)/)

    const cheated = await user()
    lock(cheated, registry, 'good', '1.0.0', await integrityOf(registry, 'evil', '1.0.0'))
    const ci = await cheated.npm('ci')
    assert.notEqual(ci.code, 0)
    assert.match(ci.stderr, /npm error code E403/)
    assert.match(ci.stderr, /these bytes are known here as pkg:npm\/evil@1\.0\.0.*steals keys/)

    // Where nobody can answer for the command, a signal does.
    writeFileSync(rules, '')
    process.kill(node.process.pid, 'SIGHUP')
    await until('the rules to be gone', async () =>
      /the policy was read again.*"rules":0|"rules":0.*the policy was read again/.test(node.process.stderr()),
    )
    assert.equal((await (await user()).npm('install', 'evil')).code, 0)
  },
)

test('docker shows why an image is blocked when it is pulled from the node by its address', {
  ...needs('root', 'dockerd'),
  timeout: 180_000,
}, async (t) => {
  const policy = '[[rule]]\necosystem = "docker"\nnames = ["library/evil"]\naccess = "block"\nreason = "not here"\n'
  const { node, directory } = await world(t, [], policy)
  const daemon = await startDockerd({ directory: join(directory, 'dockerd'), mirrors: [] })
  // Not left to t.after: the scratch folder goes first, and a daemon holds on to it.
  await using ends = new AsyncDisposableStack()
  ends.defer(async () => void (await daemon.stop()))
  const image = `${new URL(node.endpoints.docker ?? '').host}/library/evil:1`
  const refused = await daemon.docker('pull', image)
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /denied: library\/evil is blocked \(policy: not here\)/)
})
