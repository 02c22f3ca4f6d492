/** What an index lists while upstream cannot be asked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf, HUB, type ReadFlowOptions, readFlow, someBytes } from '../../../test/kit/read-flow.ts'
import { blobIdOf, type Digest, digestBytes } from '../../base/digest.ts'
import { readRules } from '../../policy/read-rules.ts'
import { createRulePolicy } from '../../policy/rule-policy.ts'
import { NOT_KEPT } from './at-hand.ts'

/** The kit's clock begins here. */
const START_MS = 1_700_000_000_000
const DAY_MS = 86_400_000

type Flow = ReturnType<typeof readFlow>

const file = (version: string) => someBytes(10, Number(version) + 1)

function indexOf(releases: Readonly<Record<string, readonly Digest[]>>): string {
  const lines = Object.entries(releases).map(([version, files]) => `${version}\t1000\t${files.join(' ')}\n`)
  return lines.join('')
}

const INDEX = indexOf({ 1: [blobIdOf(file('1'))], 2: [blobIdOf(file('2'))], 3: [blobIdOf(file('3'))] })

/** A node that keeps an index and some of its files, and whose upstream is gone. */
async function cutOff(index: string, kept: readonly string[], options: ReadFlowOptions = {}): Promise<Flow> {
  const flow = readFlow(options)
  flow.upstream.route(HUB, '/doc/a', { body: index })
  for (const version of kept) {
    flow.file(version, file(version))
    assert.equal((await bodyOf(await flow.get(`/file/${version}`))).byteLength, 10)
  }
  assert.equal(await textOf(flow), index)
  flow.clock.advance(61_000)
  flow.upstream.fault(HUB, 'refused')
  flow.peers.lookups.length = 0
  return flow
}

async function textOf(flow: Flow, path = '/doc/a'): Promise<string> {
  return String(await bodyOf(await flow.get(path)))
}

test('an index lists what is kept while upstream cannot be asked, and everything when it can be again', async () => {
  const flow = await cutOff(INDEX, ['1', '2'])
  const reply = await flow.get('/doc/a')
  assert.equal(String(await bodyOf(reply)), `without 3: ${INDEX}`)
  assert.equal(reply.headers['x-notice'], `left out, ${NOT_KEPT}: 3`)
  assert.equal(reply.headers['cache-control'], 'no-cache')
  flow.upstream.fault(HUB, undefined)
  flow.clock.advance(120_000)
  const again = await flow.get('/doc/a')
  assert.equal(String(await bodyOf(again)), INDEX)
  assert.deepEqual([again.headers['x-notice'], again.headers['cache-control']], [undefined, 'max-age=60'])
})

test('while upstream answers nothing is looked up and the releases are not even read', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/a', { body: INDEX })
  assert.equal(await textOf(flow), INDEX)
  flow.clock.advance(30_000)
  assert.equal(await textOf(flow), INDEX)
  assert.deepEqual([flow.transforms, flow.peers.lookups], [[], []])
})

test('an index that came malformed is no sign that files cannot be had', async () => {
  const flow = readFlow()
  flow.documentDefaults.provenBy = 'proof'
  flow.upstream.route(HUB, '/doc/a', { body: INDEX })
  flow.file('1', file('1'))
  await bodyOf(await flow.get('/file/1'))
  await textOf(flow)
  flow.clock.advance(61_000)
  flow.upstream.route(HUB, '/doc/a', { body: 'malformed' })
  const reply = await flow.get('/doc/a')
  assert.equal(String(await bodyOf(reply)), INDEX)
  assert.match(reply.headers.warning ?? '', /Stale/)
})

test('releases at a connected peer are listed, by whatever digest the index states', async () => {
  const bytes = file('2')
  const sha512 = digestBytes('sha512', bytes)
  const flow = await cutOff(indexOf({ 1: [blobIdOf(file('1'))], 2: [sha512], 3: [blobIdOf(file('3'))] }), ['1'])
  const copy = { peerId: 'p', trust: 'stranger', id: blobIdOf(bytes), sizeBytes: 10, bytes } as const
  flow.peers.copies.push({ ...copy, names: [sha512] })
  assert.match(await textOf(flow), /^without 3: /)
  assert.ok(flow.peers.lookups.every((names) => !names.includes(blobIdOf(file('1')))))
})

