/** The read flow with rules: what the policy is asked, when, and what clients get then. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf, HUB, locatedFile, type ReadFlowOptions, readFlow, someBytes } from '../../../test/kit/read-flow.ts'
import { toyEcosystem } from '../../../test/kit/toy-ecosystem.ts'
import { blobIdOf, digestBytes } from '../../base/digest.ts'
import type { Located } from '../../base/located.ts'
import { parsePurl, purlParts } from '../../base/purl.ts'
import type { Ecosystem } from '../../ecosystems/ecosystem.ts'
import type { PolicyException } from '../../policy/policy.ts'
import { readRules } from '../../policy/read-rules.ts'
import { createRulePolicy } from '../../policy/rule-policy.ts'

const DAY_MS = 86_400_000
/** The kit's clock begins here. */
const START_MS = 1_700_000_000_000
const INDEX = `1\t${START_MS - 30 * DAY_MS}\n2\t${START_MS - DAY_MS}\n`

function ruled(text: string, options: ReadFlowOptions = {}, exceptions: PolicyException[] = []) {
  const rules = readRules(text, 'policy.toml', ['bare'])
  let revision = 0
  const policy = createRulePolicy({
    revision: () => String(revision),
    rules: () => rules,
    exceptions: () => exceptions,
    advisories: () => [],
  })
  const flow = readFlow({ ...options, policy })
  return {
    flow,
    except(exception: PolicyException) {
      exceptions.push(exception)
      revision++
    },
  }
}

type Flow = ReturnType<typeof readFlow>

async function textOf(flow: Flow, path: string, headers = {}): Promise<string> {
  return String(await bodyOf(await flow.get(path, { headers })))
}

function asked(flow: Flow, path: string): number {
  return flow.upstream.requests.filter((request) => request.path === path).length
}

test('a blocked package is refused with the reason, and upstream never hears its name', async () => {
  const { flow } = ruled('[[rule]]\nnames = ["evil"]\naccess = "block"')
  flow.upstream.route(HUB, '/doc/evil', { body: INDEX })
  flow.file('evil', someBytes(10))
  assert.equal(await textOf(flow, '/doc/evil'), 'denied: evil is blocked (policy: rule 1)')
  assert.equal(await textOf(flow, '/file/evil'), 'denied: evil is blocked (policy: rule 1)')
  assert.deepEqual(flow.upstream.requests, [])
  assert.equal(flow.serve.state().denials, 2)
})

test('a private name is asked of the upstreams that its rule names, and of no other', async () => {
  const { flow } = ruled('[[rule]]\nnames = ["own", "theirs"]\naccess = "private"\nupstreams = ["other.example.com"]')
  flow.upstream.route(HUB, '/doc/own', { body: INDEX })
  assert.match(await textOf(flow, '/doc/own'), /^denied: own is a private name, which this node does not ask hub/)
  assert.deepEqual(flow.upstream.requests, [])
  flow.upstream.route('other.example.com', '/doc/own', { body: INDEX })
  flow.documentDefaults.upstream = 'other.example.com'
  assert.equal(await textOf(flow, '/doc/own'), INDEX)
})

test('an index leaves out what is too young and tells its user; when it is old enough it is there', async () => {
  const { flow } = ruled('[[rule]]\nmin-age = "2d"')
  flow.documentDefaults.freshSeconds = 10_000_000
  flow.upstream.route(HUB, '/doc/a', { body: INDEX })
  const young = await flow.get('/doc/a')
  assert.equal(String(await bodyOf(young)), `without 2: ${INDEX}`)
  assert.match(young.headers['x-notice'] ?? '', /held back by the policy of this node: a@2 was published 2023-11-13/)
  const transforms = flow.transforms.length
  assert.equal(await textOf(flow, '/doc/a'), `without 2: ${INDEX}`)
  assert.equal(flow.transforms.length, transforms, 'nothing is made twice')
  flow.clock.advance(DAY_MS)
  const old = await flow.get('/doc/a')
  assert.deepEqual([String(await bodyOf(old)), old.headers['x-notice']], [INDEX, undefined])
})

