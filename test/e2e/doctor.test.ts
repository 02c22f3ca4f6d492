/**
 * `pyrsia doctor` finds what is wrong. Each test plants one fault into a user's machine on which all was well, and looks for the
 * finding, its mend, and the exit code; the clients that are asked where they go are real.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { needs, TOOL_PATH } from '../kit/needs.ts'
import { PYRSIA, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { mustRun, run } from '../kit/process.ts'

interface Finding {
  readonly severity: string
  readonly check: string
  readonly client?: string
  readonly wanted: string
  readonly found: string
  readonly mend: string
  readonly bypass?: string
}

/** A user with a home, a project and a node whose upstreams all stand in for one server. */
interface Patient {
  readonly home: string
  readonly project: string
  readonly node: TestNode
  readonly upstream: StandIn
  setup(...words: string[]): Promise<void>
  /** The findings; the exit code must agree with them. */
  examine(...words: string[]): Promise<Finding[]>
  write(path: string, text: string): void
}

/** Every upstream that a node has by itself: none but the stand-in is asked. */
const UPSTREAMS = ['npm', 'pypi', 'maven', 'rubygems', 'docker.io', 'ghcr.io', 'quay.io']

interface StandIn {
  readonly url: string
  /** What it adds to the time in its replies. */
  offMs: number
  close(): Promise<void>
}

