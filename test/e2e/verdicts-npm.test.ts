/** What npm installs, and what its user reads, where the log decides: the attacks F3 and H1-H3 of the design, and ranges that resolve to verified releases. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { testDispute, testRevocation, testVerdict } from '../kit/log-entries.ts'
import { needs } from '../kit/needs.ts'
import { type NpmRegistry, startNpmRegistry } from '../kit/npm-registry.ts'
import { PackageManagerUser } from '../kit/package-manager-user.ts'
import { type Finished, run, until } from '../kit/process.ts'
import { ENFORCE, startVerdictNode, type VerdictNode } from '../kit/verdict-node.ts'

const OPTIONS = { ...needs('npm'), timeout: 180_000 }

const SAMPLES = [
  ...['1.0.0', '1.1.0', '1.2.0', '2.0.0'].map((version) => ({ name: 'ranged', version })),
  { name: 'rangde', version: '1.0.0', files: { 'index.js': 'steals keys' } },
  ...['differs', 'seen', 'packed', 'doubted', 'withdrawn', 'split'].map((name) => ({ name, version: '1.0.0' })),
]

interface Npm {
  readonly project: string
  run(...args: string[]): Promise<Finished>
  version(name: string): string
}

interface World extends VerdictNode {
  readonly registry: NpmRegistry
  tarball(name: string, version?: string): Promise<Buffer>
  /** A user with an empty home and cache. */
  user(): Promise<Npm>
}

async function tarballOf(registry: NpmRegistry, name: string, version: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(`${registry.url}/${name}/-/${name}-${version}.tgz`)).arrayBuffer())
}

async function world(t: TestContext, rules: string): Promise<World> {
  const registry = await startNpmRegistry(SAMPLES)
  t.after(() => registry.close())
  const tarball = (name: string, version = '1.0.0') => tarballOf(registry, name, version)
  const verdict = async (name: string, version: string, more: Partial<Parameters<typeof testVerdict>[0]> = {}) => {
    const files = [{ name: `${name}-${version}.tgz`, bytes: await tarball(name, version) }]
    return testVerdict({ purl: `pkg:npm/${name}@${version}`, files, ...more })
  }
  const built = Buffer.from('what builders made of its source')
  const entries = [
    await verdict('ranged', '1.0.0'),
    await verdict('ranged', '1.1.0'),
    testVerdict({
      purl: 'pkg:npm/differs@1.0.0',
      files: [{ name: 'differs-1.0.0.tgz', bytes: built, upstream: await tarball('differs') }],
    }),
    await verdict('seen', '1.0.0', { outcome: 'witnessed' }),
    await verdict('packed', '1.0.0', { outcome: 'repackaged' }),
    testVerdict({ purl: 'pkg:npm/split@1.0.0', outcome: 'disagreed' }),
    await verdict('doubted', '1.0.0'),
    testDispute('pkg:npm/doubted@1.0.0', 'upheld'),
    await verdict('withdrawn', '1.0.0'),
    testRevocation('pkg:npm/withdrawn@1.0.0', [], 'steals keys'),
  ]
  const args = ['--upstream', `npm=${registry.url}`]
  const running = await startVerdictNode(t, { name: 'e2e-verdicts-npm', args, rules, entries })
  let users = 0
  return {
    ...running,
    registry,
    tarball,
    async user() {
      users++
      const user = new PackageManagerUser(running.directory, `user-${users}`, {})
      await user.registry(registry.url).setup(running.node(), 'npm')
      return {
        project: user.project,
        run: (...words) =>
          run('npm', [...words, '--no-audit', '--no-fund'], { cwd: user.project, env: user.env, timeoutMs: 90_000 }),
        version: (name) =>
          (JSON.parse(user.text(join('node_modules', name, 'package.json'))) as { version: string }).version,
      }
    },
  }
}

/** A lockfile that names these bytes. */
function lock({ project }: Npm, { registry }: World, name: string, bytes: Buffer): void {
  const version = '1.0.0'
  const dependencies = { [name]: version }
  const resolved = `${registry.url}/${name}/-/${name}-${version}.tgz`
  const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
  const packages = { '': { dependencies }, [`node_modules/${name}`]: { version, resolved, integrity } }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ dependencies }))
  writeFileSync(join(project, 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, requires: true, packages }))
}

