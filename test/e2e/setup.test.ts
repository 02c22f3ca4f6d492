/** `pyrsia setup` as a user runs it, in a home directory of its own; the clients themselves are in their own tests. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { PYRSIA, scratch, startNode } from '../kit/node-process.ts'
import { run } from '../kit/process.ts'

test('setup shows the change, makes it once, and undo restores the file byte for byte', async (t) => {
  const home = await scratch(t, 'pyrsia-home')
  const data = join(home, 'data')
  const npmrc = join(home, '.npmrc')
  const before = '; mine\nsave-exact = true\n'
  await writeFile(npmrc, before)
  const setup = (...words: string[]) =>
    run(PYRSIA, ['setup', 'npm', ...words, '--data', data], { env: { HOME: home, PATH: process.env.PATH ?? '' } })

  const shown = await setup('--dry-run')
  assert.equal(shown.code, 0, shown.stderr)
  assert.match(shown.stdout, /^\+registry=http:\/\/127\.0\.0\.1:4873\/$/m)
  assert.equal(await readFile(npmrc, 'utf8'), before)

  assert.equal((await setup()).code, 0)
  const changed = await readFile(npmrc, 'utf8')
  assert.match(changed, /^registry=http:\/\/127\.0\.0\.1:4873\/$/m)
  assert.match((await setup()).stdout, /Nothing has to change/)
  assert.equal(await readFile(npmrc, 'utf8'), changed)

  assert.equal((await setup('--undo')).code, 0)
  assert.equal(await readFile(npmrc, 'utf8'), before)
})

/** What a user's home may hold, by client. */
const CONFIGURED: Readonly<Record<string, readonly [path: string, text: string, laterEdit: string]>> = {
  npm: ['.npmrc', '; mine\r\nregistry = https://registry.example.com/team/\r\nfund=false', '\nsave-exact=true\n'],
  pnpm: ['.config/pnpm/config.yaml', 'registry: https://registry.example.com/team/ # ours\n', 'fetchRetries: 1\n'],
  yarn: [
    '.yarnrc.yml',
    '# mine\nenableTelemetry: false\n\nunsafeHttpWhitelist: [ a.example.com ]\n',
    'nodeLinker: pnp\n',
  ],
  pip: [
    '.config/pip/pip.conf',
    '[global]\ntimeout = 60\nindex_url: https://registry.example.com/simple/\n',
    'retries=1\n',
  ],
  uv: ['.config/uv/uv.toml', 'offline = false\n[pip]\nstrict = true', '\nno-deps = true\n'],
  maven: [
    '.m2/settings.xml',
    '<settings>\n\t<mirrors/>\n\t<offline>false</offline>\n</settings>',
    '\n<!-- later -->\n',
  ],
  gem: ['.gemrc', '---\n# mine\ngem: --no-document', '\nupdate: --no-document\n'],
  bundler: ['.bundle/config', '---\nBUNDLE_PATH: "vendor"\n', 'BUNDLE_JOBS: "4"\n'],
}

test('setup of every client of a home and its undo leave each file byte for byte, and keep what was added since', async (t) => {
  const home = await scratch(t, 'pyrsia-home')
  const data = join(await scratch(t, 'pyrsia-data'), 'data')
  const clients = Object.keys(CONFIGURED)
  for (const [path, text] of Object.values(CONFIGURED)) {
    await mkdir(join(home, path, '..'), { recursive: true })
    await writeFile(join(home, path), text, { mode: 0o640 })
  }
  const files = async () => {
    const entries = await readdir(home, { recursive: true, withFileTypes: true })
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    return Promise.all(paths.sort().map(async (path) => [path, await readFile(path, 'utf8'), (await stat(path)).mode]))
  }
  const setup = async (...words: string[]) => {
    const env = { HOME: home, PATH: process.env.PATH ?? '' }
    const { code, stderr } = await run(PYRSIA, ['setup', ...clients, ...words, '--data', data], { env })
    assert.equal(code, 0, stderr)
  }
  const before = await files()

  await setup()
  for (const [path] of Object.values(CONFIGURED))
    assert.match(await readFile(join(home, path), 'utf8'), /127\.0\.0\.1:/, path)
  await setup('--undo')
  assert.deepEqual(await files(), before)

  await setup()
  for (const [path, , later] of Object.values(CONFIGURED)) await appendFile(join(home, path), later)
  await setup('--undo')
  for (const [path, text, later] of Object.values(CONFIGURED)) {
    const rest = await readFile(join(home, path), 'utf8')
    assert.doesNotMatch(rest, /127\.0\.0\.1/, path)
    for (const line of `${text}${later}`.split(/\r?\n/)) assert.ok(rest.includes(line), `${line} in ${path}: ${rest}`)
  }
  assert.equal((await files()).length, before.length)
})

