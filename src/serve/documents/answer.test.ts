/** What an ecosystem may ask for beside a document or bytes: names alone, what comes next, and who would not tell. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HUB, locatedFile, readFlow, settled, someBytes } from '../../../test/kit/read-flow.ts'
import { toyEcosystem } from '../../../test/kit/toy-ecosystem.ts'
import { digestBytes } from '../../base/digest.ts'
import { documentKey } from '../../base/document.ts'
import type { DocumentRequest, Got, Located, Need, Resolution } from '../../base/located.ts'
import type { Ecosystem } from '../../ecosystems/ecosystem.ts'

const DONE: Resolution = { kind: 'reply', reply: { status: 200, headers: {}, body: 'done' } }

/** An ecosystem whose every request runs `steps`. */
function asking(steps: () => Generator<Need, Resolution, Got>): Ecosystem {
  const want = { kind: 'document', upstream: HUB, params: {} } as const
  return { ...toyEcosystem, routes: [{ methods: ['GET'], pattern: /^/, want: () => want }], resolve: steps }
}

function documentAt(path: string, over: Partial<DocumentRequest> = {}): DocumentRequest {
  const times = { freshSeconds: 60, staleSeconds: 0, immutable: false }
  return { upstream: HUB, path, method: 'GET', headers: {}, keepHeaders: [], bytesMax: 1000, ...times, ...over }
}

test('a need for names is answered with every digest of the stored blob, and asks nobody', async () => {
  const flow = readFlow()
  const bytes = someBytes(100)
  const located = flow.file('a', bytes)
  const answers: Got[] = []
  const ecosystem = asking(function* () {
    answers.push(yield { kind: 'blob', located, bytesMax: 1, namesOnly: true })
    return DONE
  })
  await flow.get('/x', { ecosystem })
  assert.equal(answers[0]?.kind, 'unavailable')
  assert.equal(flow.upstream.requests.length, 0)
  const writer = await flow.store.begin({ digests: [], aliases: ['sha1'], sizeBytes: 100, bytesMax: 100 })
  await writer.write(bytes)
  await writer.commit({ mediaType: undefined, share: 'none', origin: { kind: 'upstream', name: HUB } })
  await flow.get('/x', { ecosystem })
  const named = answers[1]
  assert.ok(named?.kind === 'blob' && named.bytes.byteLength === 0)
  assert.deepEqual(new Set(named.names), new Set([digestBytes('sha256', bytes), digestBytes('sha1', bytes)]))
})

test('documents that are needed soon are asked for at the same time, once', async () => {
  const flow = readFlow()
  const gate = Promise.withResolvers<void>()
  for (const path of ['/doc/1', '/doc/2', '/doc/3'])
    flow.upstream.route(HUB, path, { body: path, gate: () => gate.promise })
  const ecosystem = asking(function* () {
    const soon = [documentAt('/doc/2'), documentAt('/doc/3'), documentAt('/doc/9', { upstream: 'elsewhere' })]
    yield { kind: 'document', request: documentAt('/doc/1'), soon }
    const second = yield { kind: 'document', request: documentAt('/doc/2') }
    return second.kind === 'document' ? DONE : { kind: 'absent', reason: { code: 'absent', message: 'no second' } }
  })
  const reply = flow.get('/x', { ecosystem })
  await settled()
  assert.deepEqual(flow.upstream.requests.map(({ path }) => path).sort(), ['/doc/1', '/doc/2', '/doc/3'])
  gate.resolve()
  assert.equal((await reply).status, 200)
  assert.equal(flow.upstream.requests.length, 3)
})

test('an upstream that would not tell is known from one that has no such document', async () => {
  const flow = readFlow()
  flow.upstream.route(HUB, '/doc/secret', { status: 401 })
  const answers: Got[] = []
  const ecosystem = asking(function* () {
    answers.push(yield { kind: 'document', request: documentAt('/doc/secret') })
    answers.push(yield { kind: 'document', request: documentAt('/doc/missing') })
    return DONE
  })
  await flow.get('/x', { ecosystem })
  assert.deepEqual(
    answers.map((got) => [got.kind, got.kind === 'absent' ? got.refused : 0]),
    [
      ['absent', true],
      ['absent', undefined],
    ],
  )
})

test('what is marked as unshared is shared with nobody, though its upstream is public', async () => {
  const flow = readFlow()
  const bytes = someBytes(100)
  const located: Located = { ...locatedFile('snapshot', bytes), unshared: true }
  flow.upstream.route(HUB, '/snapshot', { body: bytes })
  flow.upstream.route(HUB, '/doc/builds', { body: 'builds' })
  flow.upstream.route(HUB, '/doc/public', { body: 'public' })
  const builds = documentAt('/doc/builds', { unshared: true })
  const ecosystem = asking(function* () {
    yield { kind: 'document', request: builds }
    yield { kind: 'document', request: documentAt('/doc/public') }
    yield { kind: 'blob', located, bytesMax: 1000 }
    return DONE
  })
  assert.equal((await flow.get('/x', { ecosystem })).status, 200)
  assert.equal(flow.store.lookup(located.digests[0])?.share, 'none')
  assert.equal(flow.serve.document(documentKey(builds))?.share, 'none')
  assert.notEqual(flow.serve.document(documentKey(documentAt('/doc/public')))?.share, 'none')
})
