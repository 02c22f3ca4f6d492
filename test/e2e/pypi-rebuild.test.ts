/**
 * Python packages rebuilt for real: real git over HTTP, real back ends out of the recorded registry, real sandbox. The same source
 * built by builders that differ in user, umask, time zone, locale, host name, folder, file system and processors: the same bytes.
 */
import assert from 'node:assert/strict'
import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { BuildResult } from '../../src/base/entries/result.ts'
import { type GitServer, startGitServer } from '../kit/git-server.ts'
import { needs, REPOSITORY, toolPath } from '../kit/needs.ts'
import { mustRun } from '../kit/process.ts'
import { type PypiIndex, startPypiIndex } from '../kit/pypi-index.ts'
import {
  authorsPython,
  PYTHON_PROJECTS,
  publishBackends,
  publishProject,
  SAMPLE_TIMES,
} from '../kit/python-projects.ts'
import type { RealRebuildOptions } from '../kit/real-rebuild.ts'

const NEEDS = needs('root', 'bubblewrap', 'git', 'python3', 'python-wheels')
const HOST = 'git.example.com'
const NOBODY = 65_534

interface Row {
  readonly purl: string
  readonly result: BuildResult
  readonly log: string
}

let folder = ''
let elsewhere = ''
let index: PypiIndex
let git: GitServer

before(async () => {
  if (NEEDS.skip !== undefined) return
  folder = mkdtempSync(join(tmpdir(), 'pyrsia-rebuild-'))
  elsewhere = mkdtempSync('/dev/shm/another place ')
  index = await startPypiIndex()
  git = await startGitServer()
  publishBackends(index)
  const python = await authorsPython(join(folder, 'author'))
  for (const project of PYTHON_PROJECTS) {
    git.publish(`somebody/${project.name}`, project.files, { tag: 'v1.2.0', atSeconds: SAMPLE_TIMES.committed })
    await publishProject(project, { index, python, folder })
  }
  // What came after the release, and after the request, is not taken (E4).
  const later = new Date((SAMPLE_TIMES.requested + 1) * 1000).toISOString()
  for (const name of ['setuptools', 'flit_core', 'hatchling', 'poetry_core', 'pdm_backend', 'pip']) {
    index.publishFile(name, `${name}-99.0-py3-none-any.whl`, Buffer.from('evil'), later)
  }
})

after(async () => {
  if (NEEDS.skip !== undefined) return
  await index.close()
  await git.close()
  for (const each of [folder, elsewhere]) rmSync(each, { recursive: true, force: true, maxRetries: 5 })
})

async function build(
  names: readonly string[],
  options: Pick<RealRebuildOptions, 'folder' | 'cpuCount'>,
  surroundings: readonly string[],
): Promise<Row[]> {
  const given: RealRebuildOptions = { ...options, upstreams: { pypi: index.url }, mirrors: [git.mirror(HOST)] }
  const asked = names.map((name) => ({ purl: `pkg:pypi/${name}@1.2.0`, requestedAtSeconds: SAMPLE_TIMES.requested }))
  const program = [
    toolPath('node'),
    join(REPOSITORY, 'test/kit/rebuild-process.ts'),
    JSON.stringify({ options: given, asked }),
  ]
  const [first = '', ...rest] = [...surroundings, ...program]
  const { stdout } = await mustRun(first, rest, { timeoutMs: 600_000 })
  return JSON.parse(stdout)
}

/** Another user, mask, time zone, locale, home and host name. */
const OTHER = [
  'hostname other.example.com; umask 077; exec setpriv --reuid=65534 --regid=65534 --clear-groups',
  'env TZ=Asia/Tokyo LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 HOME=/nonexistent "$@"',
].join(' ')

test(
  'each back end: two builders that differ in all that they may differ in make the same bytes, equal to upstream’s',
  NEEDS,
  async () => {
    const names = PYTHON_PROJECTS.map(({ name }) => name)
    mkdirSync(join(elsewhere, 'two'))
    chownSync(elsewhere, NOBODY, NOBODY)
    chownSync(join(elsewhere, 'two'), NOBODY, NOBODY)
    const [one, two] = await Promise.all([
      build(names, { folder: join(folder, 'one'), cpuCount: 1 }, ['sh', '-c', 'umask 022; exec "$@"', 'sh']),
      build(names, { folder: join(elsewhere, 'two'), cpuCount: 2 }, ['unshare', '--uts', 'sh', '-c', OTHER, 'sh']),
    ])
    for (const [at, { purl, result, log }] of one.entries()) {
      assert.ok(result.outcome === 'built', `${purl}: ${JSON.stringify(result)}\n${log}`)
      assert.deepEqual(two[at]?.result, result, `${purl}\n${log}\n${two[at]?.log}`)
      assert.equal(result.source.type, 'git')
      const levels = result.files.map(({ upstream }) => upstream?.level)
      assert.ok(
        levels.length === 2 && levels.every((level) => level === 'exact' || level === 'canonical'),
        `${purl}: ${JSON.stringify(result.files)}\n${log}`,
      )
      // Releases of later, 99.0 of each back end and of pip, were not there (E4).
      assert.ok(
        !result.environment.toolchains.some((tool) => tool.includes('99.0')),
        result.environment.toolchains.join(),
      )
    }
    const toolchains = one.flatMap(({ result }) => result.environment.toolchains)
    for (const tool of [
      'setuptools 80.9.0',
      'flit-core 3.12.0',
      'hatchling 1.27.0',
      'poetry-core 2.1.3',
      'pdm-backend 2.4.5',
    ]) {
      assert.ok(toolchains.includes(tool), tool)
    }
  },
)

test(
  'E3 an undeclared fetch while it is built: the release is unbuildable, and its log says what was asked for',
  NEEDS,
  async () => {
    publishLegacy(
      'sample-fetching',
      [
        'import urllib.request',
        'try:',
        '    urllib.request.urlopen("http://evil.example.com/x")',
        'except OSError:',
        '    pass',
      ],
      '',
    )
    // One that asks for more by the old way, and needs it.
    publishLegacy(
      'sample-asking',
      ['import sys'],
      ', setup_requires=["pluggy"], description=__import__("pluggy").__name__ if "bdist_wheel" in sys.argv else ""',
    )
    const [row, asking] = await build(['sample-fetching', 'sample-asking'], { folder: join(folder, 'three') }, ['env'])
    assert.ok(row?.result.outcome === 'unbuildable', JSON.stringify(row?.result))
    assert.match(row.result.reason, /asked the network for something undeclared/)
    assert.match(row.log, /evil\.example\.com/)
    assert.ok(asking?.result.outcome === 'built', `${JSON.stringify(asking?.result)}\n${asking?.log}`)
    assert.match(asking.log, /Successfully installed pluggy-1\.7\.0 setuptools-80\.9\.0/)
  },
)

/** A project with nothing but a setup.py. */
function publishLegacy(name: string, lines: readonly string[], more: string): void {
  const module = name.replaceAll('-', '_')
  const setup = [
    ...lines,
    'from setuptools import setup',
    `setup(name="${name}", version="1.2.0", py_modules=["${module}"]${more})`,
  ]
  const files = [
    { path: 'setup.py', content: `${setup.join('\n')}\n` },
    { path: `${module}.py`, content: '' },
  ]
  git.publish(`somebody/${name}`, files, { tag: '1.2.0' })
  index.publish({
    name,
    version: '1.2.0',
    uploadTime: new Date(SAMPLE_TIMES.released * 1000).toISOString(),
    urls: [`Source, https://git.example.com/somebody/${name}`],
  })
}
