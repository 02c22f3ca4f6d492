/** The jobs of `docs/how-to/ci.md`, with the commands taken from the page: a cold run, and a warm one without any registry. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { needs, REPOSITORY } from '../kit/needs.ts'
import { scratch } from '../kit/node-process.ts'
import { type NpmRegistry, startNpmRegistry } from '../kit/npm-registry.ts'
import { PackageManagerUser } from '../kit/package-manager-user.ts'
import { mustRun, run } from '../kit/process.ts'

const PAGE = readFileSync(join(REPOSITORY, 'docs/how-to/ci.md'), 'utf8')
const UPSTREAMS = ['npm', 'pypi', 'maven', 'rubygems', 'docker.io', 'ghcr.io', 'quay.io']

interface Job {
  readonly user: PackageManagerUser
  readonly registry: NpmRegistry
  readonly env: Readonly<Record<string, string>>
}

async function job(t: TestContext): Promise<Job> {
  const directory = await scratch(t, 'pyrsia-ci')
  const registry = await startNpmRegistry([{ name: 'left', version: '1.0.0' }])
  t.after(() => registry.close())
  const user = new PackageManagerUser(directory, 'runner', { left: '^1.0.0' })
  const lock = ['install', '--package-lock-only', '--no-audit', '--no-fund', `--registry=${registry.url}`]
  await user.run('npm', ...lock)
  rmSync(join(user.home, '.npm'), { recursive: true, force: true })
  const env = {
    ...user.env,
    PATH: `${join(REPOSITORY, 'bin')}:${user.env.PATH}`,
    GITHUB_ENV: join(directory, 'github-env'),
    PYRSIA_DATA: join(user.project, '.pyrsia'),
    PYRSIA_UPSTREAM: UPSTREAMS.map((name) => `${name}=${registry.url}`).join(','),
    // The page takes the usual ports; a test takes free ones.
    PYRSIA_PORT: '0',
    PYRSIA_API_PORT: '0',
    PYRSIA_NPM_PORT: '0',
  }
  writeFileSync(env.GITHUB_ENV, '')
  t.after(async () => void (await run('sh', ['-c', `kill -9 $(cat ${user.project}/pyrsia.pid) 2>/dev/null`])))
  return { user, registry, env }
}

/** What a step's `run: |` holds. */
function githubStep(name: string): string {
  const lines = PAGE.split('\n')
  const at = lines.findIndex((line) => line.trim() === `- name: ${name}`)
  const from = lines.findIndex((line, index) => index > at && line.trim() === 'run: |') + 1
  const to = lines.findIndex((line, index) => index >= from && !line.startsWith(' '.repeat(10)))
  assert(at > 0 && to > from, `the page has a step ${name}`)
  return lines.slice(from, to).join('\n')
}

/** The items of a list of commands. */
function gitlabList(key: string): string {
  const lines = PAGE.slice(PAGE.indexOf('## GitLab CI')).split('\n')
  const at = lines.indexOf(`  ${key}:`)
  const to = lines.findIndex((line, index) => index > at && !line.startsWith('    - '))
  assert(at > 0 && to > at + 1, `the page has a ${key}`)
  return lines
    .slice(at + 1, to)
    .map((line) => line.slice('    - '.length))
    .join('\n')
}

async function step({ user, env }: Job, script: string): Promise<void> {
  const set = Object.fromEntries(
    readFileSync(env.GITHUB_ENV ?? '', 'utf8')
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  // As the runner calls it.
  const words = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script]
  await mustRun('bash', words, { cwd: user.project, env: { ...env, ...set } })
}

/** Both runs of a job: each a machine of its own but for the store, as the cache leaves it. */
async function twice(one: Job, steps: (isCold: boolean) => readonly string[]): Promise<void> {
  const { user, registry, env } = one
  const installed = join(user.project, 'node_modules/left/package.json')
  for (const script of steps(true)) await step(one, script)
  assert(existsSync(installed))
  const asked = registry.requests.length
  await registry.down()
  const uncached = readdirSync(join(user.project, '.pyrsia')).filter((name) => name !== 'store')
  for (const path of ['node_modules', 'pyrsia.pid', ...uncached.map((name) => `.pyrsia/${name}`)]) {
    rmSync(join(user.project, path), { recursive: true, force: true })
  }
  rmSync(join(user.home, '.npm'), { recursive: true, force: true })
  writeFileSync(env.GITHUB_ENV ?? '', '')
  for (const script of steps(false)) await step(one, script)
  assert(existsSync(installed), 'the second run installs from what the first one kept')
  assert.equal(registry.requests.length, asked)
}

test('the example for GitHub Actions builds, and once more without a registry', needs('npm'), async (t) => {
  await twice(await job(t), (isCold) => [
    githubStep('Start the node'),
    githubStep('Build'),
    // It says that nothing is wrong only while there is a registry.
    ...(isCold ? [githubStep('Find out what went wrong')] : []),
    githubStep('Stop the node'),
  ])
})

test('the example for GitLab CI builds, and once more without a registry', needs('npm'), async (t) => {
  await twice(await job(t), () => [
    `${gitlabList('before_script')}\n${gitlabList('script')}`,
    gitlabList('after_script'),
  ])
})