test('a weak digest counts for what upstream itself gave and for trusted peers only', async () => {
  const sha1 = (version: string) => digestBytes('sha1', file(version))
  const flow = await cutOff(indexOf({ 1: [blobIdOf(file('1'))], 2: [sha1('2')], 3: [sha1('3')] }), ['1'])
  const copy = (version: string) => ({ id: blobIdOf(file(version)), sizeBytes: 10, bytes: file(version) })
  flow.peers.copies.push({ ...copy('2'), peerId: 'p', trust: 'stranger', names: [sha1('2')] })
  flow.peers.copies.push({ ...copy('3'), peerId: 'q', trust: 'named', names: [sha1('3')] })
  assert.match(await textOf(flow), /^without 2: /)
})

test('a release is listed if one of its files is kept, and if the index does not state what they are', async () => {
  const [one, other] = [blobIdOf(file('1')), blobIdOf(file('9'))]
  const flow = await cutOff(indexOf({ 1: [other, one], 2: [other], 3: [] }), ['1'])
  assert.match(await textOf(flow), /^without 2: /)
})

test('an index of which nothing is kept is given whole: it may be all that is wanted', async () => {
  const flow = await cutOff(INDEX, [])
  const reply = await flow.get('/doc/a')
  assert.equal(String(await bodyOf(reply)), INDEX)
  assert.equal(reply.headers['x-notice'], undefined)
})

test('older releases that are not kept are left out without a word', async () => {
  const flow = await cutOff(INDEX, ['3'])
  const reply = await flow.get('/doc/a')
  assert.equal(String(await bodyOf(reply)), `without 1,2: ${INDEX}`)
  assert.equal(reply.headers['x-notice'], undefined)
})

test('what can be had is looked up once for many requests, and again after ten seconds', async () => {
  const flow = await cutOff(INDEX, ['1'])
  await Promise.all([textOf(flow), textOf(flow), textOf(flow)])
  await textOf(flow)
  const { length } = flow.peers.lookups
  assert.equal(length, 1)
  assert.equal(flow.transforms.length, 2, 'the view and one form')
  flow.clock.advance(10_000)
  flow.peers.copies.push({ peerId: 'p', trust: 'named', id: blobIdOf(file('3')), sizeBytes: 10, bytes: file('3') })
  assert.match(await textOf(flow), /^without 2: /)
  assert.ok(flow.peers.lookups.length > length)
})

test('peers are asked for a bounded number of files, in bounded batches', async () => {
  const many = Array.from({ length: 1_000 }, (_, at) => [at + 10, [blobIdOf(Buffer.from(`file ${at}`))]] as const)
  const flow = await cutOff(indexOf({ 1: [blobIdOf(file('1'))], ...Object.fromEntries(many) }), ['1'])
  await textOf(flow)
  assert.deepEqual(
    flow.peers.lookups.map((names) => names.length),
    [64, 64, 64, 64],
  )
  assert.ok(flow.peers.lookups[0]?.includes(blobIdOf(Buffer.from('file 999'))), 'the latest first')
})

test('what the policy hides stays hidden with its own reason, and is not had', async () => {
  const rules = readRules('[[rule]]\nmin-age = "2d"', 'policy.toml', ['bare'])
  const policy = createRulePolicy({
    revision: () => '1',
    rules: () => rules,
    exceptions: () => [],
    advisories: () => [],
  })
  const young = `2\t${START_MS - DAY_MS}\t${blobIdOf(file('2'))}\n`
  const index = `1\t1000\t${blobIdOf(file('1'))}\n${young}3\t1000\t${blobIdOf(file('3'))}\n`
  const flow = readFlow({ policy })
  flow.upstream.route(HUB, '/doc/a', { body: index })
  flow.file('1', file('1'), { releasedAtMs: 1000 })
  flow.file('2', file('2'), { releasedAtMs: 1000 })
  for (const path of ['/file/1', '/file/2', '/doc/a']) await bodyOf(await flow.get(path))
  flow.clock.advance(61_000)
  flow.upstream.fault(HUB, 'refused')
  const reply = await flow.get('/doc/a')
  assert.equal(String(await bodyOf(reply)), `without 2,3: ${index}`)
  assert.match(reply.headers['x-notice'] ?? '', /^held back by the policy .*; left out, not kept here, .*: 3$/)
})

test('a proof from the store alone sees the index as it is kept', async () => {
  const flow = await cutOff(INDEX, ['1'])
  const storeOnly = { onUsed() {} }
  const reply = await flow.get('/doc/a', { storeOnly })
  assert.equal(String(await bodyOf(reply)), INDEX)
})
