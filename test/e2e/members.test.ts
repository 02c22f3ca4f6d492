/** A network of one authority, founded by files: a node offers itself, is let in, is taken out; and what was built meanwhile is explained. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { MembersReport } from '../../src/cli/log/members-view.ts'
import type { SubmissionView } from '../../src/http/http.ts'
import { PYRSIA, scratch, startNode } from '../kit/node-process.ts'
import { run, until } from '../kit/process.ts'

test('a node offers itself by a file, is authorized and deauthorized, and a real build is explained', {
  timeout: 240_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-members')
  const at = (name: string): string => join(directory, name)
  const good = async (...args: string[]): Promise<string> => {
    const done = await run(PYRSIA, args, { cwd: directory })
    assert.equal(done.code, 0, done.stderr)
    return done.stdout
  }
  const part = ['--org', 'acme', '--name', 'example.org/packages', '--types', 'npm', '-o', 'acme.json']
  await good('network', 'init', ...part, '--data', at('acme'))
  await good('network', 'merge', 'acme.json', '-o', 'network.json')
  for (const name of ['acme', 'beta']) await good('network', 'join', 'network.json', '--yes', '--data', at(name))
  await good('network', 'offer', '--org', 'beta', '--types', 'npm', '-o', 'beta.json', '--data', at('beta'))
  const args = ['--offline', '--authority', '--builder', '--test-builder', '0s']
  const acme = await startNode({ data: at('acme'), args })
  t.after(() => acme.stop('SIGKILL'))
  const members = async () => (await acme.json('members')) as MembersReport
  const names = async () => (await members()).organisations.map(({ organisation }) => organisation)
  const becomes = (wanted: string) =>
    until(`the members to be ${wanted}`, async () => (await names()).join() === wanted || undefined, 60_000)
  assert.deepEqual(await names(), ['acme'])
  const admitted = await acme.cli('authorize', '--offer', at('beta.json'))
  assert.match(admitted.stdout, /1 of 1 votes, of 1 authorities\. That decides it/, admitted.stderr)
  await becomes('acme,beta')
  const again = await acme.cli('authorize', '--offer', at('beta.json'))
  assert.deepEqual([again.code, /\[denied\.network\]/.test(again.stderr)], [3, true], again.stderr)
  const removed = await acme.cli('deauthorize', '--org', 'beta')
  assert.equal(removed.code, 0, removed.stderr)
  await becomes('acme')
  const asked = (await acme.json('build', 'npm', 'cool@1.0.0')) as SubmissionView
  const built = await until(
    'the verdict',
    async () => {
      const view = (await acme.json('build', 'status', '--id', asked.id)) as SubmissionView
      return view.verdict === undefined ? undefined : view
    },
    90_000,
  )
  const told = await acme.cli('explain', built.request ?? '', '--verify')
  assert.equal(told.code, 0, told.stdout + told.stderr)
  assert.match(told.stdout, /1 drawn, 1 must agree\n/)
  assert.match(told.stdout, /verdict: built-once/)
})
