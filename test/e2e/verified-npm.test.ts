/**
 * Verified npm packages from submission to the stock client: an authority, four builders of which one lies, real git, the real sandbox, the
 * real npm. Nothing is simulated but where the registry and the repositories are: on loopback.
 */
import assert from 'node:assert/strict'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { buildTools } from '../kit/build-tools.ts'
import { needs } from '../kit/needs.ts'
import { PYRSIA, scratch } from '../kit/node-process.ts'
import { type NpmRegistry, startNpmRegistry } from '../kit/npm-registry.ts'
import { PackageManagerUser } from '../kit/package-manager-user.ts'
import { type Finished, run, until } from '../kit/process.ts'
import { type RealNetwork, SOURCE_HOST, startRealNetwork } from '../kit/real-network.ts'
import { publishProject } from '../kit/sample-projects.ts'
import { ENFORCE } from '../kit/verdict-node.ts'

const OPTIONS = { ...needs('npm', 'git', 'bubblewrap'), timeout: 480_000 }

interface World {
  readonly network: RealNetwork
  readonly registry: NpmRegistry
  readonly directory: string
  /** What somebody with an empty home gets from `npm install`. */
  install(...packages: string[]): Promise<Finished & { version(name: string): string }>
}

async function world(t: TestContext): Promise<World> {
  const directory = await scratch(t, 'e2e-verified-npm')
  const registry = await startNpmRegistry(buildTools())
  t.after(() => registry.close())
  const upstreams = { npm: registry.url }
  const network = await startRealNetwork({
    directory,
    builders: 4,
    liars: 1,
    type: 'npm',
    upstreams,
    args: ['--fresh', '0s'],
  })
  t.after(() => network[Symbol.asyncDispose]())
  await publishSamples({ git: network.git, host: SOURCE_HOST, registry, folder: join(directory, 'publishers') })
  let users = 0
  return {
    network,
    registry,
    directory,
    async install(...packages) {
      users += 1
      const user = new PackageManagerUser(directory, `user-${users}`, {})
      await user.registry(registry.url).setup(network.node(), 'npm')
      const words = ['install', ...packages, '--no-audit', '--no-fund']
      const ended = await run('npm', words, { cwd: user.project, env: user.env, timeoutMs: 90_000 })
      const version = (name: string) =>
        (JSON.parse(user.text(join('node_modules', name, 'package.json'))) as { version: string }).version
      return { ...ended, version }
    },
  }
}

async function publishSamples(places: Parameters<typeof publishProject>[1]): Promise<void> {
  const plain = { name: 'plain', files: { 'index.js': 'module.exports = 1\n', 'readme.md': '# plain\n' } }
  await publishProject({ ...plain, version: '1.0.0' }, places)
  await publishProject({ ...plain, version: '1.1.0' }, places)
  const slipped = { 'postinstall.js': 'steals keys\n' }
  await publishProject(
    { name: 'slipped', version: '1.0.0', files: { 'index.js': '1\n' }, onlyPublished: slipped },
    places,
  )
  const make =
    "const {writeFileSync, mkdirSync} = require('fs'); mkdirSync('dist'); writeFileSync('dist/made.js', 'made\\n')\n"
  await publishProject(
    {
      name: 'made',
      version: '1.0.0',
      manifest: { files: ['dist'], scripts: { prepack: 'node make.js' }, dependencies: { plain: '^1.0.0' } },
      files: { 'make.js': make },
      onlyPublished: { 'dist/made.js': 'made\n' },
    },
    places,
  )
}

test(
  'npm packages go from a request through real builds to a verdict, to npm install and to a proof that holds offline',
  OPTIONS,
  async (t) => {
    const { network, directory, install } = await world(t)
    const [liar = ''] = network.liars
    await writeFile(join(network.node().data, 'policy.toml'), ENFORCE)
    await network.node().json('policy', 'reload')

    await t.test(
      'pyrsia build --watch ends with "rebuilt, equal": three built the same bytes, and one that lies is outvoted',
      async () => {
        const watched = await network.node().cli('build', 'npm', 'plain@1.0.0', '--watch')
        assert.equal(watched.code, 0, watched.stdout + watched.stderr + (await logs(network, 'pkg:npm/plain@1.0.0')))
        assert.match(watched.stdout, /verdict +rebuilt, equal/)
        assert.ok(!new RegExp(`agreed .*${liar}`).test(watched.stdout))
      },
    )

    await t.test('H1: npm installs what was rebuilt, and its user reads why another release is refused', async () => {
      const verified = await install('plain')
      assert.equal(verified.code, 0, verified.stderr)
      assert.equal(verified.version('plain'), '1.0.0', 'the newest that was verified')
      const refused = await install('plain@1.1.0')
      assert.notEqual(refused.code, 0)
      assert.match(refused.stderr, /plain@1\.1\.0 has no verdict in the log/)
    })

    await t.test('a proof and what builders signed hold offline, with nothing but network.json', async () => {
      const purl = 'pkg:npm/plain@1.0.0'
      const elsewhere = join(directory, 'elsewhere')
      await mkdir(elsewhere)
      const [proof, file, trust] = ['proof.json', 'plain-1.0.0.tgz', 'network.json'].map((name) =>
        join(elsewhere, name),
      )
      await copyFile(network.trust.file, trust as string)
      const reply = await fetch(new URL('/plain/-/plain-1.0.0.tgz', network.node().endpoints.npm))
      await writeFile(file as string, Buffer.from(await reply.arrayBuffer()))
      const offline = ['--network', trust as string, '--data', join(elsewhere, 'none'), '--json']
      await until('a summary that the builders signed together', async () => {
        await network.node().json('proof', purl, '-o', proof as string)
        const attested = await run(PYRSIA, [
          'attest',
          'verify',
          proof as string,
          '--artifact',
          file as string,
          '--network',
          trust as string,
          '--json',
        ])
        assert.equal(attested.code, 0, attested.stdout + attested.stderr)
        return /SLSA_BUILD_REPRODUCED/.test(attested.stdout)
      })
      const verified = await run(PYRSIA, [
        'verify',
        file as string,
        '--proof',
        proof as string,
        '--purl',
        purl,
        ...offline,
      ])
      assert.equal(verified.code, 0, verified.stderr)
      await writeFile(file as string, 'something else')
      assert.equal((await run(PYRSIA, ['verify', file as string, '--proof', proof as string, ...offline])).code, 8)
    })
  },
)

/** Why builders did not build, for the message of a failure. */
async function logs(network: RealNetwork, purl: string): Promise<string> {
  const entries = await network.entries(purl)
  return entries.map((entry) => JSON.stringify(entry).slice(0, 1_500)).join('\n')
}
