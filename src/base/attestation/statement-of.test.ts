import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hexOf, keyOf, sampleRecord, sampleResult, signerOf } from '../../../test/kit/sample-entries.ts'
import { canonicalJson, type Json } from '../crypto/canonical-json.ts'
import { ENVELOPE_BYTES_MAX, envelopeJson, signEnvelope } from '../crypto/dsse.ts'
import type { Built, NotBuilt, Witnessed } from '../entries/result.ts'
import { type Dependency, dependencyList, parseDependencyList } from './dependencies.ts'
import { readProvenance } from './provenance.ts'
import { readNotBuilt, readWitnessed } from './reports.ts'
import { parseStatement, STATEMENT_PAYLOAD_TYPE } from './statement.ts'
import { type StatementFacts, statementOf } from './statement-of.ts'

const node = keyOf('a/attestation')
const request = { network: 'log.example/toy', purl: 'pkg:toy/toy@1.0', request: hexOf('request'), attempt: 2 }
const facts: StatementFacts = {
  ...request,
  node,
  pyrsia: '0.1.0',
  result: sampleResult('bytes'),
  record: sampleRecord(),
}
const built = facts.result as Built
const { environment } = built

function withDependencies(dependencies: readonly Dependency[]): StatementFacts {
  const list = dependencyList(dependencies).digest
  const result = { ...built, dependencies: { list, levels: {} } }
  return { ...facts, result, record: { ...facts.record, dependencies } }
}

function many(count: number): Dependency[] {
  return Array.from({ length: count }, (_, at) => {
    return { uri: `pkg:toy/part${at}@1.0`, name: `part${at}.toy`, sha256: hexOf(`part ${at}`), tool: at % 2 === 0 }
  })
}

/** The statement's JSON after `change`, read as a provenance. */
function readChanged(change: (statement: Record<string, never>) => void) {
  const text = Buffer.from(statementOf(facts).payload).toString('utf8')
  const statement = JSON.parse(text)
  change(statement)
  return readProvenance(parseStatement(canonicalJson(statement)).predicate)
}

const refused = (message: RegExp) => ({ code: 'untrusted.attestation', message })

test('a provenance names the package, the request, every input by digest, the builder and the times, and is read back', () => {
  const { subject, predicateType, predicate } = parseStatement(statementOf(facts).payload)
  assert.equal(predicateType, 'https://slsa.dev/provenance/v1')
  assert.deepEqual(subject, [{ name: 'toy-1.0.toy', digest: { sha256: hexOf('bytes') } }])
  const found = readProvenance(predicate)
  assert.deepEqual(found.of, request)
  assert.equal(found.builder.id, `https://pyrsia.io/builder/${node}`)
  assert.deepEqual(found.builder.version, { pyrsia: '0.1.0', sandbox: 'none', toolchains: 'toymake 1.0' })
  assert.deepEqual([found.startedOn, found.finishedOn], ['2027-01-15T08:00:00Z', '2027-01-15T08:00:07Z'])
  const { source, recipe, lock, list, dependencies } = found.inputs
  assert.deepEqual([source, recipe, lock, list], [built.source, built.recipe, built.lock, built.dependencies.list])
  assert.deepEqual(dependencies?.dependencies, facts.record.dependencies)
})

test('a build from an archive and without a lock is read back as such', () => {
  const result: Built = { ...built, source: { type: 'archive', sha256: hexOf('sdist') }, lock: null }
  const { inputs } = readProvenance(parseStatement(statementOf({ ...facts, result }).payload).predicate)
  assert.deepEqual([inputs.source, inputs.lock], [result.source, null])
})

test('attack C5, an extra external parameter: a provenance that has one is not read', () => {
  const extra = (statement: { predicate: { buildDefinition: { externalParameters: Record<string, Json> } } }) => {
    statement.predicate.buildDefinition.externalParameters.flags = '--evil'
  }
  assert.throws(() => readChanged(extra as never), refused(/Unrecognized key: "flags"/))
  readChanged(() => {})
})

test('nor is one with an unknown member elsewhere, another build type, or inputs that are left out', () => {
  type Changed = { predicate: { buildDefinition: Record<string, Json[] & Json>; runDetails: Record<string, Json> } }
  const changes: ReadonlyArray<readonly [RegExp, (statement: Changed) => void]> = [
    [
      /internalParameters/,
      ({ predicate }) => Object.assign(predicate.buildDefinition.internalParameters ?? {}, { x: 1 }),
    ],
    [/buildType/, ({ predicate }) => Object.assign(predicate.buildDefinition, { buildType: 'https://example.org/x' })],
    [/Unrecognized key: "extra"/, ({ predicate }) => Object.assign(predicate.runDetails, { extra: [] })],
    [/the source first/, ({ predicate }) => predicate.buildDefinition.resolvedDependencies?.shift()],
    [/recipe with its sha256/, ({ predicate }) => predicate.buildDefinition.resolvedDependencies?.splice(1, 1)],
  ]
  for (const [message, change] of changes) {
    assert.throws(() => readChanged(change as never), refused(message))
  }
  const swapped = ({ predicate }: Changed): void => {
    const found = predicate.buildDefinition.resolvedDependencies ?? []
    const [last, before] = [found.pop(), found.pop()]
    found.push(last as never, before as never)
  }
  assert.throws(() => readChanged(swapped as never), refused(/in order, each once/))
})

