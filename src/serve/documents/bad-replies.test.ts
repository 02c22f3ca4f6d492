/** What upstream sends that is no document: it takes the place of nothing, is not kept, and is not asked for again at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf, HUB, readFlow, settled } from '../../../test/kit/read-flow.ts'
import { blobIdOf } from '../../base/digest.ts'

type Flow = ReturnType<typeof readFlow>

/** A node that has kept `one`, and whose copy is no longer fresh. */
async function flowWithKept(): Promise<Flow> {
  const flow = readFlow()
  flow.documentDefaults.provenBy = 'proof'
  flow.upstream.route(HUB, '/doc/a', { body: 'one' })
  await flow.get('/doc/a')
  flow.clock.advance(100_000)
  return flow
}

test('handle() gives the last known document with its age when upstream sends a malformed one, and keeps nothing of that', async () => {
  const flow = await flowWithKept()
  flow.upstream.route(HUB, '/doc/a', { body: 'malformed' })
  const reply = await flow.get('/doc/a')
  assert.equal(String(await bodyOf(reply)), 'one')
  assert.equal(reply.headers.age, '100')
  assert.equal(flow.store.lookup(blobIdOf(Buffer.from('malformed'))), undefined)
})

test('handle() refuses a malformed document where nothing was kept, and takes a good one later', async () => {
  const flow = readFlow()
  flow.documentDefaults.provenBy = 'proof'
  flow.upstream.route(HUB, '/doc/a', { body: 'malformed' })
  const refused = await flow.get('/doc/a')
  assert.equal(refused.status, 404)
  assert.match(String(await bodyOf(refused)), /^untrusted: reading a document: it is malformed/)
  flow.upstream.route(HUB, '/doc/a', { body: 'good' })
  flow.clock.advance(10_000)
  assert.equal(String(await bodyOf(await flow.get('/doc/a'))), 'good')
})

test('handle() leaves a malformed document in the store if the same bytes were there before', async () => {
  const flow = await flowWithKept()
  const bytes = Buffer.from('malformed')
  flow.file('f', bytes)
  await bodyOf(await flow.get('/file/f'))
  flow.clock.advance(1_000)
  flow.upstream.route(HUB, '/doc/a', { body: bytes })
  await flow.get('/doc/a')
  assert.notEqual(flow.store.lookup(blobIdOf(bytes)), undefined)
})

for (const [what, route] of [
  ['malformed', { body: 'malformed' }],
  ['too large', { body: 'x'.repeat(1_000_001) }],
] as const) {
  test(`handle() asks once in ten seconds for a document that comes ${what}, however many clients ask`, async () => {
    const flow = await flowWithKept()
    flow.upstream.route(HUB, '/doc/a', route)
    const asked = flow.upstream.requests.length
    for (let client = 0; client < 20; client++) assert.equal(String(await bodyOf(await flow.get('/doc/a'))), 'one')
    assert.equal(flow.upstream.requests.length, asked + 1)
    flow.clock.advance(10_000)
    flow.upstream.route(HUB, '/doc/a', { body: 'two' })
    assert.equal(String(await bodyOf(await flow.get('/doc/a'))), 'two')
  })
}

test('handle() gives up a document that comes too slowly to ever end', async () => {
  const flow = readFlow()
  const { clock } = flow
  flow.upstream.route(HUB, '/doc/a', {
    body: 'x'.repeat(200),
    chunkBytes: 1,
    // Never silent for long, so that no limit of the transport is reached.
    gate: async () => clock.advance(1_000),
  })
  const asking = flow.get('/doc/a')
  await settled()
  const reply = await asking
  assert.equal(reply.status, 404)
  assert.match(String(await bodyOf(reply)), /comes too slowly: \d+ bytes in 1[5-7]\d{3} ms/)
})
