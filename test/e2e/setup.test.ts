/** `pyrsia setup` as a user runs it, in a home directory of its own; the clients themselves are in their own tests. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
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