test('an index of which nothing is left is refused with the reason', async () => {
  const { flow } = ruled('[[rule]]\nmin-age = "60d"')
  flow.upstream.route(HUB, '/doc/a', { body: INDEX })
  assert.match(await textOf(flow, '/doc/a'), /^denied: every release of a is held back by the policy of this node: a@2/)
})

test('a file is judged by the time that its index states, although its client never asked for the index', async () => {
  const { flow } = ruled('[[rule]]\nmin-age = "2d"')
  flow.upstream.route(HUB, '/doc/a', { body: INDEX })
  const bytes = someBytes(10)
  flow.file('a', bytes, { purl: parsePurl('pkg:bare/a@2') })
  assert.match(await textOf(flow, '/file/a'), /^denied: a@2 was published/)
  assert.equal(asked(flow, '/doc/a'), 1)
  assert.equal(asked(flow, '/a'), 0)
  flow.file('a', bytes, { purl: parsePurl('pkg:bare/a@1') })
  assert.deepEqual(await bodyOf(await flow.get('/file/a')), Buffer.from(bytes))
})

test('a file of unknown age is refused, unless it brings its own time', async () => {
  const { flow } = ruled('[[rule]]\nmin-age = "2d"')
  const bytes = someBytes(10)
  flow.file('a', bytes, { purl: parsePurl('pkg:bare/a@9') })
  assert.match(await textOf(flow, '/file/a'), /nobody can tell when it was published/)
  flow.file('a', bytes, { purl: parsePurl('pkg:bare/a@9'), releasedAtMs: START_MS - 3 * DAY_MS })
  assert.equal((await flow.get('/file/a')).status, 200)
})

test('an exception lets a file through at once, and is gone when it ends', async () => {
  const { flow, except } = ruled('[[rule]]\nmin-age = "20d"')
  flow.upstream.route(HUB, '/doc/a', { body: INDEX })
  const purl = parsePurl('pkg:bare/a@2')
  flow.file('a', someBytes(10), { purl })
  assert.equal((await flow.get('/file/a')).status, 403)
  assert.equal(await textOf(flow, '/doc/a'), `without 2: ${INDEX}`)
  except({ purl, reason: 'outage', madeAtMs: START_MS, untilMs: START_MS + 1_000 })
  const reply = await flow.get('/file/a')
  assert.equal(reply.status, 200)
  assert.match(reply.headers['x-notice'] ?? '', /let through by an exception: outage/)
  assert.equal(await textOf(flow, '/doc/a'), INDEX)
  flow.clock.advance(1_000)
  assert.equal((await flow.get('/file/a')).status, 403)
  assert.equal(await textOf(flow, '/doc/a'), `without 2: ${INDEX}`)
})

test('decide() says what clients would get, and refuses other ecosystems', async () => {
  const { flow } = ruled('[[rule]]\nnames = ["evil"]\naccess = "block"')
  const { signal } = new AbortController()
  assert.equal((await flow.serve.decide(parsePurl('pkg:bare/evil@1'), signal)).kind, 'deny')
  assert.equal((await flow.serve.decide(parsePurl('pkg:bare/good@1'), signal)).kind, 'allow')
  await assert.rejects(flow.serve.decide(parsePurl('pkg:cobol/x@1'), signal), { code: 'usage.purl' })
})

function stated(bytes: Uint8Array, over: Partial<Located> = {}): Located {
  return { ...locatedFile('a', bytes), ...over }
}

test('a released file whose digest changed upstream is refused, reported, and kept as evidence', async () => {
  const flow = readFlow()
  const [first, second] = [someBytes(10), someBytes(10, 2)]
  flow.file('a', first)
  assert.equal((await flow.get('/file/a')).status, 200)
  flow.file('a', second)
  for (const _ of [1, 2])
    assert.match(await textOf(flow, '/file/a'), /^untrusted: a of pkg:generic\/a@1\.0\.0 was sha256:/)
  const [conflict] = flow.serve.conflicts()
  assert.deepEqual(
    [conflict?.seen, conflict?.found, conflict?.count, conflict?.statedBy],
    [[blobIdOf(first)], [blobIdOf(second)], 2, 'the test'],
  )
  assert.equal(flow.serve.state().conflictCount, 1)
  flow.files.set('/file/a', stated(first))
  assert.equal((await flow.get('/file/a')).status, 200, 'the first one is still given')
})

