/** What `pyrsia sync` asks of the node, prints, and ends with. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { SyncJob } from '../../http/http.ts'
import type { CliContext, ListRequest } from '../context.ts'
import { sync } from './sync.ts'

const JOB: SyncJob = {
  id: 'r1',
  path: '/p/toy.lock',
  label: 'sync:/p/toy.lock',
  ecosystem: 'toy',
  platform: 'linux/amd64',
  checkOnly: false,
  state: 'complete',
  wantedCount: 3,
  doneCount: 3,
  fetchedBytes: 3_000,
  missingCount: 0,
  missing: [],
  failure: undefined,
  startedAtMs: 0,
  endedAtMs: 1,
}

async function lockfile(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pyrsia-cli-'))
  t.after(() => rm(directory, { recursive: true }))
  const path = join(directory, 'toy.lock')
  await writeFile(path, 'the lock')
  return path
}

/** A context whose node answers with these runs, one after the other. */
function context(...answers: readonly Partial<SyncJob>[]) {
  const calls: unknown[] = []
  const printed: string[] = []
  const waiting = answers.map((answer) => ({ ...JOB, ...answer }))
  const answer = (call: readonly unknown[]) => {
    calls.push(call)
    return waiting.shift()
  }
  const node = {
    get: async (path: string, query: unknown) => answer(['GET', path, query]),
    change: async (method: string, path: string, given: { body?: unknown; query?: unknown }) =>
      answer([method, path, given.body ?? given.query]),
  }
  const fake = {
    out: (text: string) => void printed.push(text),
    progress() {},
    nowMs: () => 0,
    connect: async () => node,
    async listed({ action, text, endpoints }: ListRequest) {
      if (text !== 'no lock') return undefined
      return `${action} at ${(await endpoints()).toy}`
    },
  } as unknown as CliContext
  return { fake, calls, text: () => printed.join('') }
}

test('sync hands the lockfile to the node and follows the run to its end', async (t) => {
  const path = await lockfile(t)
  const { fake, calls, text } = context({ state: 'running' }, { state: 'running' }, {})
  await sync(fake, [path], { platform: 'linux/arm64' })
  assert.deepEqual(calls, [
    ['POST', '/api/syncs', { path, text: 'the lock', checkOnly: false, platform: 'linux/arm64' }],
    ['GET', '/api/syncs/run', { id: 'r1', waitMs: '500' }],
    ['GET', '/api/syncs/run', { id: 'r1', waitMs: '500' }],
  ])
  assert.equal(text(), '/p/toy.lock: complete, 3 files, 3.00 kB fetched\n')
})

test('sync lists what is missing, without what could steer a terminal, and ends as absent', async (t) => {
  const path = await lockfile(t)
  const missing = [{ purl: 'pkg:toy/a@1', requestPath: '/a', reason: 'nobody \u001b[31mhas it' }]
  const { fake, text } = context({ state: 'incomplete', missing, missingCount: 7, checkOnly: true })
  await assert.rejects(sync(fake, [path], { check: true }), { code: 'absent.lockfile' })
  assert.match(text(), /7 of 3 files are missing\n! pkg:toy\/a@1 \(\/a\): nobody \ufffd\[31mhas it\n! and 6 more\n/)
})

test('sync sends the list of a file that is no lockfile under the path of that file', async (t) => {
  const path = await lockfile(t)
  await writeFile(path, 'no lock')
  for (const [check, action] of [
    [false, 'make'],
    [true, 'reuse'],
  ] as const) {
    const { fake, calls } = context({ endpoints: { toy: 'http://toy' } } as Partial<SyncJob>, {})
    await sync(fake, [path], { check })
    assert.deepEqual(calls.at(-1), ['POST', '/api/syncs', { path, text: `${action} at http://toy`, checkOnly: check }])
  }
})

test('sync of a run that failed as a whole says why', async (t) => {
  const path = await lockfile(t)
  const { fake } = context({ state: 'failed', failure: 'the disk is full' })
  await assert.rejects(sync(fake, [path], {}), { code: 'unavailable.node', message: /the disk is full$/ })
})

test('sync refuses to begin without a lockfile, and with one that is not there', async () => {
  const { fake } = context()
  await assert.rejects(sync(fake, [], {}), { code: 'usage.config' })
  await assert.rejects(sync(fake, ['/nowhere/toy.lock'], {}), { code: 'usage.request' })
})
