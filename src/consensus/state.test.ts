import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createToyNetwork,
  honest,
  namesOf,
  TOY_BEACON,
  TOY_NETWORK,
  TOY_RULES,
  toyOffers,
} from '../../test/kit/consensus-network.ts'
import { hexOf, sampleOffer, sampleResult } from '../../test/kit/sample-entries.ts'
import { encodeEntry, parseEntry } from '../base/entries/entry.ts'
import { entryKeys } from '../base/entries/entry-keys.ts'
import { entryName } from '../base/entries/entry-name.ts'
import type { CommitBody, RevokeBody } from '../base/entries/transaction.ts'
import { AppError } from '../base/errors.ts'
import { purlIn, requestIn } from './query.ts'
import { createStateMachine } from './state.ts'

const PURL = 'pkg:toy/toy@1.0'

test('a package that everybody builds alike is rebuilt, and equal to upstream if its bytes are', () => {
  const network = createToyNetwork({ organisations: 6 })
  const verdict = network.build('a', PURL, honest)
  assert.equal(verdict.outcome, 'rebuilt')
  assert.equal(verdict.relation, 'equal')
  assert.equal(verdict.level, 'exact')
  assert.deepEqual([verdict.builders, verdict.quorum, verdict.panel.length], [4, 3, 4])
  assert.ok(verdict.panel.every(({ agreed, reveal }) => agreed && reveal !== null))
  assert.equal(network.logged('fault').length, 0)
  assert.equal(purlIn(network.state(), PURL)?.live?.outcome, 'rebuilt')
})

test("agreed bytes that are not upstream's make the verdict rebuilt, differs", () => {
  const verdict = createToyNetwork({ organisations: 6 }).build('a', PURL, () => sampleResult('ours', 'theirs'))
  assert.deepEqual([verdict.outcome, verdict.relation, verdict.level], ['rebuilt', 'differs', 'mismatch'])
})

test('everything that is logged is well-formed, follows the last entry and is found by its purl', () => {
  const network = createToyNetwork({ organisations: 6 })
  network.build('a', PURL, honest)
  network.entries.forEach(({ index, name, entry, bytes }, at) => {
    assert.equal(index, at)
    assert.deepEqual(parseEntry(bytes), entry)
    assert.deepEqual(Buffer.from(encodeEntry(entry)), Buffer.from(bytes))
    assert.equal(entryName(bytes), name)
    if (!['member', 'policy', 'head'].includes(entry.kind)) assert.deepEqual(entryKeys(entry).purls, [PURL])
  })
})

test('a genesis refuses offers that are not signed, contradict another or leave nobody to decide', () => {
  const machine = createStateMachine({ network: TOY_NETWORK, beacon: TOY_BEACON })
  const begin = (offers: ReturnType<typeof toyOffers>) => machine.genesis({ offers, rules: TOY_RULES, timeSeconds: 1 })
  const [a, b] = toyOffers({ organisations: 2 })
  assert.ok(a && b)
  const refused = (error: unknown) => error instanceof AppError && error.code === 'usage.network'
  assert.throws(() => begin([]), refused)
  assert.throws(() => begin([a, a]), refused)
  assert.throws(() => begin([{ ...a, proofs: b.proofs }]), refused)
  assert.throws(() => begin([{ ...a, body: { ...a.body, organisation: 'b' } }]), refused)
  assert.throws(() => begin([sampleOffer('a', { network: 'another.example/log' })]), refused)
  assert.throws(() => begin([sampleOffer('a', { network: TOY_NETWORK, roles: ['builder'] })]), refused)
  assert.equal(begin([a, b]).state.scalars.entries, 4)
})

test('a genesis refuses a key of low order, on which verifiers disagree', () => {
  const machine = createStateMachine({ network: TOY_NETWORK, beacon: TOY_BEACON })
  const low = `01${'00'.repeat(31)}`
  const { body } = sampleOffer('a', { network: TOY_NETWORK })
  const offer = {
    body: { ...body, keys: { ...body.keys, attestation: low } },
    proofs: [{ key: low, signature: '0'.repeat(128) }],
  }
  const founding = { offers: [offer], rules: TOY_RULES, timeSeconds: 1 }
  assert.throws(
    () => machine.genesis(founding),
    (error: unknown) => error instanceof AppError && error.code === 'usage.network',
  )
})