test('a list of dependencies that is too long for an envelope is kept beside the statement, which names its digest', () => {
  for (const count of [0, 1, 50, 90, 5000]) {
    const { payload, list } = statementOf(withDependencies(many(count)))
    const { inputs } = readProvenance(parseStatement(payload).predicate)
    assert.equal(inputs.list, dependencyList(many(count)).digest)
    assert.equal(list === undefined, count <= 50, `${count} dependencies`)
    assert.equal(inputs.dependencies === undefined, list !== undefined)
    if (list !== undefined) assert.equal(parseDependencyList(list).dependencies.length, count)
    const envelope = signEnvelope(STATEMENT_PAYLOAD_TYPE, payload, [{ keyid: node, signer: signerOf('a') }])
    assert.ok(canonicalJson(envelopeJson(envelope)).byteLength <= ENVELOPE_BYTES_MAX)
  }
})

test('the list has one form, whatever the order and repetition of what is given', () => {
  const list = dependencyList(many(9))
  assert.equal(dependencyList([...many(9).reverse(), ...many(3)]).digest, list.digest)
  const reversed = JSON.parse(Buffer.from(list.bytes).toString()).reverse()
  assert.throws(() => parseDependencyList(canonicalJson(reversed)), refused(/in order, each once/))
  assert.throws(() => parseDependencyList(Buffer.from('[ ]')), refused(/canonical JSON/))
  assert.throws(() => parseDependencyList(Buffer.from('{}')), refused(/list of dependencies/))
})

test('a result that names other dependencies than the record has is not stated', () => {
  const other = { ...facts, record: { ...facts.record, dependencies: [] } }
  assert.throws(() => statementOf(other), { code: 'bug.assertion' })
})

test('what was witnessed or not built is stated in predicates of their own, the latter about the request', () => {
  const { upstream: _, canonical: _c, ...file } = built.files[0] ?? assert.fail()
  const witnessed: Witnessed = { outcome: 'witnessed', tag: true, files: [file], environment }
  const seen = parseStatement(statementOf({ ...facts, result: witnessed }).payload)
  assert.equal(seen.predicateType, 'https://pyrsia.io/witnessed/v1')
  assert.deepEqual([readWitnessed(seen.predicate).of, readWitnessed(seen.predicate).tag], [request, true])
  const notBuilt: NotBuilt = { outcome: 'unbuildable', reason: 'no source', environment }
  const failed = parseStatement(statementOf({ ...facts, result: notBuilt }).payload)
  assert.deepEqual(failed.subject, [{ name: request.purl, digest: { sha256: request.request } }])
  assert.deepEqual(
    [readNotBuilt(failed.predicate).of, readNotBuilt(failed.predicate).outcome],
    [request, 'unbuildable'],
  )
  assert.throws(() => readNotBuilt(seen.predicate), refused(/Unrecognized key: "tag"/))
})

test('a statement too large for an envelope whatever is left out is refused', () => {
  const files = Array.from({ length: 64 }, (_, at) => ({
    ...(built.files[0] ?? assert.fail()),
    name: `${'n'.repeat(200)}${at}`,
  }))
  assert.throws(() => statementOf({ ...facts, result: { ...built, files } }), { code: 'exhausted.size' })
})

test('a payload that is no canonical JSON of a statement is refused', () => {
  for (const text of ['', 'null', '{}', '{"_type":"https://in-toto.io/Statement/v0.1"}', ' {}']) {
    assert.throws(() => parseStatement(Buffer.from(text)), { code: 'untrusted.attestation' })
  }
})

test('a provenance says how the source was found, the licence, and the log of the build, where there are such', () => {
  const source = { grade: 'stated', how: 'the repository and gitHead of its metadata', revision: 'v1.0' } as const
  const record = { ...facts.record, source, licence: 'MIT OR Apache-2.0', log: hexOf('log') }
  const found = readProvenance(parseStatement(statementOf({ ...facts, record }).payload).predicate)
  assert.deepEqual([found.foundSource, found.licence, found.log], [source, record.licence, record.log])
  const without = readProvenance(parseStatement(statementOf(facts).payload).predicate)
  assert.deepEqual([without.foundSource, without.licence, without.log], [undefined, undefined, undefined])
})
