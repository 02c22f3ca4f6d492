/** Attestations of a verdict on which three of four organisations agree, judged from files alone. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type BuiltVerdict,
  logVerdict,
  ProofLog,
  TEST_ORIGIN,
  TEST_SECONDS,
  testNetwork,
  testStatement,
} from '../../../test/kit/proof-log.ts'
import { keyOf, sampleResult, signerOf } from '../../../test/kit/sample-entries.ts'
import { STATEMENT_PAYLOAD_TYPE } from '../../base/attestation/statement.ts'
import { canonicalJson } from '../../base/crypto/canonical-json.ts'
import { type Envelope, envelopeJson, signEnvelope } from '../../base/crypto/dsse.ts'
import { parseEntry, type VerdictEntry } from '../../base/entries/entry.ts'
import { entryName } from '../../base/entries/entry-name.ts'
import type { Built } from '../../base/entries/result.ts'
import { formatNetwork } from '../../base/network/network.ts'
import type { AttestVerifyRequest } from '../../cli/log/attest-view.ts'
import { summaryPayload } from '../../verify/attestation/check-summary.ts'
import { readAttestations, verifyAttestFile } from './attest-file.ts'

const PURL = 'pkg:toy/toy@1.0'
const THREE = ['a', 'b', 'c']
/** What the samples hash: the artefact. */
const BYTES = PURL

interface Files {
  readonly log: ProofLog
  readonly built: BuiltVerdict
  /** Verifies these bytes. */
  verify(bytes: Uint8Array, change?: Partial<AttestVerifyRequest>): ReturnType<typeof verifyAttestFile>
  /** A proof with these envelopes in the place of the builders' own. */
  proof(envelopes?: readonly Envelope[]): Uint8Array
  summary(names: readonly string[]): Envelope
  artifact(bytes: string): string
}

