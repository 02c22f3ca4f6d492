/**
 * npm packages rebuilt from their repositories by two builders that are set up differently: real git, real sandbox, real Node and npm, all of
 * them from loopback. The same bytes each; how they relate to the registry's is asked for apart.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { agreedPart, type Built } from '../../src/base/entries/result.ts'
import { buildTools } from '../kit/build-tools.ts'
import { type GitServer, startGitServer } from '../kit/git-server.ts'
import { type LoneBuilder, openLoneBuilder } from '../kit/lone-builder.ts'
import { needs } from '../kit/needs.ts'
import { scratch } from '../kit/node-process.ts'
import { type NpmRegistry, type SamplePackage, startNpmRegistry } from '../kit/npm-registry.ts'

const NEEDED = needs('bubblewrap', 'git', 'npm')
const RELEASED = '2025-06-01T00:00:00Z'

/** A compiler of its own, so that nothing of the world is needed: takes types out of `src/`. */
const COMPILER = `#!/usr/bin/env node
const fs = require('node:fs')
fs.mkdirSync('dist', { recursive: true })
for (const name of fs.readdirSync('src')) {
  const text = fs.readFileSync('src/' + name, 'utf8').replace(/: \\w+/g, '')
  fs.writeFileSync('dist/' + name.replace('.ts', '.js'), text)
}
`
const SOURCE = 'const answer: number = 42\nmodule.exports = answer\n'
const MADE = 'const answer = 42\nmodule.exports = answer\n'

function compiler(version: string, more: Partial<SamplePackage> = {}, text = COMPILER): SamplePackage {
  const manifest = { bin: { 'strip-types': 'strip.js' }, ...more.manifest }
  const own = { name: 'strip-types', version, ...manifest }
  const files = { 'package.json': JSON.stringify(own), 'strip.js': text, ...more.files }
  return { name: 'strip-types', version, ...more, manifest, files }
}

interface World {
  readonly registry: NpmRegistry
  readonly git: GitServer
  readonly builders: readonly LoneBuilder[]
  /** Puts a package into git and, with what publishing made of it, into the registry. */
  release(name: string, given: Release): void
  /** What both builders came to, which is the same. */
  build(name: string): Promise<Built>
}

interface Release {
  readonly manifest: Record<string, unknown>
  readonly source: Readonly<Record<string, string>>
  /** What publishing made. */
  readonly made: Readonly<Record<string, string>>
  readonly gitHead?: false
}

async function open(t: TestContext): Promise<World> {
  const git = await startGitServer()
  t.after(() => git.close())
  const tools = buildTools()
  const registry = await startNpmRegistry(tools)
  t.after(() => registry.close())
  registry.publish(compiler('1.0.0'))
  const registries = { npm: registry.url }
  const mirrors = [git.mirror('git.example')]
  const builders = await Promise.all([
    openLoneBuilder({ registries, mirrors }),
    openLoneBuilder({
      registries,
      mirrors,
      directory: join(await scratch(t, 'another'), 'place with spaces', 'ä'.repeat(20)),
      cpuCount: 2,
      memoryBytes: 3_000_000_000,
    }),
  ])
  t.after(async () => await Promise.all(builders.map((each) => each[Symbol.asyncDispose]())))
  const versionOf = (name: string) => tools.find((tool) => tool.name.startsWith(name))?.version
  return {
    registry,
    git,
    builders,
    release(name, { manifest, source, made, gitHead }) {
      const own = { name, version: '1.0.0', license: 'MIT', main: 'dist/index.js', files: ['dist'], ...manifest }
      const text = JSON.stringify(own, null, 2)
      const files = Object.entries({ 'package.json': text, ...source }).map(([path, content]) => ({ path, content }))
      const commit = git.publish(`box/${name}`, files, { tag: 'v1.0.0' })
      const stated = {
        repository: `git+https://git.example/box/${name}`,
        ...(gitHead === false ? {} : { gitHead: commit }),
      }
      registry.publish({
        name,
        version: '1.0.0',
        publishedAt: RELEASED,
        files: { 'package.json': text, ...made },
        manifest: { ...stated, _nodeVersion: versionOf('node-'), _npmVersion: versionOf('npm') },
      })
    },
    async build(name) {
      const [first, second] = await Promise.all(builders.map((each) => each.build(`pkg:npm/${name}@1.0.0`)))
      assert.ok(first !== undefined && second !== undefined)
      const said = [first, second]
        .map(({ result }) => ('reason' in result ? result.reason : result.outcome))
        .join(' / ')
      assert.deepEqual(
        agreedPart(first.result),
        agreedPart(second.result),
        `two builders came to different results: ${said}`,
      )
      assert.equal(first.result.outcome, 'built', JSON.stringify(first.result))
      return first.result as Built
    },
  }
}

