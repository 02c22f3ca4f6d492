/** An npm package whose build script tells all that it sees of its surroundings, built by two builders that differ in all of it: the same bytes. */
import assert from 'node:assert/strict'
import { chownSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { BuildResult } from '../../src/base/entries/result.ts'
import { buildTools } from '../kit/build-tools.ts'
import { startGitServer } from '../kit/git-server.ts'
import { needs, REPOSITORY, toolPath } from '../kit/needs.ts'
import { scratch } from '../kit/node-process.ts'
import { startNpmRegistry } from '../kit/npm-registry.ts'
import { mustRun } from '../kit/process.ts'

const NOBODY = 65_534
/** Another user, mask, time zone, locale, home and host name. */
const OTHER = [
  'hostname other.example.com; umask 077; exec setpriv --reuid=65534 --regid=65534 --clear-groups',
  'env TZ=Asia/Tokyo LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 HOME=/nonexistent "$@"',
].join(' ')
const SCRIPT = `const os = require('node:os'), fs = require('node:fs')
const seen = [os.hostname(), os.userInfo().username, process.cwd(), process.umask(), process.env.LANG, new Date(0).getTimezoneOffset()]
fs.mkdirSync('dist', { recursive: true })
fs.writeFileSync('dist/index.js', JSON.stringify(seen))
`
const SEEN = '["builder","builder","/build/source",18,"C.UTF-8",0]'

test(
  'a build script sees nothing of the user, umask, time zone, locale, host and folder of its builder',
  needs('root', 'bubblewrap', 'git', 'npm'),
  async (t) => {
    const git = await startGitServer()
    t.after(() => git.close())
    const tools = buildTools()
    const registry = await startNpmRegistry(tools)
    t.after(() => registry.close())
    const own = { name: 'telling', version: '1.0.0', files: ['dist'], scripts: { prepack: 'node make.js' } }
    const text = JSON.stringify(own)
    const files = Object.entries({ 'package.json': text, 'make.js': SCRIPT }).map(([path, content]) => ({
      path,
      content,
    }))
    const gitHead = git.publish('box/telling', files, { tag: 'v1.0.0' })
    const versionOf = (name: string) => tools.find((tool) => tool.name.startsWith(name))?.version
    const versions = { _nodeVersion: versionOf('node-'), _npmVersion: versionOf('npm') }
    registry.publish({
      name: 'telling',
      version: '1.0.0',
      files: { 'package.json': text, 'dist/index.js': SEEN },
      manifest: { repository: 'https://git.example/box/telling', gitHead, ...versions },
    })
    const [one, other] = [await scratch(t, 'one'), await scratch(t, 'other place')]
    chownSync(other, NOBODY, NOBODY)
    const asked = [{ purl: 'pkg:npm/telling@1.0.0', requestedAtSeconds: Math.floor(Date.now() / 1000) }]
    const build = async (folder: string, cpuCount: number, way: readonly string[]) => {
      const options = { folder, cpuCount, upstreams: { npm: registry.url }, mirrors: [git.mirror('git.example')] }
      const program = [
        toolPath('node'),
        join(REPOSITORY, 'test/kit/rebuild-process.ts'),
        JSON.stringify({ options, asked }),
      ]
      const [first = '', ...rest] = [...way, ...program]
      const { stdout } = await mustRun(first, rest, { timeoutMs: 600_000 })
      return (JSON.parse(stdout) as ReadonlyArray<{ readonly result: BuildResult; readonly log: string }>)[0]
    }
    const [here, there] = await Promise.all([
      build(one, 1, ['sh', '-c', 'umask 022; exec "$@"', 'sh']),
      build(other, 2, ['unshare', '--uts', 'sh', '-c', OTHER, 'sh']),
    ])
    assert.ok(here?.result.outcome === 'built', `${JSON.stringify(here?.result)}\n${here?.log}`)
    assert.deepEqual(there?.result, here.result, there?.log)
    assert.equal(here.result.files[0]?.upstream?.level, 'canonical')
  },
)