function begin(t: TestContext): Files {
  const directory = mkdtempSync(join(tmpdir(), 'pyrsia-attest-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const log = new ProofLog()
  const built = logVerdict(log, PURL, THREE)
  const network = join(directory, 'network.json')
  writeFileSync(network, formatNetwork(testNetwork(['a', 'b', 'c', 'd'])))
  const bytes = log.entries[built.verdict] ?? new Uint8Array()
  const entry = parseEntry(bytes) as VerdictEntry
  const payload = summaryPayload({ network: TEST_ORIGIN, index: built.verdict, leaf: entryName(bytes), entry })
  return {
    log,
    built,
    verify(given, change = {}) {
      const file = join(directory, 'given.json')
      writeFileSync(file, given)
      const request = { file, network, artifact: undefined, purl: undefined, data: undefined, ...change }
      return verifyAttestFile(request, '/nowhere', TEST_SECONDS + 200)
    },
    proof(envelopes = built.envelopes) {
      const { request, selection, reveals, verdict } = built
      return log.bundle([request, selection, ...reveals, verdict], { by: THREE }, envelopes)
    },
    summary: (names) => signedBy(names, payload ?? assert.fail('no summary')),
    artifact(text) {
      const file = join(directory, 'artefact')
      writeFileSync(file, text)
      return file
    },
  }
}

function signedBy(names: readonly string[], payload: Uint8Array): Envelope {
  const keys = names.map((name) => `${name}/attestation`)
  return signEnvelope(
    STATEMENT_PAYLOAD_TYPE,
    payload,
    keys.map((key) => ({ keyid: keyOf(key), signer: signerOf(key) })),
  )
}

const bytesOf = (envelope: Envelope): Uint8Array => canonicalJson(envelopeJson(envelope))
const of = { network: TEST_ORIGIN, purl: PURL, request: 'ab'.repeat(32), attempt: 1 }

test('a proof: every check is listed, down to each builder’s statement, the summary and the artefact', async (t) => {
  const { verify, proof, summary, artifact, built } = begin(t)
  const { checks, failure, remarks } = await verify(proof([...built.envelopes, summary(THREE)]), {
    artifact: artifact(BYTES),
  })
  assert.equal(failure, undefined)
  assert.deepEqual(
    checks.map(({ name, holds }) => [name, holds]),
    [
      'format',
      'log',
      'verdict',
      'statement of a',
      'statement of b',
      'statement of c',
      'summary',
      'artefact',
      'quorum',
    ].map((name) => [name, true]),
  )
  const found = new Map(checks.map((one) => [one.name, one.found]))
  assert.match(
    found.get('statement of a') ?? '',
    /built from https:\/\/git.example\/toy at aaaaaaaaaaaa, 2 dependencies; none/,
  )
  assert.match(found.get('summary') ?? '', /SLSA_BUILD_REPRODUCED, signed by a, b, c/)
  assert.match(found.get('artefact') ?? '', /toy-1.0.toy, the bytes as built/)
  assert.deepEqual(remarks, [])
})

test('attack G6, provenance stripped: a proof without a statement says whose is missing, and what was not reached', async (t) => {
  const { verify, proof, built } = begin(t)
  const { checks, failure } = await verify(proof(built.envelopes.slice(0, 1)))
  assert.equal(failure?.code, 'untrusted.attestation')
  const shown = checks.map(({ name, holds }) => `${name} ${holds}`)
  const missed = ['summary undefined', 'quorum undefined']
  assert.deepEqual(shown, [
    'format true',
    'log true',
    'verdict true',
    'statement of a true',
    'statement of b false',
    ...missed,
  ])
  assert.match(checks[4]?.found ?? '', /wanted the statement of b/)
})

test('attacks F4 and F5 in a proof: a summary that one key signed thrice, and an artefact with other bytes, are refused', async (t) => {
  const { verify, proof, summary, artifact, built } = begin(t)
  const one = await verify(proof([...built.envelopes, summary(['a', 'a', 'a'])]))
  assert.deepEqual(
    [one.failure?.code, one.checks.find(({ holds }) => holds === false)?.name],
    ['untrusted.attestation', 'summary'],
  )
  const other = await verify(proof(), { artifact: artifact('other bytes') })
  assert.deepEqual(
    [other.failure?.code, other.checks.find(({ holds }) => holds === false)?.name],
    ['untrusted.subject', 'artefact'],
  )
  const package_ = await verify(proof(), { purl: 'pkg:toy/toy@1.1' })
  assert.deepEqual([package_.failure?.code, package_.checks[1]?.holds], ['untrusted.subject', false], 'attack G5')
})

test('a proof whose verdict nobody agreed on, or of no verdict, attests nothing', async (t) => {
  const { verify, log, built } = begin(t)
  const bare = log.bundle([built.request], { by: THREE })
  assert.match((await verify(bare)).failure?.message ?? '', /wanted a verdict on which builders agreed/)
})

test('an envelope alone is its builder’s word: whose, about what, and that the log was not looked at', async (t) => {
  const { verify, artifact } = begin(t)
  const envelope = testStatement(sampleResult(BYTES), 'b/attestation', of)
  const { checks, failure, remarks } = await verify(bytesOf(envelope), { artifact: artifact(BYTES), purl: PURL })
  assert.equal(failure, undefined)
  assert.deepEqual(checks.map(({ name, found }) => `${name}: ${found}`).slice(1), [
    `network: ${PURL}, in ${TEST_ORIGIN}`,
    'signatures: by b',
    'artefact: toy-1.0.toy',
  ])
  assert.match(remarks[0] ?? '', /log was not looked at/)
  const refusedOf = async (bytes: Uint8Array, change: Partial<AttestVerifyRequest> = {}) =>
    (await verify(bytes, change)).failure?.code
  assert.equal(await refusedOf(bytesOf(testStatement(sampleResult(BYTES), 'x/attestation', of))), 'untrusted.signature')
  assert.equal(
    await refusedOf(bytesOf({ ...envelope, signatures: signedBy(['a'], envelope.payload).signatures })),
    'untrusted.signature',
  )
  assert.equal(await refusedOf(bytesOf(envelope), { artifact: artifact('other') }), 'untrusted.subject')
  assert.equal(await refusedOf(bytesOf(envelope), { purl: 'pkg:toy/toy@2.0' }), 'untrusted.subject')
  const foreign = testStatement(sampleResult(BYTES), 'b/attestation', { ...of, network: 'log.example/other' })
  assert.equal(await refusedOf(bytesOf(foreign)), 'untrusted.origin')
  assert.equal(await refusedOf(bytesOf(signedBy(['b'], Buffer.from('{}')))), 'untrusted.attestation')
})

test('a summary alone needs the quorum of different organisations that build', async (t) => {
  const { verify, summary } = begin(t)
  const { failure, checks } = await verify(bytesOf(summary(['a', 'b', 'd'])))
  assert.deepEqual([failure, checks.at(-1)?.found], [undefined, 'by a, b, d'])
  for (const names of [
    ['a', 'b'],
    ['a', 'a', 'b'],
    ['a', 'b', 'x'],
  ]) {
    assert.equal((await verify(bytesOf(summary(names)))).failure?.code, 'untrusted.signature', names.join())
  }
})

test('readAttestations() shows what is in a proof or an envelope, and whose it is', (t) => {
  const { proof, summary, built } = begin(t)
  const shown = readAttestations(proof([...built.envelopes, summary(THREE)]))
  assert.deepEqual(
    shown.map(({ kind, organisation, purl }) => [kind, organisation, purl]),
    [...THREE.map((name) => ['built', name, PURL]), ['summary', undefined, PURL]],
  )
  const [envelope] = built.envelopes
  const [alone] = readAttestations(bytesOf(envelope ?? assert.fail()))
  assert.deepEqual([alone?.kind, alone?.organisation, alone?.name], ['built', undefined, shown[0]?.name])
  assert.throws(() => readAttestations(Buffer.from('no JSON')), { code: 'usage.json' })
  assert.throws(() => readAttestations(Buffer.from('{}')), { code: 'usage.json' })
})

test('an artefact as upstream has it counts where it was found equal, and not where it differs', async (t) => {
  for (const level of ['canonical', 'mismatch'] as const) {
    const { verify, artifact } = begin(t)
    const log = new ProofLog()
    const [file, ...more] = sampleResult(BYTES, 'upstream bytes').files
    const upstream = { ...(file?.upstream ?? assert.fail()), level }
    const told: Built = { ...sampleResult(BYTES), files: [{ ...(file ?? assert.fail()), upstream }, ...more] }
    const built = logVerdict(log, PURL, THREE, { agreed: told })
    const { request, selection, reveals, verdict, envelopes } = built
    const proof = log.bundle([request, selection, ...reveals, verdict], { by: THREE }, envelopes)
    const { failure } = await verify(proof, { artifact: artifact('upstream bytes') })
    assert.equal(failure?.code, level === 'mismatch' ? 'untrusted.subject' : undefined)
  }
})
