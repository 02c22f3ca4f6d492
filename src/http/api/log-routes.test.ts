import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quietLogDoor, SAMPLE_CHECKPOINT } from '../../../test/kit/sample-log-door.ts'
import { sampleNetwork } from '../../../test/kit/sample-network.ts'
import type { Json } from '../../base/crypto/canonical-json.ts'
import { LOG_ROUTES } from './log-routes.ts'
import type { ApiParts, LogDoor } from './parts.ts'

const logDoor: LogDoor = {
  ...quietLogDoor,
  entries: async (from, to) => ({ origin: 'log', size: 3, entries: [{ index: from, entry: { to } }] }),
  find: async (question) => ({ origin: 'log', size: 3, entries: [{ index: 1, entry: { ...question } as Json }] }),
  network: () => ({ network: sampleNetwork({ authorities: 1 }), digest: 'sha256:ab' }),
  proof: async (of) => ({ size: 3, indexes: [1], proof: JSON.stringify(of) }),
}

/** What the route answers to a query as the dispatcher hands it over. */
async function ask(name: string, query: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
  const route = LOG_ROUTES.find(({ path }) => path === `/api/log/${name}`)
  assert.ok(route !== undefined && !route.changes)
  const parts = { logDoor } as unknown as ApiParts
  const call = { parts, query: route.query?.parse(query) ?? {}, body: {}, signal: new AbortController().signal }
  return (await route.handle(call)) as Record<string, unknown>
}

test('the API shows the checkpoint and the members', async () => {
  assert.deepEqual(await ask('checkpoint'), SAMPLE_CHECKPOINT)
  assert.equal((await ask('members')).digest, 'sha256:ab')
})

test('the API lists entries, a page at a time', async () => {
  assert.deepEqual((await ask('entries', { from: '5', to: '9' })).entries, [{ index: 5, entry: { to: 9 } }])
  assert.deepEqual((await ask('entries')).entries, [{ index: 0, entry: { to: 1_000 } }])
  assert.deepEqual((await ask('entries', { from: '7', to: '99999' })).entries, [{ index: 7, entry: { to: 1_007 } }])
  await assert.rejects(ask('entries', { from: '-1' }))
})

test('the API finds what the log has on a package, by purl or by coordinates', async () => {
  const { entries } = await ask('find', { ecosystem: 'toy', coordinates: 'a', latest: 'true' })
  assert.deepEqual(entries, [{ index: 1, entry: { ecosystem: 'toy', coordinates: 'a', latest: true } }])
  assert.deepEqual((await ask('find', { purl: 'pkg:toy/a' })).entries, [
    { index: 1, entry: { purl: 'pkg:toy/a', latest: false } },
  ])
})

test('the API proves a package or an entry, and not both or neither', async () => {
  assert.equal((await ask('proof', { purl: 'pkg:toy/a' })).proof, '{"purl":"pkg:toy/a"}')
  assert.equal((await ask('proof', { index: '2' })).proof, '{"index":2}')
  await assert.rejects(ask('proof'), { code: 'usage.request' })
  await assert.rejects(ask('proof', { index: '2', purl: 'pkg:toy/a' }), { code: 'usage.request' })
})
