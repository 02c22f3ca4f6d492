/** Answers from the store alone: nobody is asked, and what they rest on is told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf, HUB, readFlow, someBytes } from '../../../test/kit/read-flow.ts'
import { blobIdOf, type Digest } from '../../base/digest.ts'
import type { ServeReply, Used } from '../request.ts'

type Flow = ReturnType<typeof readFlow>

async function keptOnly(flow: Flow, path: string): Promise<{ reply: ServeReply; used: Used[] }> {
  const used: Used[] = []
  const reply = await flow.get(path, { method: 'HEAD', storeOnly: { onUsed: (each) => used.push(each) } })
  return { reply, used }
}

test('handle() with storeOnly refuses a file that upstream has and the store has not', async () => {
  const flow = readFlow()
  flow.file('a', someBytes(1000))
  const { reply, used } = await keptOnly(flow, '/file/a')
  assert.notEqual(reply.status, 200)
  assert.deepEqual(used, [])
  assert.equal(flow.upstream.requests.length, 0)
})

test('handle() with storeOnly gives a stored file and tells which blob it is', async () => {
  const flow = readFlow()
  const bytes = someBytes(1000)
  flow.file('a', bytes)
  await bodyOf(await flow.get('/file/a'))
  const { reply, used } = await keptOnly(flow, '/file/a')
  assert.equal(reply.status, 200)
  assert.deepEqual(
    used.map((each) => each.kind === 'blob' && each.blob.id),
    [blobIdOf(bytes)],
  )
})

test('handle() with storeOnly refuses a file whose parts are not all in the store', async () => {
  const flow = readFlow()
  const part: Digest = blobIdOf(someBytes(10, 7))
  flow.file('a', someBytes(1000), { requires: [{ digest: part, sizeBytes: 10, mediaType: undefined }] })
  await bodyOf(await flow.get('/file/a'))
  const { reply } = await keptOnly(flow, '/file/a')
  assert.notEqual(reply.status, 200)
})

test('handle() with storeOnly gives a kept document however old, tells it, and does not renew it', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/index', { body: Buffer.from('index') })
  const missing = await keptOnly(flow, '/doc/index')
  assert.notEqual(missing.reply.status, 200)
  await bodyOf(await flow.get('/doc/index'))
  const asked = flow.upstream.requests.length
  flow.clock.advance(1_000_000_000)
  const { reply, used } = await keptOnly(flow, '/doc/index')
  assert.equal(reply.status, 200)
  assert.deepEqual(
    used.map((each) => each.kind === 'document' && each.document.body),
    [blobIdOf(Buffer.from('index'))],
  )
  assert.equal(flow.upstream.requests.length, asked)
})