test('a tag may change, and a client that claims another digest proves nothing', async () => {
  const flow = readFlow()
  const [first, second] = [someBytes(10), someBytes(10, 2)]
  flow.file('a', first, { mutable: true })
  assert.equal((await flow.get('/file/a')).status, 200)
  flow.file('a', second, { mutable: true })
  assert.equal((await flow.get('/file/a')).status, 200)
  flow.file('b', first)
  assert.equal((await flow.get('/file/b')).status, 200)
  const digest = blobIdOf(second)
  flow.file('b', second, { evidence: [{ kind: 'client', digest, statedBy: 'a lockfile' }] })
  assert.equal((await flow.get('/file/b')).status, 200)
  assert.deepEqual(flow.serve.conflicts(), [])
})

test('a released file may be stated by a further digest, which counts from then on', async () => {
  const flow = readFlow()
  const [first, second] = [someBytes(10), someBytes(10, 2)]
  const evidence = (bytes: Uint8Array, ...algorithms: ('sha256' | 'sha512')[]) =>
    algorithms.map((algorithm) => ({ kind: 'index' as const, digest: digestBytes(algorithm, bytes), statedBy: 'x' }))
  flow.file('a', first, { evidence: evidence(first, 'sha256') })
  assert.equal((await flow.get('/file/a')).status, 200)
  flow.file('a', first, { evidence: evidence(first, 'sha256', 'sha512') })
  assert.equal((await flow.get('/file/a')).status, 200)
  flow.file('a', second, { evidence: evidence(second, 'sha512') })
  assert.match(await textOf(flow, '/file/a'), /^untrusted: /)
})

test('a released file that upstream states by a weaker digest than before must still be the bytes that were seen', async () => {
  const flow = readFlow()
  const [first, second] = [someBytes(10), someBytes(10, 2)]
  const weak = (bytes: Uint8Array): Partial<Located> => {
    const digest = digestBytes('md5', bytes)
    return { digests: [digest], evidence: [{ kind: 'index', digest, statedBy: 'x' }] }
  }
  flow.file('a', first)
  assert.equal((await flow.get('/file/a')).status, 200)
  await flow.store.remove(blobIdOf(first))
  flow.file('a', second, weak(second))
  assert.match(await textOf(flow, '/file/a'), /^(untrusted|unavailable): /)
  assert.equal(flow.store.lookup(blobIdOf(second)), undefined)
  flow.file('a', first, weak(first))
  assert.equal((await flow.get('/file/a')).status, 200, 'what was stated of other bytes is not remembered')
})

test('with an exception a weaker digest of other bytes takes the place of what was seen', async () => {
  const { flow, except } = ruled('')
  const [first, second] = [someBytes(10), someBytes(10, 2)]
  flow.file('a', first)
  assert.equal((await flow.get('/file/a')).status, 200)
  await flow.store.remove(blobIdOf(first))
  const digest = digestBytes('sha1', second)
  flow.file('a', second, { digests: [digest], evidence: [{ kind: 'index', digest, statedBy: 'x' }] })
  except({ purl: parsePurl('pkg:generic/a@1.0.0'), reason: 'rebuilt', madeAtMs: START_MS, untilMs: START_MS + 1_000 })
  assert.equal(await textOf(flow, '/file/a'), String(Buffer.from(second)))
  flow.clock.advance(1_000)
  assert.equal(await textOf(flow, '/file/a'), String(Buffer.from(second)))
})

