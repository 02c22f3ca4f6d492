/** What a node's policy keeps back from pip and uv, and what their users read when it does. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { needs } from '../kit/needs.ts'
import { scratch, startNode } from '../kit/node-process.ts'
import { type PypiIndex, startPypiIndex } from '../kit/pypi-index.ts'
import { PythonUser } from '../kit/python-user.ts'

const POLICY = `
[[rule]]
names = ["left-pda"]
access = "block"
reason = "typo squatting"

[[rule]]
names = ["acme-*"]
access = "private"

[[rule]]
min-age = "7d"
reason = "wait a week"
`

async function world(t: TestContext, client: 'pip' | 'uv'): Promise<{ index: PypiIndex; user: PythonUser }> {
  const directory = await scratch(t, `e2e-policy-${client}`)
  const index = await startPypiIndex([
    { name: 'left-pad', version: '1.0', uploadTime: '2020-01-01T00:00:00Z' },
    { name: 'left-pad', version: '2.0', uploadTime: new Date().toISOString() },
    { name: 'left-pda', version: '1.0', uploadTime: '2020-01-01T00:00:00Z' },
    { name: 'acme-core', version: '9.0', uploadTime: '2020-01-01T00:00:00Z' },
  ])
  t.after(() => index.close())
  const data = join(directory, 'node')
  mkdirSync(data, { mode: 0o700 })
  writeFileSync(join(data, 'policy.toml'), POLICY)
  const node = await startNode({ data, args: ['--upstream', `pypi=${index.url}`] })
  t.after(() => node.stop())
  return { index, user: await new PythonUser(directory, 'user').setup(node, client) }
}

for (const client of ['pip', 'uv'] as const) {
  test(`${client} takes the newest release that is old enough, and reads why of one that is not`, {
    ...needs(client, 'python3'),
    timeout: 120_000,
  }, async (t) => {
    const { user } = await world(t, client)
    await user.install(client, 'left-pad')
    assert.deepEqual(user.installed(), ['left_pad-1.0.dist-info'])
    user.forget()
    const { code, stdout, stderr } = await user.run(client, ...user.installing(client, 'left-pad==2.0'))
    assert.notEqual(code, 0)
    assert.match(stdout + stderr, /wait a week/)
  })

  test(`E6: ${client} gets neither a blocked nor a private name, and no upstream hears of them`, {
    ...needs(client, 'python3'),
    timeout: 120_000,
  }, async (t) => {
    const { index, user } = await world(t, client)
    for (const name of ['left-pda', 'acme-core']) {
      const { code, stdout, stderr } = await user.run(client, ...user.installing(client, name))
      assert.notEqual(code, 0, name)
      assert.match(stdout + stderr, name === 'left-pda' ? /typo.squatting/ : /private/)
    }
    assert.deepEqual(index.requests, [])
  })
}