async function startStandIn(t: TestContext): Promise<StandIn> {
  const server: Server = createServer((_request, response) => {
    response.sendDate = false
    response.setHeader('date', new Date(Date.now() + standIn.offMs).toUTCString())
    response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  const standIn = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, offMs: 0, close }
  t.after(close)
  return standIn
}

async function patient(
  t: TestContext,
  options: { readonly data?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Patient> {
  const directory = await scratch(t, 'pyrsia-doctor')
  const [home, project] = [join(directory, 'home'), join(directory, 'project')]
  for (const folder of [home, project]) mkdirSync(folder)
  const upstream = await startStandIn(t)
  const data = options.data ?? join(directory, 'data')
  const named = UPSTREAMS.flatMap((name) => ['--upstream', `${name}=${upstream.url}`])
  const node = await startNode({ data, args: named })
  t.after(() => node.stop('SIGKILL'))
  const env: Record<string, string> = {
    HOME: home,
    PATH: TOOL_PATH,
    XDG_CONFIG_HOME: join(home, '.config'),
    npm_config_cache: join(home, '.npm'),
    npm_config_update_notifier: 'false',
    no_proxy: '127.0.0.1',
    PIP_INDEX_URL: '',
    PIP_EXTRA_INDEX_URL: '',
    ...options.env,
  }
  for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY']) {
    env[name] ??= ''
  }
  const pyrsia = (...words: string[]) => run(PYRSIA, [...words, '--data', data], { env, cwd: project })
  return {
    home,
    project,
    node,
    upstream,
    async setup(...words) {
      const { code, stderr } = await pyrsia('setup', ...words)
      assert.equal(code, 0, stderr)
    },
    async examine(...words) {
      const { code, stdout, stderr } = await pyrsia('doctor', '--json', ...words)
      assert.match(stdout, /^\{/, stderr)
      const { findings, healthy } = JSON.parse(stdout) as { findings: Finding[]; healthy: boolean }
      assert.equal(code, healthy ? 0 : 1)
      assert.equal(healthy, !findings.some(({ severity }) => severity !== 'note'))
      return findings
    },
    write(path, text) {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    },
  }
}

function only(findings: readonly Finding[], check: string): Finding {
  const wrong = findings.filter(({ severity }) => severity !== 'note')
  assert.deepEqual(
    wrong.map((finding) => finding.check),
    [check],
    JSON.stringify(wrong, undefined, 2),
  )
  assert.notEqual(wrong[0]?.mend, '')
  return wrong[0] as Finding
}

test('doctor finds nothing wrong where all is well, having seen what npm asks arrive', needs('npm'), async (t) => {
  const { setup, examine } = await patient(t)
  await setup('npm')
  assert.deepEqual(
    (await examine('npm')).filter(({ severity }) => severity !== 'note'),
    [],
  )
})

test('doctor finds a node that is down, and says how to work meanwhile', async (t) => {
  const { setup, examine, node } = await patient(t)
  await setup('npm')
  await node.stop('SIGKILL')
  const found = only(await examine('npm'), 'node.down')
  assert.match(found.mend, /pyrsia start/)
  assert.match(found.bypass ?? '', /npm install --registry=/)
})

test('doctor finds a client that is pointed at a port on which the node no longer is', async (t) => {
  const { setup, examine, node, upstream } = await patient(t)
  await setup('npm')
  await node.stop()
  const again = await startNode({ data: node.data, args: ['--upstream', `npm=${upstream.url}`] })
  t.after(() => again.stop('SIGKILL'))
  const found = only(
    (await examine('npm')).filter(({ check }) => check !== 'upstream.dead'),
    'client.port',
  )
  assert(found.wanted.includes(new URL(again.endpoints.npm ?? '').host), found.wanted)
  assert.equal(found.mend, 'pyrsia setup npm')
  await setup('npm')
  assert(!(await examine('npm')).some(({ check }) => check === 'client.port'))
})

test('doctor finds an upstream that is dead', async (t) => {
  const { examine, upstream } = await patient(t)
  await upstream.close()
  const dead = (await examine('npm')).filter(({ check }) => check === 'upstream.dead')
  assert.equal(dead.length, UPSTREAMS.length)
  assert.match(dead[0]?.found ?? '', /ECONNREFUSED/)
  assert.match(dead[0]?.mend ?? '', /--upstream/)
})

test('doctor finds an extra index that pip asks beside the node', async (t) => {
  const { setup, examine, write, home } = await patient(t)
  const path = join(home, '.config/pip/pip.conf')
  write(path, '[global]\nextra-index-url = https://me:secret@registry.example.com/simple/\n')
  await setup('pip')
  const found = only(await examine('pip'), 'client.leak')
  assert(found.found.includes(path) && found.found.includes('extra-index-url'), found.found)
  assert(!found.found.includes('secret'), 'no password is printed')
})

test("doctor finds a project's .npmrc that names another registry", async (t) => {
  const { setup, examine, write, project } = await patient(t)
  await setup('npm')
  write(join(project, '.npmrc'), 'registry=https://registry.example.com/\n')
  const found = only(await examine('npm'), 'client.elsewhere')
  assert(found.found.includes(join(project, '.npmrc')), found.found)
})

test('doctor finds a second Maven repository', async (t) => {
  const { setup, examine, write, project } = await patient(t)
  await setup('maven')
  const repository = '<repository><id>extra</id><url>https://registry.example.com/m2</url></repository>'
  write(join(project, 'pom.xml'), `<project><repositories>${repository}</repositories></project>`)
  const found = only(await examine('maven'), 'client.leak')
  assert.match(found.found, /repository extra in .*pom\.xml also has it ask https:\/\/registry\.example\.com\/m2/)
  assert.match(found.mend, /--upstream maven-2=/)
})

test('doctor finds a proxy variable that is stale', async (t) => {
  const gone = await startStandIn(t)
  await gone.close()
  const { examine } = await patient(t, { env: { HTTPS_PROXY: gone.url } })
  const found = only(
    (await examine('npm')).filter(({ check }) => check !== 'client.unset'),
    'proxy.dead',
  )
  assert.equal(found.mend, 'unset HTTPS_PROXY')
})

test('doctor finds a clock that is off by an hour, and says whose it may be', async (t) => {
  const { examine, upstream } = await patient(t)
  upstream.offMs = 3_600_000
  const off = (await examine('npm')).filter(({ check }) => check === 'clock.off')
  assert.match(
    off[0]?.found ?? '',
    /^this machine is 60 minutes behind; this machine's clock is wrong: 7 upstreams say so$/,
  )
})

test('doctor finds a disk that is full', needs('root'), async (t) => {
  const data = await scratch(t, 'pyrsia-full')
  await mustRun('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', data])
  try {
    const { examine, node } = await patient(t, { data })
    const found = (await examine('npm')).find(({ check }) => check === 'disk.full')
    await node.stop('SIGKILL')
    assert.match(found?.found ?? '', /of 50 MB are free/)
    assert.equal(found?.severity, 'error')
  } finally {
    await run('umount', ['--lazy', data])
  }
})

test('doctor finds a client that was set up and then reset', async (t) => {
  const { setup, examine, write, home } = await patient(t)
  await setup('npm')
  const path = join(home, '.npmrc')
  write(path, readFileSync(path, 'utf8').replace(/^registry=.*$/m, ''))
  const found = only(await examine('npm'), 'client.reset')
  assert.equal(found.mend, 'pyrsia setup npm')
  await setup('npm')
  assert.deepEqual(
    (await examine('npm')).filter(({ severity }) => severity !== 'note'),
    [],
  )
})

test('doctor says what goes past the node so that lockfiles do not name it, and setup leaves yarn 1 as it is', async (t) => {
  const { setup, examine, home, write } = await patient(t)
  write(join(home, '.yarnrc'), 'registry "http://registry.example.com/"\n')
  await setup('yarn', 'uv')
  assert.equal(readFileSync(join(home, '.yarnrc'), 'utf8'), 'registry "http://registry.example.com/"\n')
  const past = (await examine('yarn', 'uv')).filter(({ check }) => check === 'client.past')
  assert.deepEqual(
    past.map(({ severity }) => severity),
    ['note', 'note'],
  )
  assert.match(
    past.map(({ found }) => found).join(),
    /yarn 1 does not, or yarn\.lock would name it.*uv lock, sync and add do not/,
  )
})