test('with an exception the owner accepts the new digest for good', async () => {
  const exceptions: PolicyException[] = []
  const { flow, except } = ruled('', {}, exceptions)
  const [first, second] = [someBytes(10), someBytes(10, 2)]
  flow.file('a', first)
  assert.equal((await flow.get('/file/a')).status, 200)
  flow.file('a', second)
  assert.equal((await flow.get('/file/a')).status, 404)
  except({ purl: parsePurl('pkg:generic/a@1.0.0'), reason: 'rebuilt', madeAtMs: START_MS, untilMs: START_MS + 1_000 })
  assert.equal((await flow.get('/file/a')).status, 200)
  flow.clock.advance(1_000)
  assert.equal((await flow.get('/file/a')).status, 200)
  assert.equal(flow.serve.state().conflictCount, 0)
})

test('a body that is passed on loses what its upstream must not be told, where names are private only', async () => {
  for (const [text, wanted] of [
    ['[[rule]]\nnames = ["own"]\naccess = "private"', 'other'],
    ['', 'own,other'],
  ] as const) {
    const { flow } = ruled(text)
    flow.upstream.route(HUB, '/audit', { body: 'fine' })
    const ecosystem: Ecosystem = {
      ...toyEcosystem,
      routes: [
        {
          methods: ['POST'],
          pattern: /^\/audit$/,
          want: () => ({
            ...{ kind: 'relay', upstream: HUB, method: 'POST', path: '/audit', headers: {} },
            ...{ requestBytesMax: 100, replyBytesMax: 100 },
          }),
        },
      ],
      coordinates: { toPurl: parsePurl, fromPurl: (purl) => purlParts(purl).name },
      relayBody: ({ headers, body }, mayName) => {
        const names = Buffer.from(body).toString().split(',')
        const kept = names.filter((name) => mayName(parsePurl(`pkg:toy/${name}`)))
        return { headers, body: Buffer.from(kept.join()) }
      },
    }
    const body = (async function* () {
      yield Buffer.from('own,other')
    })()
    const { signal } = new AbortController()
    const view = { method: 'POST', path: '/audit', query: {}, headers: {}, base: '' }
    assert.equal((await flow.serve.handle({ ...view, ecosystem, body, signal })).status, 200)
    assert.equal(Buffer.from(flow.upstream.requests[0]?.body ?? '').toString(), wanted)
  }
})

test('a path that may also be of a private name is told to nobody', async () => {
  const { flow } = ruled('[[rule]]\nnames = ["own"]\naccess = "private"')
  flow.upstream.route(HUB, '/doc/other-or-own', { body: INDEX })
  assert.match(await textOf(flow, '/doc/other-or-own'), /^denied: own is a private name/)
  assert.deepEqual(flow.upstream.requests, [])
})

test('the question what the policy says of a private release is not told to a forbidden upstream', async () => {
  const { flow } = ruled(
    '[[rule]]\nnames = ["own"]\naccess = "private"\nupstreams = ["other.example.com"]\n[[rule]]\nmin-age = "2d"',
  )
  flow.upstream.route(HUB, '/doc/own', { body: INDEX })
  await flow.serve.decide(parsePurl('pkg:bare/own@2'), new AbortController().signal)
  assert.deepEqual(flow.upstream.requests, [])
})

test('a file of a blocked package is refused although nothing says of which release it is', async () => {
  const { flow } = ruled('[[rule]]\nnames = ["evil"]\naccess = "block"')
  flow.file('innocent', someBytes(10), { purl: parsePurl('pkg:bare/evil') })
  assert.equal(await textOf(flow, '/file/innocent'), 'denied: evil is blocked (policy: rule 1)')
})

const BLOCKS_EVIL = '[[rule]]\nnames = ["evil"]\naccess = "block"\nreason = "steals keys"'

/** Rules that come into force when the test says so. */
function ruledLater(text: string) {
  let on = false
  let revision = 0
  const rules = readRules(text, 'policy.toml', ['bare'])
  const none = readRules('', 'policy.toml', ['bare'])
  const policy = createRulePolicy({
    revision: () => String(revision),
    rules: () => (on ? rules : none),
    exceptions: () => [],
    advisories: () => [],
  })
  const flow = readFlow({ policy })
  return {
    flow,
    enforce(enforced = true) {
      on = enforced
      revision++
    },
  }
}