test(
  'a package without scripts is rebuilt alike by two builders, canonically equal to what was published',
  NEEDED,
  async (t) => {
    const world = await open(t)
    const index = { 'dist/index.js': MADE, 'dist/run.sh': '#!/bin/sh\n' }
    world.release('plain', { manifest: {}, source: index, made: index, gitHead: false })
    const { files, lock, source, dependencies } = await world.build('plain')
    assert.deepEqual([files[0]?.name, files[0]?.upstream?.level], ['plain-1.0.0.tgz', 'canonical'])
    assert.deepEqual([lock, dependencies.levels, source.type], [null, {}, 'git'])
  },
)

test(
  'build scripts run with what was released by then, from a lock that is resolved or lies in the source',
  NEEDED,
  async (t) => {
    const world = await open(t)
    // E4: what was released later would break the build.
    world.registry.publish(compiler('1.1.0', { publishedAt: '2026-01-01T00:00:00Z' }, 'throw new Error("too new")\n'))
    const devDependencies = { 'strip-types': '^1.0.0' }
    const made = { 'dist/index.js': MADE }
    world.release('compiled', {
      manifest: { scripts: { build: 'strip-types' }, devDependencies },
      source: { 'src/index.ts': SOURCE, '.npmrc': 'registry=https://evil.example/\nscript-shell=/bin/false\n' },
      made,
    })
    const compiled = await world.build('compiled')
    assert.deepEqual([compiled.files[0]?.upstream?.level, compiled.dependencies.levels], ['canonical', { none: 1 }])

    const integrity = await integrityOf(world.registry, 'strip-types', '1.0.0')
    const lock = {
      name: 'locked',
      version: '1.0.0',
      lockfileVersion: 3,
      requires: true,
      packages: {
        '': { name: 'locked', version: '1.0.0', license: 'MIT', devDependencies },
        'node_modules/strip-types': {
          version: '1.0.0',
          resolved: 'https://packages.example/mirror/strip-types/-/strip-types-1.0.0.tgz',
          integrity,
          dev: true,
          bin: { 'strip-types': 'strip.js' },
        },
      },
    }
    world.release('locked', {
      manifest: { scripts: { prepack: 'strip-types' }, devDependencies },
      source: { 'src/index.ts': SOURCE, 'package-lock.json': JSON.stringify(lock) },
      made,
    })
    const locked = await world.build('locked')
    assert.deepEqual([locked.files[0]?.upstream?.level, locked.dependencies.levels], ['canonical', { none: 1 }])
    assert.ok(locked.lock !== null && locked.lock !== compiled.lock)
  },
)

test(
  'F1, E3: a file that only the tarball has is a mismatch, and a script that wants the network ends the build',
  NEEDED,
  async (t) => {
    const world = await open(t)
    world.release('smuggler', {
      manifest: { scripts: { prepare: 'node make.js' } },
      source: {
        'make.js':
          'const fs = require("node:fs"); fs.mkdirSync("dist", { recursive: true }); fs.writeFileSync("dist/index.js", "1")',
      },
      made: { 'dist/index.js': '1', 'dist/evil.js': 'steal()' },
    })
    assert.equal((await world.build('smuggler')).files[0]?.upstream?.level, 'mismatch')

    const postinstall = 'node -e "fetch(`http://127.0.0.1:4873/`).catch(() => process.exit(3))"'
    const phoning = { scripts: { postinstall } }
    const own = { name: 'phoning', version: '1.0.0', ...phoning }
    world.registry.publish({
      name: 'phoning',
      version: '1.0.0',
      manifest: phoning,
      files: { 'package.json': JSON.stringify(own) },
    })
    world.release('caller', {
      manifest: { scripts: { build: 'true' }, dependencies: { phoning: '1.0.0' } },
      source: {},
      made: { 'dist/index.js': '1' },
    })
    const { result, record } = (await world.builders[0]?.build('pkg:npm/caller@1.0.0')) ?? assert.fail('no builder')
    assert.equal(result.outcome, 'unbuildable')
    assert.match('reason' in result ? result.reason : '', /dependencies cannot be installed without network/)
    const log = (await world.builders[0]?.kept(record.log ?? ''))?.toString() ?? ''
    assert.match(log, /== install the dependencies/)
  },
)

async function integrityOf(registry: NpmRegistry, name: string, version: string): Promise<string> {
  const packument = (await (await fetch(`${registry.url}/${name}`)).json()) as {
    readonly versions: Readonly<Record<string, { readonly dist: { readonly integrity: string } }>>
  }
  return packument.versions[version]?.dist.integrity ?? assert.fail(`there is no ${name}@${version}`)
}