test('npm installs what the log says it may, and its user reads why not', OPTIONS, async (t) => {
  const here = await world(t, '')
  const { user, tarball, rules, registry } = here

  await t.test(
    'by default only what was disputed or revoked is refused, and what differs is a loud warning',
    async () => {
      const one = await user()
      const all = await one.run('install', 'ranged', 'seen', 'packed', 'split', 'differs')
      assert.equal(all.code, 0, all.stderr)
      assert.equal(one.version('ranged'), '2.0.0')
      const loud = /npm notice WARNING: differs@1\.0\.0 is rebuilt, and what upstream has is something else/
      assert.match(all.stderr, loud)
      const refused = await Promise.all(
        ['doubted', 'withdrawn'].map(async (name) => (await user()).run('install', name)),
      )
      assert.ok(refused.every(({ code }) => code !== 0))
    },
  )

  await t.test('a node that only observes serves and keeps what no verdict speaks for', async () => {
    await rules('[[rule]]\nverified = "observe"\n')
    assert.equal((await (await user()).run('install', 'rangde')).code, 0)
  })

  await t.test(
    'H2: ranges resolve to verified releases; an unverified one that is asked for exactly is refused with the reason',
    async () => {
      await rules(ENFORCE)
      const first = await user()
      const ranged = await first.run('install', 'ranged@^1.0.0')
      assert.equal(ranged.code, 0, ranged.stderr)
      assert.equal(first.version('ranged'), '1.1.0')
      const second = await user()
      assert.equal((await second.run('install', 'ranged')).code, 0)
      assert.equal(second.version('ranged'), '1.1.0', 'latest is the best that is left')
      const exact = await (await user()).run('install', 'ranged@2.0.0')
      assert.notEqual(exact.code, 0)
      assert.match(exact.stderr, /ranged@2\.0\.0 has no verdict in the log.*verified only/)
    },
  )

  await t.test('H1: a typosquat that is asked for is refused, and the user reads that nobody verified it', async () => {
    const refused = await (await user()).run('install', 'rangde')
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /npm error code E403/)
    assert.match(refused.stderr, /every release of rangde is held back.*rangde@1\.0\.0 has no verdict in the log/)
  })

  await t.test(
    'F3: an artefact without a verdict that lies in the store is refused to whoever names its bytes',
    async () => {
      const again = await user()
      lock(again, here, 'rangde', await tarball('rangde'))
      const refused = await again.run('ci')
      assert.notEqual(refused.code, 0)
      assert.match(refused.stderr, /rangde@1\.0\.0 has no verdict in the log/)
    },
  )

  await t.test(
    'H3: a lockfile that names other bytes than upstream, or than those agreed upon, is refused',
    async () => {
      const locked = await user()
      registry.publish({ name: 'ranged', version: '1.0.0', files: { 'index.js': 'steals keys' } })
      lock(locked, here, 'ranged', Buffer.from('whatever'))
      const mismatch = await locked.run('ci')
      assert.notEqual(mismatch.code, 0)
      assert.match(mismatch.stderr, /the lockfile says sha512:.*, upstream says sha512:.*; one of them was changed/)
      // Upstream has been taken over, too: what it states now is not what was agreed upon.
      await until('the index to be renewed, and the release to leave it', async () => {
        const reply = await fetch(new URL('/ranged', here.node().endpoints.npm))
        const { versions } = (await reply.json()) as { versions: Record<string, unknown> }
        return !('1.0.0' in versions) && '1.1.0' in versions
      })
      lock(locked, here, 'ranged', await tarball('ranged', '1.0.0'))
      const taken = await locked.run('ci')
      assert.notEqual(taken.code, 0)
      assert.match(taken.stderr, /ranged@1\.0\.0 has other bytes than those that were rebuilt and agreed upon/)
    },
  )

  await t.test('each verdict that does not suffice is a refusal with its own reason', async () => {
    const wanted: ReadonlyArray<readonly [name: string, reason: RegExp]> = [
      ['differs', /differs@1\.0\.0 is rebuilt, and what upstream has is something else/],
      ['seen', /seen@1\.0\.0 is witnessed, and this node serves only what was rebuilt/],
      ['packed', /packed@1\.0\.0 is repackaged from an archive of the registry/],
      ['split', /split@1\.0\.0 is what builders disagreed on/],
      ['doubted', /doubted@1\.0\.0 is disputed: .*a fresh selection found otherwise/],
      ['withdrawn', /withdrawn@1\.0\.0 is revoked: .*steals keys/],
    ]
    const ends = await Promise.all(wanted.map(async ([name]) => (await user()).run('install', name)))
    for (const [at, [name, reason]] of wanted.entries()) {
      assert.notEqual(ends[at]?.code, 0, name)
      assert.match(ends[at]?.stderr ?? '', reason)
    }
  })

  await t.test(
    'H4: pyrsia audit names what was withdrawn and what would be refused, by lockfile and by all that was given out',
    async () => {
      const one = await user()
      lock(one, here, 'withdrawn', await tarball('withdrawn'))
      const lockfile = join(one.project, 'package-lock.json')
      const withdrawn = await here.node().cli('audit', lockfile)
      assert.equal(withdrawn.code, 8, withdrawn.stderr)
      assert.match(withdrawn.stdout, /package-lock\.json: 1 releases: 1 REVOKED\n/)
      assert.match(withdrawn.stdout, /! pkg:npm\/withdrawn@1\.0\.0: entry \d+ of the log .*steals keys/)
      assert.match(withdrawn.stderr, /\[untrusted\.revoked\]/)
      lock(one, here, 'rangde', await tarball('rangde'))
      const unverified = await here.node().cli('audit', lockfile)
      assert.equal(unverified.code, 3, unverified.stderr)
      assert.match(unverified.stdout, /! rangde@1\.0\.0 has no verdict in the log/)
      const all = await here.node().cli('audit', '--json')
      assert.equal(all.code, 3, 'nothing that was revoked was ever given out')
      const { audits } = JSON.parse(all.stdout) as { audits: { rows: { purl: string; status: string }[] }[] }
      const rows = new Map(audits[0]?.rows.map(({ purl, status }) => [purl, status]))
      assert.deepEqual(
        [rows.get('pkg:npm/ranged@1.1.0'), rows.get('pkg:npm/differs@1.0.0'), rows.get('pkg:npm/rangde@1.0.0')],
        ['rebuilt-equal', 'rebuilt-differs', 'none'],
      )
    },
  )

  await t.test('what was witnessed is taken if the rules say so, and what was repackaged is not', async () => {
    await rules(`${ENFORCE}accept = ["witnessed"]\n`)
    const seen = await (await user()).run('install', 'seen')
    assert.equal(seen.code, 0, seen.stderr)
    assert.notEqual((await (await user()).run('install', 'packed')).code, 0)
  })
})
