/**
 * A verified Python package from submission to pip: an authority, four builders of which one lies, real git, the real sandbox, a real back
 * end. The index and the repository are on loopback.
 */
import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs, toolPath, WHEELS } from '../kit/needs.ts'
import { scratch } from '../kit/node-process.ts'
import { provesOffline } from '../kit/offline-proof.ts'
import { startPypiIndex } from '../kit/pypi-index.ts'
import { PYTHON_PROJECTS, publishBackends, publishProject, SAMPLE_TIMES } from '../kit/python-projects.ts'
import { PythonUser } from '../kit/python-user.ts'
import { startRealNetwork } from '../kit/real-network.ts'
import { ENFORCE } from '../kit/verdict-node.ts'

const OPTIONS = { ...needs('git', 'bubblewrap', 'python3', 'pip', 'python-wheels'), timeout: 900_000 }
const PURL = 'pkg:pypi/sample-flit@1.2.0'
const WHEEL = 'sample_flit-1.2.0-py3-none-any.whl'

test(
  'a Python package goes from a request through real builds to a verdict, to pip and to a proof that holds offline',
  OPTIONS,
  async (t) => {
    const directory = await scratch(t, 'e2e-verified-pypi')
    const index = await startPypiIndex()
    t.after(() => index.close())
    publishBackends(index)
    const upstreams = { pypi: index.url }
    const network = await startRealNetwork({
      directory,
      builders: 4,
      liars: 1,
      type: 'pypi',
      upstreams,
      args: ['--fresh', '0s'],
    })
    t.after(() => network[Symbol.asyncDispose]())
    const project = PYTHON_PROJECTS.find(({ name }) => name === 'sample-flit') ?? assert.fail('there is no such sample')
    network.git.publish('somebody/sample-flit', project.files, { tag: 'v1.2.0', atSeconds: SAMPLE_TIMES.committed })
    await publishProject(project, { index, python: await authorsPython(directory), folder: directory })
    index.publish({ name: 'unverified', version: '1.0', uploadTime: '2024-01-01T00:00:00Z' })
    await writeFile(join(network.node().data, 'policy.toml'), ENFORCE)
    await network.node().json('policy', 'reload')

    await t.test(
      'three built the same wheel and source archive, equal to upstream, and one that lies is outvoted',
      async () => {
        const watched = await network.node().cli('build', 'pypi', 'sample-flit==1.2.0', '--watch')
        const entries = (await network.entries(PURL)).map((entry) => JSON.stringify(entry).slice(0, 1_500)).join('\n')
        assert.equal(watched.code, 0, watched.stdout + watched.stderr + entries)
        assert.match(watched.stdout, /verdict +rebuilt, equal/)
      },
    )

    await t.test('H1: pip installs what was rebuilt, and its user reads why another package is refused', async () => {
      const user = await new PythonUser(directory, 'user').setup(network.node(), 'pip')
      await user.install('pip', 'sample-flit', '--only-binary', ':all:')
      assert.deepEqual(user.installed(), ['sample_flit-1.2.0.dist-info'])
      const refused = await user.run('pip', ...user.installing('pip', 'unverified'))
      assert.notEqual(refused.code, 0)
      assert.match(refused.stdout + refused.stderr, /has.no.verdict.in.the.log/s)
    })

    await t.test('a proof and what builders signed hold offline, with nothing but network.json', async () => {
      const page = await fetch(`${index.url}/sample-flit/`, {
        headers: { accept: 'application/vnd.pypi.simple.v1+json' },
      })
      const { files } = (await page.json()) as { files: { filename: string; url: string }[] }
      const url = files.find(({ filename }) => filename === WHEEL)?.url ?? assert.fail('the index has no wheel')
      const bytes = Buffer.from(await (await fetch(url)).arrayBuffer())
      await provesOffline({ network, directory, purl: PURL, name: WHEEL, bytes, summarised: true })
    })
  },
)

/** A Python that imports the back end out of its wheel, in which nothing has to be installed. */
async function authorsPython(directory: string): Promise<string> {
  const wheel = (await readdir(WHEELS)).find((name) => name.startsWith('flit_core-')) ?? assert.fail('no wheel of flit')
  const file = join(directory, 'authors-python')
  const script = `#!/bin/sh\nPYTHONPATH='${join(WHEELS, wheel)}' exec '${toolPath('python3')}' "$@"\n`
  await writeFile(file, script, { mode: 0o755 })
  return file
}
