import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDispute, testRevocation, testVerdict } from '../../../test/kit/log-entries.ts'
import { type Digest, digestBytes } from '../../base/digest.ts'
import type { Entry } from '../../base/entries/entry.ts'
import { type AskedFile, type Findings, findingOf } from './findings.ts'

const PURL = 'pkg:toy/blocks@1.0'
const LOG = { origin: 'log.example/test', solo: false }
const BYTES = Buffer.from('upstream')
const OTHER = Buffer.from('other')
const NOW = 1_800_000_000

/** Entries in the order in which they were logged. */
function log(...entries: readonly Entry[]): Findings {
  const logged = entries.map((entry, index) => ({ index, entry })).reverse()
  return {
    verdicts: logged.flatMap(({ index, entry }) => (entry.kind === 'verdict' ? [{ index, entry }] : [])),
    disputes: logged.flatMap(({ index, entry }) =>
      entry.kind === 'dispute' && entry.step === 'upheld' ? [{ index, entry }] : [],
    ),
    revocations: logged.flatMap(({ index, entry }) =>
      entry.kind === 'revocation' && entry.step === 'effective' ? [{ index, entry }] : [],
    ),
  }
}

function file(digests: readonly Digest[], name = 'blocks-1.0.toy'): AskedFile {
  return { digests, name }
}

const SHA256 = digestBytes('sha256', BYTES)
const SHA512 = digestBytes('sha512', BYTES)
const ROW = { name: 'blocks-1.0.toy', bytes: BYTES }

function briefly(found: Findings, asked: AskedFile, solo = false, nowSeconds = NOW) {
  const finding = findingOf(found, asked, { ...LOG, solo }, nowSeconds)
  return finding === undefined ? undefined : [finding.evidence.status, finding.evidence.file, finding.index]
}

test('findingOf() says nothing where the log says nothing', () => {
  assert.equal(findingOf(log(), file([SHA256]), LOG, NOW), undefined)
})

test('findingOf() knows a file by whichever digest both have', () => {
  const found = log(testVerdict({ purl: PURL, files: [ROW] }))
  for (const digest of [SHA256, SHA512, digestBytes('sha1', BYTES)]) {
    assert.deepEqual(briefly(found, file([digest], 'renamed')), ['rebuilt-equal', 'named', 0])
  }
})

test('findingOf() takes other bytes under a verified name for other bytes', () => {
  const found = log(testVerdict({ purl: PURL, files: [ROW] }))
  assert.deepEqual(briefly(found, file([digestBytes('sha256', OTHER)])), ['rebuilt-equal', 'other', 0])
  assert.deepEqual(briefly(found, file([digestBytes('sha256', OTHER)], 'another.toy')), ['rebuilt-equal', 'unnamed', 0])
})

test('findingOf() pins a file that it knows by name alone to the digest that upstream had', () => {
  const packed = { name: 'blocks-1.0.toy', bytes: OTHER, upstream: BYTES, level: 'container' } as const
  const finding = findingOf(log(testVerdict({ purl: PURL, files: [packed] })), file([SHA512]), LOG, NOW)
  assert.deepEqual([finding?.evidence.file, finding?.evidence.level, finding?.pins], ['named', 'container', [SHA256]])
})

test('findingOf() never takes the bytes as built for those of upstream unless they are the same', () => {
  const packed = { name: 'blocks-1.0.toy', bytes: OTHER, upstream: BYTES, level: 'container' } as const
  const found = log(testVerdict({ purl: PURL, files: [packed] }))
  assert.deepEqual(briefly(found, file([digestBytes('sha256', OTHER)])), ['rebuilt-equal', 'other', 0])
})

test('findingOf() says that builders agree and upstream is something else', () => {
  const found = log(testVerdict({ purl: PURL, files: [{ name: 'blocks-1.0.toy', bytes: OTHER, upstream: BYTES }] }))
  const finding = findingOf(found, file([SHA256]), LOG, NOW)
  assert.deepEqual(
    [finding?.evidence.status, finding?.evidence.file, finding?.pins],
    ['rebuilt-differs', 'differs', []],
  )
})

