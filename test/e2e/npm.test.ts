/** npm, pnpm and yarn install through nodes; lockfiles stay as they are without one; a second node needs no registry. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs, TOOL_PATH } from '../kit/needs.ts'
import { connected, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { type NpmRegistry, sampleTree, startNpmRegistry } from '../kit/npm-registry.ts'
import { type Finished, mustRun } from '../kit/process.ts'

const PACKAGES = 320

/** A user of a package manager: an empty home, and a project that depends on the root of the sample tree. */
class User {
  readonly home: string
  readonly project: string

  constructor(directory: string, name: string) {
    this.home = join(directory, name, 'home')
    this.project = join(directory, name, 'project')
    mkdirSync(this.home, { recursive: true })
    mkdirSync(this.project, { recursive: true })
    const manifest = { name: 'project', version: '1.0.0', dependencies: { 'pkg-0': '^1.0.0' } }
    writeFileSync(join(this.project, 'package.json'), JSON.stringify(manifest))
  }

  get env(): Record<string, string> {
    return {
      HOME: this.home,
      PATH: TOOL_PATH,
      XDG_CONFIG_HOME: join(this.home, '.config'),
      XDG_DATA_HOME: join(this.home, '.local/share'),
      XDG_CACHE_HOME: join(this.home, '.cache'),
      npm_config_userconfig: join(this.home, '.npmrc'),
      npm_config_globalconfig: join(this.home, 'global-npmrc'),
      npm_config_cache: join(this.home, '.npm'),
      npm_config_update_notifier: 'false',
      npm_config_omit_lockfile_registry_resolved: 'false',
      YARN_ENABLE_GLOBAL_CACHE: 'false',
      YARN_ENABLE_TELEMETRY: 'false',
      YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
      CI: '',
    }
  }

  run(program: string, ...args: string[]): Promise<Finished> {
    return mustRun(program, args, { cwd: this.project, env: this.env, timeoutMs: 240_000 })
  }

  /** Points the client at a registry by its own configuration, as a user without Pyrsia has it. */
  registry(url: string): this {
    writeFileSync(join(this.home, '.npmrc'), `registry=${url}/\n`)
    const hosts = 'unsafeHttpWhitelist:\n  - 127.0.0.1\n'
    writeFileSync(join(this.home, '.yarnrc.yml'), `npmRegistryServer: ${url}\n${hosts}`)
    return this
  }

  /** Points the client at a node as the user would. */
  async setup(node: TestNode, client: string): Promise<this> {
    await mustRun(node.program, ['setup', client, '--data', node.data], { env: this.env })
    return this
  }

  lockfile(name: string): string {
    return readFileSync(join(this.project, name), 'utf8')
  }

  installed(): number {
    const scoped = join(this.project, 'node_modules/@sample')
    const plain = readdirSync(join(this.project, 'node_modules')).filter((each) => each.startsWith('pkg-'))
    return plain.length + readdirSync(scoped).length
  }
}

async function upstream(t: { after(fn: () => Promise<unknown>): void }): Promise<NpmRegistry> {
  const registry = await startNpmRegistry(sampleTree(PACKAGES))
  t.after(() => registry.close())
  return registry
}

test('npm ci of 300 packages works on B, whose store is empty, from A alone when upstream is down', {
  ...needs('npm'),
  timeout: 300_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-npm')
  const registry = await upstream(t)
  const args = ['--upstream', `npm=${registry.url}`]
  const a = await startNode({ data: join(directory, 'a'), args })
  t.after(() => a.stop())
  const first = await new User(directory, 'first').registry(registry.url).setup(a, 'npm')
  await first.run('npm', 'install', '--no-audit', '--no-fund')
  assert.equal(first.installed(), PACKAGES)
  const tarballs = registry.requests.filter((each) => each.endsWith('.tgz'))
  assert.equal(tarballs.length, PACKAGES, 'each tarball left upstream once')

  const b = await startNode({ data: join(directory, 'b'), args: [...args, '--peer', a.listen[0] as string] })
  t.after(() => b.stop())
  await connected(b, a.peerId)
  await registry.down()
  const second = await new User(directory, 'second').registry(registry.url).setup(b, 'npm')
  cpSync(join(first.project, 'package-lock.json'), join(second.project, 'package-lock.json'))
  await second.run('npm', 'ci', '--no-audit', '--no-fund')
  assert.equal(second.installed(), PACKAGES)
})

for (const [client, lockfile] of [
  ['npm', 'package-lock.json'],
  ['pnpm', 'pnpm-lock.yaml'],
  ['yarn', 'yarn.lock'],
] as const) {
  test(`the lockfile of ${client} is the same with and without the node`, {
    ...needs(client),
    timeout: 300_000,
  }, async (t) => {
    const directory = await scratch(t, `e2e-${client}`)
    const registry = await upstream(t)
    const node = await startNode({ data: join(directory, 'node'), args: ['--upstream', `npm=${registry.url}`] })
    t.after(() => node.stop())
    const plain = new User(directory, 'plain').registry(registry.url)
    const through = await new User(directory, 'through').registry(registry.url).setup(node, client)
    const words = client === 'npm' ? ['install', '--no-audit', '--no-fund'] : ['install']
    await plain.run(client, ...words)
    registry.requests.length = 0
    await through.run(client, ...words)
    assert.equal(through.lockfile(lockfile), plain.lockfile(lockfile))
    assert.ok(registry.requests.length >= PACKAGES, 'the node asked upstream for what was not in its store')
    registry.requests.length = 0
    await registry.down()
    rmSync(join(through.project, 'node_modules'), { recursive: true, force: true })
    for (const cache of ['.npm', '.cache', '.local', '.yarn'])
      rmSync(join(through.home, cache), { recursive: true, force: true })
    rmSync(join(through.project, '.yarn'), { recursive: true, force: true })
    await through.run(client, ...(client === 'npm' ? ['ci', '--no-audit'] : words))
    assert.equal(through.lockfile(lockfile), plain.lockfile(lockfile), 'installed again with upstream down')
  })
}