test('setup points clients at the running node, and makes the registry that they used its upstream, shared with nobody', async (t) => {
  const home = await scratch(t, 'pyrsia-home')
  const data = join(home, 'data')
  await mkdir(data, { mode: 0o700 })
  const npmrc = join(home, '.npmrc')
  await writeFile(npmrc, 'registry=http://127.0.0.1:1/mirror/\n')
  const env = { HOME: home, PATH: process.env.PATH ?? '' }
  const first = await startNode({ data, args: ['--offline'] })
  t.after(() => first.stop('SIGKILL'))
  const found = await run(PYRSIA, ['setup', 'npm', '--data', data], { env })
  assert.equal(found.code, 0, found.stderr)
  assert.match(found.stdout, /becomes this node's upstream npm, shared with nobody/)
  assert((await readFile(npmrc, 'utf8')).includes(`registry=${first.endpoints.npm}`))
  assert.equal(await first.stop('SIGTERM'), 0)

  const second = await startNode({ data, args: ['--offline'] })
  t.after(() => second.stop('SIGKILL'))
  const status = (await second.json('status')) as {
    upstreams: { name: string; url: string; share: string; source: string }[]
  }
  const upstream = status.upstreams.find(({ name }) => name === 'npm')
  assert.deepEqual([upstream?.url, upstream?.share, upstream?.source], ['http://127.0.0.1:1/mirror', 'none', 'client'])
  assert.equal(await second.stop('SIGTERM'), 0)
})

test('setup refuses a client that it does not know and leaves everything alone', async (t) => {
  const home = await scratch(t, 'pyrsia-home')
  const found = await run(PYRSIA, ['setup', 'abacus', '--data', join(home, 'data')], {
    env: { HOME: home, PATH: process.env.PATH ?? '' },
  })
  assert.equal(found.code, 2)
  assert.match(found.stderr, /wanted one of docker, .*found abacus/)
  assert.equal(existsSync(join(home, 'data')), false)
})

test("setup --project writes the project's file and not the user's, and its undo leaves the user's alone", async (t) => {
  const home = await scratch(t, 'pyrsia-home')
  const project = join(home, 'project')
  await mkdir(project)
  const env = { HOME: home, PATH: process.env.PATH ?? '' }
  const setup = (...words: string[]) =>
    run(PYRSIA, ['setup', ...words, '--data', join(home, 'data')], { env, cwd: project })
  assert.equal((await setup('npm')).code, 0)
  assert.equal((await setup('npm', '--project')).code, 0)
  assert.match(await readFile(join(project, '.npmrc'), 'utf8'), /^registry=/)
  assert.equal((await setup('npm', '--project', '--undo')).code, 0)
  assert.equal(existsSync(join(project, '.npmrc')), false)
  assert.match(await readFile(join(home, '.npmrc'), 'utf8'), /^registry=/)
  const refused = await setup('gem', '--project', project)
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /no configuration of a project's own/)
})

test('setup --env prints what a shell takes, and touches no file', async (t) => {
  const home = await scratch(t, 'pyrsia-home')
  const env = { HOME: home, PATH: process.env.PATH ?? '' }
  const found = await run(PYRSIA, ['setup', 'npm', 'pip', '--env', '--data', join(home, 'data')], { env })
  assert.equal(
    found.stdout,
    'export npm_config_registry=http://127.0.0.1:4873/\nexport PIP_INDEX_URL=http://127.0.0.1:7888/pypi/simple/\n',
  )
  assert.equal(existsSync(join(home, 'data')), false)
  assert.equal(existsSync(join(home, '.npmrc')), false)
})
