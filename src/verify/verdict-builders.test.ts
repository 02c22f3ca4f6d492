import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  logVerdict,
  ProofLog,
  TEST_ORIGIN,
  TEST_SECONDS,
  testNetwork,
  testOffer,
  testStatement,
  type VerdictTwist,
  votedChange,
} from '../../test/kit/proof-log.ts'
import { sampleResult } from '../../test/kit/sample-entries.ts'
import type { Purl } from '../base/purl.ts'
import { verifyProofBundle } from './verify-bundle.ts'

const NAMES = ['a', 'b', 'c', 'd']
const THREE = ['a', 'b', 'c']
const PURL = 'pkg:toy/toy@1.0' as Purl
const network = testNetwork(NAMES)
const OTHER = { network: TEST_ORIGIN, purl: PURL, request: 'ab'.repeat(32), attempt: 1 }

function verifyTwisted(twist: VerdictTwist, builders: readonly string[] = THREE) {
  const log = new ProofLog()
  const { request, selection, reveals, verdict, envelopes } = logVerdict(log, PURL, builders, twist)
  const bundle = log.bundle([request, selection, ...reveals, verdict], { by: THREE }, envelopes)
  return verifyProofBundle(bundle, network, { nowSeconds: TEST_SECONDS + 200, purl: PURL, needBuilders: true })
}

const refused = (message: RegExp) => ({ code: 'untrusted.builders', message })

test('a verdict is borne out by the reveals and statements of its builders', () => {
  assert.equal(verifyTwisted({}).builders?.length, 3)
  assert.equal(verifyTwisted({ quorum: 2 }).builders?.length, 3)
})

test('a verdict whose builders are fewer organisations than its quorum is refused', () => {
  assert.throws(() => verifyTwisted({ quorum: 4 }), refused(/wanted 4 organisations/))
})

test('attack F4, signatures from one key or from unselected keys: a reveal counts by its own builder’s key alone', () => {
  assert.throws(() => verifyTwisted({ signAs: () => 'a' }), refused(/somebody else for b/))
  assert.throws(() => verifyTwisted({ seated: ['a', 'b'] }), refused(/c with the node .* was not selected/))
  assert.throws(() => verifyTwisted({}, ['a', 'b', 'x']), refused(/nothing shows that the node .* is one of x/))
})

test('a builder that revealed something else than the verdict says is found out', () => {
  const lied = { result: (name: string) => sampleResult(name === 'b' ? 'other bytes' : PURL) }
  assert.throws(() => verifyTwisted(lied), refused(/b revealed something else/))
})

test('a seed that does not follow from beacon and request is refused', () => {
  assert.throws(() => verifyTwisted({ seed: 'ab'.repeat(32) }), refused(/seed/))
})

test('attack G6, provenance stripped: a proof without its request, selection, a reveal or a statement that was demanded says which is missing', () => {
  const log = new ProofLog()
  const { request, selection, reveals, verdict, envelopes } = logVerdict(log, PURL, THREE)
  const ask = (indexes: readonly number[], statements = envelopes, needBuilders = true) =>
    verifyProofBundle(log.bundle(indexes, { by: THREE }, statements), network, {
      nowSeconds: TEST_SECONDS + 200,
      purl: PURL,
      needBuilders,
    })
  assert.throws(() => ask([selection, ...reveals, verdict]), refused(/wanted the request/))
  assert.throws(() => ask([request, ...reveals, verdict]), refused(/wanted the selection/))
  assert.throws(() => ask([request, selection, ...reveals.slice(1), verdict]), refused(/wanted the reveal of a/))
  assert.throws(
    () => ask([request, selection, ...reveals, verdict], envelopes.slice(1)),
    refused(/wanted the statement of a/),
  )
  const without = ask([request, selection, ...reveals, verdict], envelopes.slice(1), false)
  assert.deepEqual(
    without.builders?.map(({ stated }) => stated),
    [false, true, true],
  )
  const stray = [...envelopes, testStatement(sampleResult('stray'), 'a/attestation', OTHER)]
  assert.throws(() => ask([request, selection, ...reveals, verdict], stray), refused(/no builder of the verdict named/))
})

test('a builder that joined after the network’s file is known by the member entry that its seat names', () => {
  const log = new ProofLog()
  const change = log.append(votedChange({ action: 'admit', offer: testOffer('x') }, THREE))
  const { request, selection, reveals, verdict, envelopes } = logVerdict(log, PURL, ['a', 'b', 'x'])
  const bundle = log.bundle([change, request, selection, ...reveals, verdict], { by: NAMES }, envelopes)
  const found = verifyProofBundle(bundle, network, { nowSeconds: TEST_SECONDS + 200, needBuilders: true })
  assert.deepEqual(
    found.builders?.map(({ organisation }) => organisation),
    ['a', 'b', 'x'],
  )
})

test('randomness that the network’s beacon did not give, or gave before the draw was fixed, is refused', () => {
  assert.throws(() => verifyTwisted({ beacon: { chainHash: 'cd'.repeat(32) } }), refused(/found cdcd/))
  assert.throws(() => verifyTwisted({ beacon: { proof: 'ab'.repeat(128) } }), refused(/not the beacon's/))
  assert.throws(() => verifyTwisted({ beacon: { randomness: 'ab'.repeat(32) } }), refused(/other randomness/))
  assert.throws(() => verifyTwisted({ beacon: { round: 1 } }), refused(/out before the draw/))
})
