/** Our envelopes, statements and summaries against the Go packages of in-toto and Secure Systems Lab (`attest-go/main.go`). */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { dependencyList } from '../../src/base/attestation/dependencies.ts'
import { STATEMENT_PAYLOAD_TYPE } from '../../src/base/attestation/statement.ts'
import { statementOf } from '../../src/base/attestation/statement-of.ts'
import type { Json } from '../../src/base/crypto/canonical-json.ts'
import { type Envelope, envelopeJson, signEnvelope } from '../../src/base/crypto/dsse.ts'
import { parseEntry } from '../../src/base/entries/entry.ts'
import { entryName } from '../../src/base/entries/entry-name.ts'
import type { BuildResult } from '../../src/base/entries/result.ts'
import { checkStatement } from '../../src/verify/attestation/check-statement.ts'
import { summaryPayload } from '../../src/verify/attestation/check-summary.ts'
import { needs, toolPath } from '../kit/needs.ts'
import { logVerdict, ProofLog, TEST_ORIGIN } from '../kit/proof-log.ts'
import { hexOf, keyOf, sampleRecord, sampleResult, signerOf } from '../kit/sample-entries.ts'

interface Answer {
  readonly Error: string
  readonly Keys: readonly string[] | null
  readonly Subjects: Readonly<Record<string, string>>
  readonly PredicateType: string
  readonly Purl: string
  readonly Inputs: readonly string[] | null
  readonly Levels: readonly string[] | null
}

interface Question {
  readonly Envelope: Json
  readonly Keys: readonly string[]
  readonly Threshold: number
}

const of = { network: TEST_ORIGIN, purl: 'pkg:toy/toy@1.0', request: hexOf('request'), attempt: 1 }
const NODE = keyOf('a/attestation')
const THREE = ['a', 'b', 'c']

function askGo(questions: readonly Question[]): Answer[] {
  const { stdout, stderr, status } = spawnSync(toolPath('attest-go'), [], { input: JSON.stringify(questions) })
  assert.equal(status, 0, String(stderr))
  return JSON.parse(String(stdout)) as Answer[]
}

function signedBy(names: readonly string[], payload: Uint8Array): Envelope {
  const keys = names.map((name) => `${name}/attestation`)
  return signEnvelope(
    STATEMENT_PAYLOAD_TYPE,
    payload,
    keys.map((key) => ({ keyid: keyOf(key), signer: signerOf(key) })),
  )
}

function statementBy(result: BuildResult, record = sampleRecord()): Envelope {
  return signedBy(['a'], statementOf({ ...of, node: NODE, pyrsia: '0.1.0', result, record }).payload)
}

const asking = (envelope: Envelope, keys: readonly string[] = [NODE], threshold = 1): Question => {
  return { Envelope: envelopeJson(envelope), Keys: keys, Threshold: threshold }
}

test('Go’s packages verify our provenance, whatever is in it, and read the same as we do', needs('attest-go'), () => {
  const built = sampleResult('bytes')
  const source = { grade: 'stated', how: 'its metadata', revision: 'v1' } as const
  const many = Array.from({ length: 900 }, (_, at) => {
    return { uri: `pkg:toy/part${at}@1`, name: `part${at}.toy`, sha256: hexOf(`part ${at}`), tool: false }
  })
  const list = { list: dependencyList(many).digest, levels: {} }
  const results: ReadonlyArray<readonly [BuildResult, ReturnType<typeof sampleRecord>]> = [
    [built, { ...sampleRecord(), source, licence: 'MIT', log: hexOf('log') }],
    [{ ...built, lock: null, source: { type: 'archive', sha256: hexOf('sdist') } }, sampleRecord()],
    [
      { ...built, dependencies: list },
      { ...sampleRecord(), dependencies: many },
    ],
  ]
  const envelopes = results.map(([result, record]) => statementBy(result, record))
  const answers = askGo(envelopes.map((envelope) => asking(envelope)))
  for (const [at, { Error: error, Keys, Subjects, PredicateType, Purl, Inputs }] of answers.entries()) {
    assert.equal(error, '')
    assert.deepEqual([Keys, PredicateType, Purl], [[NODE], 'https://slsa.dev/provenance/v1', of.purl])
    assert.deepEqual(Subjects, { 'toy-1.0.toy': hexOf('bytes') })
    const [result, record] = results[at] ?? assert.fail()
    const { inputs } = checkStatement(envelopes[at] ?? assert.fail(), Buffer.from(NODE, 'hex'), { ...of, result })
    const named = inputs?.dependencies?.dependencies.map(({ name }) => name) ?? ['dependencies']
    assert.deepEqual(Inputs?.slice(-named.length), named)
    assert.deepEqual(Inputs?.slice(0, 2), ['source', 'recipe'])
    assert.ok(record.dependencies.length > 0)
  }
})

test('Go’s packages verify our predicates for what was witnessed and what was not built', needs('attest-go'), () => {
  const { environment, files } = sampleResult('bytes')
  const seen = files.map(({ upstream: _, canonical: _c, ...file }) => file)
  const answers = askGo([
    asking(statementBy({ outcome: 'witnessed', tag: true, files: seen, environment })),
    asking(statementBy({ outcome: 'unbuildable', reason: 'no source', environment })),
  ])
  assert.deepEqual(
    answers.map(({ Error: error, PredicateType }) => [error, PredicateType]),
    [
      ['', 'https://pyrsia.io/witnessed/v1'],
      ['', 'https://pyrsia.io/not-built/v1'],
    ],
  )
})

test('Go’s packages verify the summary that a quorum signed, and count each key once (F4)', needs('attest-go'), () => {
  const log = new ProofLog()
  const { verdict: index } = logVerdict(log, of.purl, THREE)
  const bytes = log.entries[index] ?? assert.fail()
  const entry = parseEntry(bytes)
  assert.ok(entry.kind === 'verdict')
  const payload = summaryPayload({ network: TEST_ORIGIN, index, leaf: entryName(bytes), entry }) ?? assert.fail()
  const keys = THREE.map((name) => keyOf(`${name}/attestation`))
  const [all, one, few] = askGo([
    asking(signedBy(THREE, payload), keys, 3),
    asking(signedBy(['a', 'a', 'a'], payload), keys, 3),
    asking(signedBy(['a', 'b'], payload), keys, 3),
  ])
  assert.deepEqual([all?.Error, all?.Keys?.toSorted(), all?.Purl], ['', keys.toSorted(), of.purl])
  assert.deepEqual(all?.Levels, ['SLSA_BUILD_REPRODUCED'])
  assert.notEqual(one?.Error, '')
  assert.notEqual(few?.Error, '')
})

test('what we refuse for its signature Go’s packages refuse too', needs('attest-go'), () => {
  const envelope = statementBy(sampleResult('bytes'))
  const changed = Uint8Array.from(envelope.payload)
  changed[40] = (changed[40] ?? 0) ^ 1
  const answers = askGo([
    asking({ ...envelope, payload: changed }),
    asking({ ...envelope, payloadType: 'application/json' }),
    asking(envelope, [keyOf('b/attestation')]),
  ])
  assert.ok(answers.every(({ Error: error }) => error !== ''))
})