for (const word of ['index', 'client'] as const) {
  test(`a lockfile that gives a blocked file, kept on the word of its ${word}, a harmless name does not bring it`, async () => {
    const { flow, enforce } = ruledLater(BLOCKS_EVIL)
    const bytes = someBytes(10)
    const claim = { kind: 'client', digest: digestBytes('sha512', bytes), statedBy: 'a lockfile' } as const
    const evil = parsePurl('pkg:bare/evil@1')
    flow.file('evil-1', bytes, { purl: evil, ...(word === 'client' ? { evidence: [claim] } : {}) })
    await bodyOf(await flow.get('/file/evil-1'))
    const digests = [claim.digest] as const
    const good = { purl: parsePurl('pkg:bare/good@1'), digests, evidence: [claim] }
    flow.file('good-1', bytes, good)
    assert.equal((await flow.get('/file/good-1')).status, 200, 'nothing is blocked yet')
    enforce()
    const refused = await flow.get('/file/good-1')
    assert.equal(refused.status, 403)
    assert.match(
      String(await bodyOf(refused)),
      /these bytes are known here as pkg:bare\/evil@1, and no index says that they are this file: evil@1 is blocked.*steals keys/,
    )
    const stated = { kind: 'index', digest: claim.digest, statedBy: 'the index of good' } as const
    flow.file('good-1', bytes, { ...good, evidence: [claim, stated] })
    assert.equal((await flow.get('/file/good-1')).status, 200, 'an index states it')
    flow.file('good-1', bytes, good)
    assert.equal((await flow.get('/file/good-1')).status, 200, 'an index did state it')
  })
}

test('a blocked version does not come under the number of another one, although its index was refused', async () => {
  const { flow } = ruled('[[rule]]\nnames = ["a"]\nversions = ["2"]\naccess = "block"')
  flow.upstream.route(HUB, '/doc/a', { body: INDEX })
  const bytes = someBytes(10)
  flow.file('a-2', bytes, { purl: parsePurl('pkg:bare/a@2') })
  assert.equal((await flow.get('/file/a-2')).status, 403)
  const evidence = [{ kind: 'client', digest: blobIdOf(bytes), statedBy: 'a lockfile' }] as const
  flow.file('a-1', bytes, { purl: parsePurl('pkg:bare/a@1'), evidence })
  assert.match(await textOf(flow, '/file/a-1'), /known here as pkg:bare\/a@2.*a@2 is blocked/)
})

test('a name that only a client gave to bytes is no reason to refuse them under their own', async () => {
  const { flow, enforce } = ruledLater(BLOCKS_EVIL)
  const bytes = someBytes(10)
  const evidence = [{ kind: 'client', digest: blobIdOf(bytes), statedBy: 'a lockfile' }] as const
  const good = { purl: parsePurl('pkg:bare/good@1'), evidence }
  flow.file('good-1', bytes, good)
  await bodyOf(await flow.get('/file/good-1'))
  flow.file('evil-1', bytes, { purl: parsePurl('pkg:bare/evil@1'), evidence })
  await bodyOf(await flow.get('/file/evil-1'))
  enforce()
  assert.equal((await flow.get('/file/good-1')).status, 200)
})

test('with storeOnly a file is judged by the kept index, which is told, and nobody is asked', async () => {
  const { flow } = ruled('[[rule]]\nmin-age = "2d"')
  flow.upstream.route(HUB, '/doc/a', { body: INDEX })
  flow.file('a', someBytes(10), { purl: parsePurl('pkg:bare/a@1') })
  const storeOnly = { onUsed: (each: { kind: string }) => void used.push(each.kind) }
  const used: string[] = []
  const unknown = await flow.get('/file/a', { storeOnly })
  assert.match(String(await bodyOf(unknown)), /nobody can tell when it was published/)
  assert.deepEqual([used, flow.upstream.requests], [[], []])
  await bodyOf(await flow.get('/file/a'))
  const askedCount = flow.upstream.requests.length
  flow.clock.advance(10 * DAY_MS)
  assert.equal((await flow.get('/file/a', { storeOnly })).status, 200)
  assert.deepEqual([used, flow.upstream.requests.length], [['document', 'blob'], askedCount])
})