test('findingOf() never says rebuilt or witnessed of a network of one node', () => {
  for (const outcome of ['rebuilt', 'witnessed', 'built-once'] as const) {
    const found = log(testVerdict({ purl: PURL, files: [ROW], outcome }))
    assert.deepEqual(briefly(found, file([SHA256]), true), ['built-once', 'named', 0])
  }
})

test('findingOf() lets a verdict on a tag expire', () => {
  const found = log(testVerdict({ purl: PURL, files: [ROW], outcome: 'witnessed', expiresSeconds: NOW }))
  assert.deepEqual(briefly(found, file([SHA256]), false, NOW - 1), ['witnessed', 'named', 0])
  assert.deepEqual(briefly(found, file([SHA256]), false, NOW), ['expired', 'named', 0])
})

test('findingOf() takes the newest verdict, and what was not built for what it is', () => {
  const found = log(testVerdict({ purl: PURL, files: [ROW] }), testVerdict({ purl: PURL, outcome: 'unbuildable' }))
  assert.deepEqual(briefly(found, file([SHA256])), ['unbuildable', 'unnamed', 1])
})

test('findingOf() takes an upheld dispute for the end of a verdict, its own answer included, until a new request', () => {
  const first = testVerdict({ purl: PURL, files: [ROW] })
  const answer = testVerdict({ purl: PURL, files: [ROW], request: 'b'.repeat(64), disputes: first.request })
  const upheld = testDispute(PURL, 'upheld')
  assert.deepEqual(briefly(log(first, upheld), file([SHA256])), ['disputed', 'named', 1])
  assert.deepEqual(briefly(log(first, answer, upheld), file([SHA256])), ['disputed', 'named', 2])
  assert.deepEqual(briefly(log(first, upheld, answer), file([SHA256])), ['disputed', 'named', 1])
  assert.deepEqual(briefly(log(first, upheld, testVerdict({ purl: PURL, files: [ROW] })), file([SHA256])), [
    'rebuilt-equal',
    'named',
    2,
  ])
  assert.deepEqual(briefly(log(first, testDispute(PURL, 'dismissed')), file([SHA256])), ['rebuilt-equal', 'named', 0])
})

test('findingOf() puts a revocation before every verdict, also a newer one', () => {
  const revoked = log(testRevocation(PURL), testVerdict({ purl: PURL, files: [ROW] }))
  assert.deepEqual(briefly(revoked, file([SHA256])), ['revoked', 'named', 0])
  assert.match(
    findingOf(revoked, file([SHA256]), LOG, NOW)?.evidence.says ?? '',
    /entry 0 of the log log\.example\/test/,
  )
})

test('findingOf() applies a revocation of some bytes to those and to what it cannot tell from them', () => {
  const some = log(testRevocation(PURL, [SHA256]))
  assert.deepEqual(briefly(some, file([SHA256])), ['revoked', 'named', 0])
  assert.deepEqual(briefly(some, file([SHA512])), ['revoked', 'named', 0], 'nobody can tell')
  assert.equal(briefly(some, file([digestBytes('sha256', OTHER)])), undefined)
})

test('findingOf() says of a release as a whole the worst that it says of any of its files', () => {
  const differing = { name: 'b.toy', bytes: OTHER, upstream: BYTES }
  assert.deepEqual(briefly(log(testVerdict({ purl: PURL, files: [ROW] })), file([])), ['rebuilt-equal', 'named', 0])
  const both = log(testVerdict({ purl: PURL, files: [ROW, differing] }))
  assert.deepEqual(briefly(both, file([])), ['rebuilt-differs', 'differs', 0])
  assert.deepEqual(briefly(log(testRevocation(PURL, [SHA256])), file([])), ['revoked', 'named', 0])
})
