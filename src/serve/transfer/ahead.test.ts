import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf, HUB, type ReadFlow, type ReadFlowOptions, readFlow, settled } from '../../../test/kit/read-flow.ts'
import { blobIdOf } from '../../base/digest.ts'
import { integrityPolicy } from '../../policy/integrity.ts'

/** A flow with files that lead on as their text says: `file PATH`, `statement PATH`. */
function leading(texts: Readonly<Record<string, string>>, options: ReadFlowOptions = {}): ReadFlow {
  const flow = readFlow(options)
  for (const [name, text] of Object.entries(texts)) flow.file(name, Buffer.from(text), { leads: true })
  return flow
}

async function take(flow: ReadFlow, path: string): Promise<string | undefined> {
  const reply = await flow.get(path)
  await bodyOf(reply)
  for (let turn = 0; turn < 20; turn += 1) await settled()
  return reply.headers['x-pyrsia-source']
}

const asked = (flow: ReadFlow, path: string) => flow.upstream.requests.filter((request) => request.path === path).length

test('what a file from upstream leads to is here before a client asks for it, and so is what that leads to', async () => {
  const flow = leading({ a: 'file /file/b', b: 'file /file/c\nfile /file/a', c: 'the end' })
  assert.equal(await take(flow, '/file/a'), 'upstream')
  assert.equal(await take(flow, '/file/c'), 'store')
  assert.equal(await take(flow, '/file/b'), 'store')
  for (const path of ['/a', '/b', '/c']) assert.equal(asked(flow, path), 1, path)
  // Nobody was given it when it was brought: only what clients took counts as served.
  assert.equal(flow.serve.state().sources.upstream.hits, 1)
})

test('of a statement nothing but what upstream states is asked for', async () => {
  const flow = leading({ a: 'statement /pointed/b', b: 'large' })
  flow.upstream.route('hub.example.com', '/doc/pointer', { body: Buffer.from('b') })
  await take(flow, '/file/a')
  assert.equal(asked(flow, '/doc/pointer'), 1)
  assert.equal(asked(flow, '/b'), 0)
})

test('a name that upstream must not hear of is not asked for, whoever names it', async () => {
  const policy: typeof integrityPolicy = {
    ...integrityPolicy,
    mayAsk: ({ purl }) => (purl.includes('secret') ? { code: 'denied', message: 'a private name' } : undefined),
  }
  const flow = leading({ a: 'file /file/secret\nfile /file/b', secret: 'x', b: 'y' }, { policy })
  await take(flow, '/file/a')
  assert.equal(asked(flow, '/secret'), 0)
  assert.equal(asked(flow, '/b'), 1)
})

test('what nobody comes for is bounded: a thousand small files in a minute', async () => {
  const many = Array.from({ length: 100 }, (_, at) => `m${at}`)
  const leaves = Object.fromEntries(
    many.map((name) => [name, Array.from({ length: 100 }, (_, at) => `file /file/${name}-${at}`).join('\n')]),
  )
  const flow = leading({ a: many.map((name) => `file /file/${name}`).join('\n'), ...leaves })
  const names = many.flatMap((name) => Array.from({ length: 100 }, (_, at) => `${name}-${at}`))
  for (const name of names) flow.file(name, Buffer.from(name))
  await take(flow, '/file/a')
  let before = -1
  while (before !== flow.upstream.requests.length) {
    before = flow.upstream.requests.length
    for (let turn = 0; turn < 20; turn += 1) await settled()
  }
  assert.ok(before > 200 && before <= 1_025, `${before} requests`)
})

test('files that name ever new ones are not followed without end, however slowly they come', async () => {
  const names = Array.from({ length: 3_000 }, (_, at) => `c${at}`)
  const flow = leading(Object.fromEntries(names.map((name, at) => [name, `file /file/c${at + 1}`])))
  for (const [at, name] of names.entries()) {
    // What was begun a minute ago no longer counts as waiting for somebody.
    flow.upstream.route(HUB, `/${name}`, () => {
      flow.clock.advance(1_000)
      return { body: Buffer.from(`file /file/c${at + 1}`) }
    })
  }
  await take(flow, '/file/c0')
  let before = -1
  while (before !== flow.upstream.requests.length) {
    before = flow.upstream.requests.length
    for (let turn = 0; turn < 50; turn += 1) await settled()
  }
  assert.ok(before > 1_000 && before <= 1_025, `${before} requests`)
  assert.equal(await take(flow, '/file/c2000'), 'upstream')
  assert.equal(asked(flow, '/c2001'), 1, 'what a client takes leads on')
})

test('a large file is not brought before somebody asks for it', async () => {
  const flow = leading({ a: 'file /file/large' })
  flow.file('large', new Uint8Array(16_777_217))
  await take(flow, '/file/a')
  assert.equal(flow.store.lookup(blobIdOf(new Uint8Array(16_777_217))), undefined)
  assert.equal(await take(flow, '/file/large'), 'upstream')
})

test('a file from the store, and one that does not say that it leads, bring nothing', async () => {
  const flow = leading({ a: 'file /file/b', b: 'x' })
  flow.file('plain', Buffer.from('not leading\nfile /file/b'))
  await take(flow, '/file/plain')
  assert.equal(asked(flow, '/b'), 0)
  await take(flow, '/file/a')
  assert.equal(asked(flow, '/b'), 1)
  await flow.store.remove(blobIdOf(Buffer.from('x')))
  assert.equal(await take(flow, '/file/a'), 'store')
  assert.equal(asked(flow, '/b'), 1)
})

test('what cannot be had costs the client nothing', async () => {
  const flow = leading({ a: 'file /file/missing\nfile not a path\nstatement /doc/x\nfile /file/b', b: 'x' })
  assert.equal(await take(flow, '/file/a'), 'upstream')
  assert.equal(await take(flow, '/file/b'), 'store')
})
