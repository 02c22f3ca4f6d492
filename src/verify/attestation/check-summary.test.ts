import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logVerdict, ProofLog, TEST_ORIGIN, TEST_SECONDS, testNetwork } from '../../../test/kit/proof-log.ts'
import { keyOf, signerOf } from '../../../test/kit/sample-entries.ts'
import { parseStatement, STATEMENT_PAYLOAD_TYPE } from '../../base/attestation/statement.ts'
import { type LoggedVerdict, readSummary } from '../../base/attestation/vsa.ts'
import { type Envelope, signEnvelope } from '../../base/crypto/dsse.ts'
import { parseEntry, type VerdictEntry } from '../../base/entries/entry.ts'
import { entryName } from '../../base/entries/entry-name.ts'
import type { Purl } from '../../base/purl.ts'
import { verifyProofBundle } from '../verify-bundle.ts'
import { checkSummary, summaryPayload } from './check-summary.ts'

const PURL = 'pkg:toy/toy@1.0' as Purl
const THREE = ['a', 'b', 'c']
const log = new ProofLog()
const built = logVerdict(log, PURL, THREE)
const bytes = log.entries[built.verdict] ?? new Uint8Array()
const entry = parseEntry(bytes) as VerdictEntry
const verdict: LoggedVerdict = { network: TEST_ORIGIN, index: built.verdict, leaf: entryName(bytes), entry }
const payload = summaryPayload(verdict) ?? assert.fail('a verdict rebuilt and equal has a summary')
const refused = (message: RegExp) => ({ code: 'untrusted.attestation', message })

function by(names: readonly string[], what: Uint8Array = payload): Envelope {
  const signers = names.map((name) => ({
    keyid: keyOf(`${name}/attestation`),
    signer: signerOf(`${name}/attestation`),
  }))
  return signEnvelope(STATEMENT_PAYLOAD_TYPE, what, signers)
}

test('the summary says SLSA_BUILD_REPRODUCED of upstream’s files, and rests on the verdict and the builders’ statements', () => {
  const statement = parseStatement(payload)
  const file = built.result.files[0] ?? assert.fail()
  assert.deepEqual(statement.subject, [{ name: file.name, digest: { sha256: file.upstream?.sha256 } }])
  const found = readSummary(statement)
  assert.deepEqual(found, {
    network: TEST_ORIGIN,
    purl: PURL,
    timeVerified: '2027-01-15T08:00:50Z',
    verdict: { leaf: verdict.leaf, index: built.verdict },
    statements: entry.panel.map(({ envelope }) => envelope),
  })
  const { verifiedLevels, verificationResult, dependencyLevels } = statement.predicate as Record<string, unknown>
  assert.deepEqual([verifiedLevels, verificationResult], [['SLSA_BUILD_REPRODUCED'], 'PASSED'])
  assert.deepEqual(dependencyLevels, { PYRSIA_EQUAL: 1, PYRSIA_UNVERIFIED: 1 })
})

test('there is no summary of what was not rebuilt, differs, or is equal by format rules alone', () => {
  const changes: readonly Partial<VerdictEntry>[] = [
    { outcome: 'repackaged' },
    { outcome: 'built-once' },
    { relation: 'differs', level: 'mismatch' },
    { level: 'metadata' },
    { outcome: 'disagreed', agreed: null, relation: null, level: null },
  ]
  for (const change of changes) assert.equal(summaryPayload({ ...verdict, entry: { ...entry, ...change } }), undefined)
})

test('attack F4, quorum signatures from one key or from others: each organisation that agreed counts once', () => {
  assert.deepEqual(checkSummary(by(THREE), verdict), THREE)
  assert.throws(() => checkSummary(by(['a', 'a', 'a']), verdict), refused(/3 organisations that agreed, found 1/))
  assert.throws(() => checkSummary(by(['a', 'b', 'x']), verdict), refused(/found 2/))
  const panel = entry.panel.map((one) => ({ ...one, agreed: one.organisation !== 'c' }))
  const dissent = { ...verdict, entry: { ...entry, panel } }
  const own = summaryPayload(dissent) ?? assert.fail()
  assert.throws(() => checkSummary(by(THREE, own), dissent), refused(/found 2/), 'c did not agree')
})

test('a summary of another verdict, or with another word in it, is refused although all signed it', () => {
  const text = Buffer.from(payload).toString('utf8')
  for (const other of [text.replace('REPRODUCED', 'REPRODUCER'), text.replace('toy@1.0', 'toy@1.1'), '{}']) {
    assert.throws(() => checkSummary(by(THREE, Buffer.from(other)), verdict), refused(/another than follows/))
  }
})

test('a proof file carries the summary, and is refused with one that does not hold', () => {
  const { request, selection, reveals, envelopes } = built
  const verify = (summary: Envelope) => {
    const proof = log.bundle([request, selection, ...reveals, built.verdict], { by: THREE }, [...envelopes, summary])
    return verifyProofBundle(proof, testNetwork(['a', 'b', 'c', 'd']), { nowSeconds: TEST_SECONDS + 200, purl: PURL })
  }
  const found = verify(by(THREE))
  assert.deepEqual([found.summarisedBy, found.builders?.length], [THREE, 3])
  assert.throws(() => verify(by(['a', 'b'])), refused(/found 2/))
})
