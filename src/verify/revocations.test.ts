import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { testHead, testRevocation, testVerdict } from '../../test/kit/log-entries.ts'
import { ProofLog, TEST_SECONDS, testNetwork } from '../../test/kit/proof-log.ts'
import type { Digest } from '../base/digest.ts'
import type { RevokedItem } from '../base/entries/revocation-list.ts'
import { isKind } from '../base/errors.ts'
import type { Purl } from '../base/purl.ts'
import { fitsProof, PROOF_REVOCATIONS_MAX, parseProofBundle } from './proof-bundle.ts'
import { verifyProofBundle } from './verify-bundle.ts'

const PURL = 'pkg:toy/blocks@1.0' as Purl
const GOOD = Buffer.from('good')
const BAD = Buffer.from('bad')
const network = testNetwork(['a', 'b', 'c', 'd'])
const signed = { by: ['a', 'b', 'c'] }
const shaOf = (at: number): string => `sha256:${at.toString(16).padStart(64, '0')}`
const others: RevokedItem[] = [
  { purl: 'pkg:toy/other@1.0', digests: [] },
  { purl: 'pkg:toy/third@2.0', digests: [shaOf(1), shaOf(2)] },
]

/** A log with a verdict on the package, and a `head` for each of the lists. */
function logOf(...lists: readonly (readonly RevokedItem[])[]) {
  const log = new ProofLog()
  const files = [
    { name: 'bad.toy', bytes: BAD },
    { name: 'good.toy', bytes: GOOD },
  ]
  const verdict = log.append(testVerdict({ purl: PURL, files }))
  const heads = lists.map((list) => log.append(testHead(list)))
  log.append(testRevocation('pkg:toy/later@1.0'))
  return { log, verdict, heads }
}

function digestIn(bytes: Buffer): Digest {
  const { agreed } = testVerdict({ purl: PURL, files: [{ name: 'x.toy', bytes }] })
  const [file] = agreed !== null && 'files' in agreed ? agreed.files : []
  return `sha256:${file?.sha256}` as Digest
}

function ask(bytes: Uint8Array, question: { purl?: Purl; digests?: Digest[] } = { purl: PURL }) {
  return verifyProofBundle(bytes, network, { nowSeconds: TEST_SECONDS + 200, ...question })
}

test('a package that is not on the complete list of the newest head was not revoked as of when that was written', () => {
  const { log, verdict, heads } = logOf([], others)
  const found = ask(log.bundle([verdict, ...heads], signed, [], others))
  const asOfSeconds = testHead().at.timeSeconds
  assert.deepEqual(found.notRevoked, { index: heads[1], count: 2, asOfSeconds })
  assert.equal(ask(log.bundle([verdict, ...heads], signed)).notRevoked, undefined, 'without a list nothing is said')
  assert.equal(ask(log.bundle([0, heads[1] ?? 0], signed, [], others), {}).subject?.purl, PURL)
  assert.equal(ask(log.bundle([heads[1] ?? 0], signed, [], others), {}).notRevoked, undefined, 'about no package')
})

test('a package on the list is revoked, though the file leaves out the revocation itself', () => {
  const list = [...others, { purl: PURL, digests: [] }]
  const { log, verdict, heads } = logOf(list)
  const whole = log.bundle([verdict, ...heads], signed, [], list)
  assert.throws(() => ask(whole), { code: 'untrusted.revoked', message: /is number 2 on the list of revocations/ })
  assert.throws(() => ask(whole, { digests: [digestIn(GOOD)] }), { code: 'untrusted.revoked' })
})

test('a list that withdraws some files of a package says no to those, and to whoever names none', () => {
  const list = [{ purl: PURL, digests: [digestIn(BAD)] }, ...others]
  const { log, verdict, heads } = logOf(list)
  const whole = log.bundle([verdict, ...heads], signed, [], list)
  assert.equal(ask(whole, { digests: [digestIn(GOOD)] }).notRevoked?.count, 3)
  assert.throws(() => ask(whole, { digests: [digestIn(BAD)] }), { code: 'untrusted.revoked' })
  assert.throws(() => ask(whole), { code: 'untrusted.revoked' })
})

test('a list with an item kept back, changed, moved, or of an older head, is refused', () => {
  const list = [...others, { purl: PURL, digests: [] }]
  const { log, verdict, heads } = logOf([], list)
  const [first, second, third] = list as [RevokedItem, RevokedItem, RevokedItem]
  for (const bad of [
    [first, second],
    [],
    [second, first, third],
    [first, second, { purl: 'pkg:toy/blocks@1.1', digests: [] }],
    [first, { ...second, digests: [shaOf(1)] }, third],
    [first, second, third, third],
  ]) {
    assert.throws(() => ask(log.bundle([verdict, ...heads], signed, [], bad)), { code: 'untrusted.proof' })
  }
  assert.throws(() => ask(log.bundle([verdict], signed, [], list)), { code: 'untrusted.malformed' })
  // With the older head alone the answer holds, as of that head: who wants to know more must have a newer one.
  assert.equal(ask(log.bundle([verdict, heads[0] ?? 0], signed, [], [])).notRevoked?.index, heads[0])
})

test('any changed bit of a proof file with a revocation list is refused', () => {
  const { log, verdict, heads } = logOf(others)
  const whole = log.bundle([verdict, ...heads], signed, [], others)
  fc.assert(
    fc.property(fc.nat(whole.byteLength * 8 - 1), (bit) => {
      const changed = Uint8Array.from(whole)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.throws(
        () => ask(changed),
        (error) => isKind(error, 'untrusted'),
      )
    }),
    { numRuns: 500 },
  )
})

test('a revocation list in a proof file is bounded, and of purls and digests alone', () => {
  const { log, verdict, heads } = logOf(others)
  const bundle = JSON.parse(Buffer.from(log.bundle([verdict, ...heads], signed, [], others)).toString())
  const read = (revocations: unknown) => parseProofBundle(Buffer.from(JSON.stringify({ ...bundle, revocations })))
  assert.deepEqual(read(bundle.revocations).revocations, others)
  const item = { digests: [], purl: 'p' }
  const many = Array.from({ length: PROOF_REVOCATIONS_MAX + 1 }, () => item)
  const long = [{ digests: [], purl: 'p'.repeat(1_048_576) }]
  for (const bad of [7, null, [7], [{ purl: 'p' }], [{ digests: [7], purl: 'p' }], [{ ...item, zzz: 1 }], many, long]) {
    assert.throws(() => read(bad), { code: 'untrusted.malformed' })
  }
  assert.deepEqual([fitsProof(many), fitsProof(long), fitsProof(many.slice(1))], [false, false, true])
})
