import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openEvidence } from './evidence-file.ts'
import type { Evidence } from './split-view.ts'

const evidence: Evidence = { smaller: 'a', larger: 'b', rootThen: new Uint8Array(32), proof: [new Uint8Array(32)] }

async function directoryFor(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pyrsia-evidence-'))
  t.after(() => rm(directory, { recursive: true }))
  return join(directory, 'evidence')
}

test('evidence is there again after a restart, and gone when a person took its file away', async (t) => {
  const directory = await directoryFor(t)
  const store = await openEvidence(directory)
  assert.deepEqual(store.all(), [])
  await store.add('ab', evidence)
  assert.equal(store.all().length, 1)
  const again = await openEvidence(directory)
  assert.deepEqual(
    again.all().map(({ smaller, larger }) => [smaller, larger]),
    [['a', 'b']],
  )
  assert.deepEqual(await readdir(directory), ['ab.json'])
  await rm(join(directory, 'ab.json'))
  assert.deepEqual((await openEvidence(directory)).all(), [])
})

test('a file that is no evidence is passed over', async (t) => {
  const directory = await directoryFor(t)
  await (await openEvidence(directory)).add('ab', evidence)
  await writeFile(join(directory, 'cd.json'), '{"half":')
  assert.equal((await openEvidence(directory)).all().length, 1)
})

test('a directory that cannot be had is said', async (t) => {
  const directory = await directoryFor(t)
  await writeFile(directory, 'a file')
  await assert.rejects(openEvidence(directory), { code: 'unavailable.storage' })
})