test('a transaction counts once: its sequence must rise, and a refused one uses it up', () => {
  const network = createToyNetwork({ organisations: 6 })
  const tx = network.request('a', PURL)
  assert.deepEqual(network.block([tx, tx]), [undefined, 'sequence'])
  const again = network.request('b', PURL)
  assert.deepEqual(network.block([again]), ['open'])
  assert.deepEqual(network.block([again]), ['sequence'])
})

test('a transaction of another network, of no member, unsigned or with the wrong kind of key is refused', () => {
  const network = createToyNetwork({ organisations: 6 })
  const tx = network.request('a', PURL)
  const before = network.entries.length
  assert.deepEqual(network.block([{ ...tx, body: { ...tx.body, network: 'another.example/log' } }]), ['network'])
  assert.deepEqual(network.block([{ ...tx, body: { ...tx.body, purl: 'pkg:toy/other@1' } }]), ['signature'])
  assert.deepEqual(network.block([network.request('stranger', PURL)]), ['key'])
  const vote = network.sign<RevokeBody>('a/attestation', {
    type: 'revoke',
    purl: PURL,
    digests: [],
    reason: 'not with this key',
  })
  const commit = network.sign<CommitBody>('a/consensus', {
    type: 'commit',
    request: hexOf('r'),
    attempt: 1,
    commitment: hexOf('c'),
  })
  assert.deepEqual(network.block([vote, commit]), ['key', 'key'])
  assert.equal(network.entries.length, before)
})

test('an empty block leaves the root alone', () => {
  const network = createToyNetwork({ organisations: 6 })
  const root = () => Buffer.from(network.machine.root(network.state())).toString('hex')
  const before = root()
  network.block()
  network.block([], 1000)
  assert.equal(root(), before)
  network.block([network.request('a', PURL)])
  assert.notEqual(root(), before)
})

test('a request names a canonical purl and nothing else', () => {
  const network = createToyNetwork({ organisations: 6 })
  assert.deepEqual(network.block([network.request('a', 'pkg:toy/a%7Eb@1')]), ['purl'])
  assert.deepEqual(network.block([network.request('a', 'pkg:toy/toy?b=1&a=2')]), ['purl'])
})

test("limits of an organisation stop its flood and nobody else's requests", () => {
  const network = createToyNetwork({ organisations: 6, rules: { requestsPerWindow: 5, openRequestsMax: 3 } })
  const ask = (name: string, count: number) =>
    network.block(Array.from({ length: count }, (_, at) => network.request(name, `pkg:toy/${name}-${at}@1`)))
  assert.deepEqual(ask('a', 4), [undefined, undefined, undefined, 'limit'])
  assert.deepEqual(ask('b', 1), [undefined])
  // Nothing came of them: they are no longer open, but they were asked for.
  network.wait(200)
  network.wait(200)
  network.wait(200)
  const asked = ['x', 'y', 'z'].map((name) => network.request('a', `pkg:toy/${name}@1`))
  assert.deepEqual(network.block(asked), [undefined, undefined, 'limit'])
  network.block([], 86_400)
  assert.deepEqual(network.block([network.request('a', 'pkg:toy/next-day@1')]), [undefined])
})

test('a request that no beacon comes for expires, logged, and can be asked for again', () => {
  const network = createToyNetwork({ organisations: 6 })
  network.block([network.request('a', PURL)])
  network.wait(200)
  network.wait(200)
  const [verdict] = network.logged('verdict')
  assert.deepEqual([verdict?.outcome, verdict?.selection, verdict?.agreed], ['expired', null, null])
  assert.equal(network.state().scalars.rounds.length, 0)
  assert.deepEqual(network.block([network.request('b', PURL)]), [undefined])
  assert.equal(network.logged('request').at(-1)?.attempt, 2)
})

test('what is over is forgotten after a while: the state does not grow by requests that ended', () => {
  const network = createToyNetwork({ organisations: 6 })
  const verdict = network.build('a', PURL, honest)
  assert.equal(requestIn(network.state(), verdict.request)?.phase, 'closed')
  network.wait(60)
  network.wait(200)
  assert.equal(requestIn(network.state(), verdict.request), undefined)
  assert.equal(network.state().scalars.heap, 0)
  assert.equal(namesOf(3).join(), 'a,b,c')
})
