/**
 * The installed package: `npm pack`, an install into an empty folder, and a node started from there. Dependencies come from npm's
 * cache where it holds them (`npm ci` filled it), else from the registry that the user's npm knows.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { REPOSITORY, TOOL_PATH } from '../kit/needs.ts'
import { PYRSIA, scratch } from '../kit/node-process.ts'
import { mustRun, run, start, until } from '../kit/process.ts'

/** Nodes of this machine that are too old, if any: Debian 12 brings one. */
async function oldNodes(): Promise<string[]> {
  const found: string[] = []
  for (const path of ['/usr/bin/node', '/usr/local/bin/node'].filter((file) => existsSync(file))) {
    const { stdout } = await run(path, ['--version'])
    if (Number(/^v(\d+)/.exec(stdout)?.[1]) < 24) found.push(path)
  }
  return found
}

const FREE_PORTS = ['--port', '0', '--npm-port', '0', '--api-port', '0']

test('an installed package holds compiled JavaScript and types, starts, says that it is ready, and ends on SIGTERM', async (t) => {
  const folder = await scratch(t, 'pyrsia-pack')
  const env = { PATH: TOOL_PATH }
  await mustRun('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: REPOSITORY, env })
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  assert.ok(tarball !== undefined)

  const home = join(folder, 'empty')
  await mkdir(home)
  const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--omit=dev', join(folder, tarball)]
  await mustRun('npm', install, { cwd: home, env, timeoutMs: 300_000 })
  const installed = join(home, 'node_modules/pyrsia')
  assert.ok(existsSync(join(installed, 'dist/base/digest.d.ts')))
  assert.ok(existsSync(join(installed, 'LICENSE')))
  assert.deepEqual(
    readdirSync(installed, { recursive: true }).filter((path) => /\.test\.|(?<!\.d)\.ts$/.test(String(path))),
    [],
  )

  const command = join(home, 'node_modules/.bin/pyrsia')
  for (const old of await oldNodes()) {
    const refused = await run(old, [join(installed, 'dist/main/cli.js'), 'start'])
    assert.match(refused.stderr, /wanted Node 24\.2 or later, found v/, old)
    assert.equal(refused.code, 70, old)
  }
  const node = start(command, ['start', '--json', '--data', join(folder, 'data'), ...FREE_PORTS], { cwd: home, env })
  t.after(() => node.stop('SIGKILL'))
  let over = false
  node.ended.finally(() => {
    over = true
  })
  const line = await until('the installed node to be ready', () => {
    if (over) throw new Error(`the installed node ended: ${node.stderr().slice(-4000)}`)
    return node.stdout().split('\n')[1] === undefined ? undefined : node.stdout().split('\n')[0]
  })
  const ready = JSON.parse(line) as { endpoints: Record<string, string>; peerId: string; listen: string[] }
  assert.ok(ready.endpoints.api?.startsWith('http://127.0.0.1:'))
  assert.equal((await fetch(new URL('/healthz', ready.endpoints.api))).status, 200)
  assert.ok(ready.listen.length > 0 && ready.listen.every((address) => address.endsWith(ready.peerId)))
  assert.equal(await node.stop('SIGTERM'), 0)
})

test('bin/pyrsia runs through a symlink and from any directory, on the Node of the clone', async (t) => {
  const folder = await scratch(t, 'pyrsia-bin')
  const link = join(folder, 'pyrsia')
  symlinkSync(PYRSIA, link)
  const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string }
  const found = await run(link, ['--version'], { cwd: folder, env: { PATH: '/usr/bin:/bin' } })
  assert.equal(found.stderr, '')
  assert.equal(found.stdout.trim().split(/\s+/).at(-1), version)
  assert.equal(found.code, 0)
})
