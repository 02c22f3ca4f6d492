import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TEST_ORIGIN, testStatement } from '../../../test/kit/proof-log.ts'
import { hexOf, keyOf, sampleRecord, sampleResult, signerOf } from '../../../test/kit/sample-entries.ts'
import { dependencyList } from '../../base/attestation/dependencies.ts'
import { STATEMENT_PAYLOAD_TYPE } from '../../base/attestation/statement.ts'
import { statementOf } from '../../base/attestation/statement-of.ts'
import { canonicalJson } from '../../base/crypto/canonical-json.ts'
import { type Envelope, signEnvelope } from '../../base/crypto/dsse.ts'
import type { BuildResult, Built } from '../../base/entries/result.ts'
import { checkStatement } from './check-statement.ts'

const SIGNER = 'a/attestation'
const key = signerOf(SIGNER).publicKey
const of = { network: TEST_ORIGIN, purl: 'pkg:toy/toy@1.0', request: hexOf('request'), attempt: 1 }
const result = sampleResult('bytes')
const claim = { ...of, result }
const refused = (message: RegExp) => ({ code: 'untrusted.attestation', message })

function signed(
  payload: Uint8Array,
  payloadType: string = STATEMENT_PAYLOAD_TYPE,
  keyid: string = keyOf(SIGNER),
): Envelope {
  return signEnvelope(payloadType, payload, [{ keyid, signer: signerOf(SIGNER) }])
}

function payloadOf(of_: typeof of, told: BuildResult): Uint8Array {
  return statementOf({ ...of_, node: keyOf(SIGNER), pyrsia: '0.0.0', result: told, record: sampleRecord() }).payload
}

test('a statement that says what its builder revealed is taken', () => {
  const found = checkStatement(testStatement(result, SIGNER, of), key, claim)
  assert.deepEqual([found.kind, found.of], ['built', of])
})

test('attack F5, a valid signature for another subject: other bytes under the same name, or a file more or less, are refused', () => {
  assert.throws(
    () => checkStatement(testStatement(sampleResult('other'), SIGNER, of), key, claim),
    refused(/says nothing of/),
  )
  const [file] = result.files
  const two = [file ?? assert.fail(), { ...(file ?? assert.fail()), name: 'toy-1.0.zip' }]
  const more: Built = { ...result, files: two }
  assert.throws(() => checkStatement(testStatement(more, SIGNER, of), key, claim), refused(/1 subjects, found 2/))
  const wanted = { ...of, result: more }
  assert.throws(
    () => checkStatement(testStatement(result, SIGNER, of), key, wanted),
    refused(/says nothing of toy-1.0.zip/),
  )
})

test("attack G5, another package's or request's valid statement is refused, of the same builder too", () => {
  const others = { purl: 'pkg:toy/toy@1.1', request: hexOf('another'), attempt: 2, network: 'log.example/other' }
  for (const [name, value] of Object.entries(others)) {
    const envelope = testStatement(result, SIGNER, { ...of, [name]: value })
    assert.throws(() => checkStatement(envelope, key, claim), refused(new RegExp(`wanted the ${name}`)))
  }
})

test('attack F6, a swapped key id: it is a hint, whose signature it is decides', () => {
  const byB = testStatement(result, 'b/attestation', of)
  const named = byB.signatures.map(({ sig }) => ({ keyid: keyOf(SIGNER), sig }))
  assert.throws(() => checkStatement({ ...byB, signatures: named }, key, claim), { code: 'untrusted.signature' })
  checkStatement(signed(payloadOf(of, result), STATEMENT_PAYLOAD_TYPE, keyOf('b/attestation')), key, claim)
})

test('a statement of one builder that another one signed is refused: it names whose it is', () => {
  const asB = statementOf({ ...of, node: keyOf('b'), pyrsia: '0.0.0', result, record: sampleRecord() })
  assert.throws(() => checkStatement(signed(asB.payload), key, claim), refused(/wanted the builder/))
})

test('attack C6, another recipe, source, lock, list of dependencies, sandbox or outcome than was revealed is refused', () => {
  const changes: ReadonlyArray<readonly [RegExp, Partial<Built>]> = [
    [/wanted the recipe/, { recipe: hexOf('evil') }],
    [/wanted the source/, { source: { type: 'archive', sha256: hexOf('sdist') } }],
    [
      /wanted the source/,
      { source: { type: 'git', repository: 'https://git.example/evil', commit: 'a'.repeat(40), tree: hexOf('tree') } },
    ],
    [/wanted the lock/, { lock: null }],
    [/another sandbox/, { environment: { toolchains: ['toymake 1.0'], sandbox: 'another' } }],
    [/another sandbox/, { environment: { toolchains: ['toymake 1.1'], sandbox: 'none' } }],
  ]
  for (const [message, change] of changes) {
    const envelope = testStatement({ ...result, ...change }, SIGNER, of)
    assert.throws(() => checkStatement(envelope, key, claim), refused(message))
  }
  const fewer = { ...result, dependencies: { list: dependencyList([]).digest, levels: {} } }
  assert.throws(
    () => checkStatement(testStatement(result, SIGNER, of), key, { ...of, result: fewer }),
    refused(/list of dep/),
  )
  const { environment } = result
  const failed: BuildResult = { outcome: 'malformed', reason: 'a gap', environment }
  assert.throws(() => checkStatement(testStatement(failed, SIGNER, of), key, claim), refused(/built, found malformed/))
  assert.equal(checkStatement(testStatement(failed, SIGNER, of), key, { ...of, result: failed }).kind, 'malformed')
})

test('a payload that is no statement, or of a type that is not known, is refused although its builder signed it', () => {
  const statement = JSON.parse(Buffer.from(payloadOf(of, result)).toString())
  const of_ = (change: object): Envelope => signed(canonicalJson({ ...statement, ...change }))
  assert.throws(() => checkStatement(signed(payloadOf(of, result), 'text/plain'), key, claim), refused(/payload type/))
  assert.throws(() => checkStatement(signed(Buffer.from('{')), key, claim), refused(/canonical JSON/))
  assert.throws(
    () => checkStatement(of_({ predicateType: 'https://slsa.dev/provenance/v0.2' }), key, claim),
    refused(/not one of/),
  )
  assert.throws(() => checkStatement(of_({ predicate: null }), key, claim), refused(/predicate/))
  assert.throws(() => checkStatement(of_({ extra: 1 }), key, claim), refused(/extra/))
  assert.throws(() => checkStatement(of_({ subject: [] }), key, claim), refused(/subject/))
})
