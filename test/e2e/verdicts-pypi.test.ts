/** What pip and uv install, and what their users read, where the log decides. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { testRevocation, testVerdict } from '../kit/log-entries.ts'
import { needs } from '../kit/needs.ts'
import { type PypiIndex, startPypiIndex } from '../kit/pypi-index.ts'
import { PythonUser } from '../kit/python-user.ts'
import { ENFORCE, startVerdictNode } from '../kit/verdict-node.ts'

const TIME = '2020-01-01T00:00:00Z'
const SAMPLES = [
  ...['1.0', '1.1', '2.0'].map((version) => ({ name: 'ranged', version, uploadTime: TIME })),
  ...['rangde', 'withdrawn'].map((name) => ({ name, version: '1.0', uploadTime: TIME })),
]

/** The wheel of a release, as the index has it. */
async function wheelOf(index: PypiIndex, name: string, version: string): Promise<{ name: string; bytes: Buffer }> {
  const headers = { accept: 'application/vnd.pypi.simple.v1+json' }
  const page = (await (await fetch(`${index.url}/${name}/`, { headers })).json()) as {
    files: { filename: string; url: string }[]
  }
  const file = page.files.find(({ filename }) => filename.startsWith(`${name}-${version}-`)) ?? assert.fail(name)
  return { name: file.filename, bytes: Buffer.from(await (await fetch(file.url)).arrayBuffer()) }
}

async function world(t: TestContext) {
  const index = await startPypiIndex(SAMPLES)
  t.after(() => index.close())
  const verdict = async (name: string, version: string) =>
    testVerdict({ purl: `pkg:pypi/${name}@${version}`, files: [await wheelOf(index, name, version)] })
  const entries = [
    await verdict('ranged', '1.0'),
    await verdict('ranged', '1.1'),
    await verdict('withdrawn', '1.0'),
    testRevocation('pkg:pypi/withdrawn@1.0', [], 'steals keys'),
  ]
  const args = ['--upstream', `pypi=${index.url}`]
  return await startVerdictNode(t, { name: 'e2e-verdicts-pypi', args, rules: ENFORCE, entries })
}

test('pip and uv install what the log says they may, and their users read why not', {
  ...needs('pip', 'uv', 'python3'),
  timeout: 180_000,
}, async (t) => {
  const here = await world(t)
  for (const client of ['pip', 'uv'] as const) {
    const user = await new PythonUser(here.directory, client).setup(here.node(), client)
    const told = async (what: string): Promise<string> => {
      const { code, stdout, stderr } = await user.run(client, ...user.installing(client, what))
      assert.notEqual(code, 0, what)
      return stdout + stderr
    }

    await t.test(`H2: with ${client} ranges resolve to verified releases`, async () => {
      await user.install(client, 'ranged>=1.0')
      assert.deepEqual(user.installed(), ['ranged-1.1.dist-info'])
      user.forget()
    })

    await t.test(`H1: ${client} shows that nobody verified a typosquat`, async () => {
      assert.match(await told('rangde'), /rangde.*has.no.verdict.in.the.log/s)
    })

    await t.test(`${client} shows why an unverified release that is asked for exactly is refused`, async () => {
      assert.match(await told('ranged==2.0'), /has no verdict in the log.*verified only/s)
    })

    await t.test(`${client} shows that a release was revoked, and why`, async () => {
      assert.match(await told('withdrawn==1.0'), /is revoked.*steals keys/s)
    })
  }
})
