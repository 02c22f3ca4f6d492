import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  hexOf,
  keyOf,
  sampleBeacon,
  sampleEntries,
  sampleOffer,
  sampleResult,
  signerOf,
} from '../../../test/kit/sample-entries.ts'
import { verifyEd25519 } from '../crypto/ed25519.ts'
import { AppError } from '../errors.ts'
import { nodeOf, offerMessage } from './offer.ts'
import { agreedPart, type BuildResult, commitmentOf } from './result.ts'
import { NO_REVOCATIONS, revocationHash, withRevoked } from './revocation-list.ts'
import {
  changeId,
  encodeTransaction,
  isSigned,
  parseTransaction,
  type RevealBody,
  signTransaction,
  type Transaction,
} from './transaction.ts'

function transactions(): Transaction[] {
  return [...sampleEntries().flatMap((entry) => ('tx' in entry && entry.tx !== null ? [entry.tx] : [])), sampleBeacon()]
}

test('parseTransaction() reads back every type, and isSigned() says whose it is', () => {
  const types = new Set<string>()
  for (const tx of transactions()) {
    types.add(tx.body.type)
    assert.deepEqual(parseTransaction(encodeTransaction(tx)), tx)
    assert.ok(isSigned(tx))
    assert.ok(!isSigned({ ...tx, body: { ...tx.body, sequence: tx.body.sequence + 1 } }))
    assert.ok(!isSigned({ ...tx, body: { ...tx.body, network: 'another.example/log' } }))
    assert.ok(!isSigned({ ...tx, body: { ...tx.body, key: keyOf('somebody else') } }))
  }
  assert.equal(types.size, 8)
})

test('a transaction that was read is, to the byte, what was signed, whatever its members are called', () => {
  const signer = signerOf('a/attestation')
  const sample = sampleResult('bytes')
  const levels = { constructor: 1, toString: 2 }
  const result: BuildResult = { ...sample, dependencies: { ...sample.dependencies, levels } }
  const bytes = encodeTransaction(signTransaction<RevealBody>({ type: 'reveal', ...named, result }, signer))
  const read = parseTransaction(bytes)
  assert.ok(isSigned(read))
  assert.deepEqual(Buffer.from(encodeTransaction(read)), Buffer.from(bytes))
  // A copy of it is written anew, and says the same.
  assert.deepEqual(Buffer.from(encodeTransaction(structuredClone(read))), Buffer.from(bytes))
  assert.ok(isSigned({ ...read }))
})

test('what a schema passes over is in no transaction: who read it from the log would find another signature, and no end of depth', () => {
  const signer = signerOf('a/attestation')
  for (const hidden of ['1', '{"deep":['.repeat(12) + ']}'.repeat(12), '"pretends to be nothing"']) {
    const text = JSON.stringify(sampleResult('bytes')).replace('"levels":{', `"levels":{"__proto__":${hidden},`)
    const result: BuildResult = JSON.parse(text)
    const bytes = encodeTransaction(signTransaction<RevealBody>({ type: 'reveal', ...named, result }, signer))
    assert.throws(() => parseTransaction(bytes), { code: 'usage.transaction' })
  }
})

const named = { network: 'log.example/toy', sequence: 1, request: hexOf('request'), attempt: 1, salt: hexOf('salt') }

test('a result that was read is committed to as its copy is, whatever its texts pretend to be', () => {
  const signer = signerOf('a/attestation')
  const environment = { toolchains: [], sandbox: ',salt:' }
  const sample = sampleResult('bytes')
  const levels = { result: 1, salt: 2, ',result:': 3 }
  const results: BuildResult[] = [
    { ...sample, dependencies: { ...sample.dependencies, levels } },
    { outcome: 'unbuildable', reason: 'x","result":{"salt":"y","salt":"', environment },
  ]
  for (const result of results) {
    const network = 'log.example/x","result":{}'
    const about = { network, request: hexOf('request'), attempt: 1, salt: hexOf('salt') }
    const body = { type: 'reveal', ...about, sequence: 1, envelope: hexOf('e'), result } as const
    const read = parseTransaction(encodeTransaction(signTransaction<RevealBody>(body, signer)))
    assert.ok(read.body.type === 'reveal')
    const builder = keyOf('a/attestation')
    const of = (given: BuildResult) => commitmentOf({ ...about, builder, result: given })
    assert.deepEqual(read.body.result, result)
    assert.equal(of(read.body.result), of(structuredClone(result)))
  }
})

test('parseTransaction() refuses anything else, and what is too large', () => {
  const [tx] = transactions()
  assert.ok(tx)
  const refused = (error: unknown) => error instanceof AppError && error.code === 'usage.transaction'
  const json = JSON.stringify(parseTransaction(encodeTransaction(tx)))
  for (const bytes of [Buffer.from(''), Buffer.from('{}'), Buffer.from(` ${json}`), Buffer.alloc(50_000, '1')]) {
    assert.throws(() => parseTransaction(bytes), refused)
  }
  const more = { ...tx, body: { ...tx.body, more: 1 } } as unknown as Transaction
  assert.throws(() => parseTransaction(encodeTransaction(more)), refused)
})

test('a signature under a transaction is none under an offer, and the other way round', () => {
  const offer = sampleOffer('a', { network: 'log.example/toy' })
  assert.equal(nodeOf(offer.body), keyOf('a/attestation'))
  for (const { key, signature } of offer.proofs) {
    assert.ok(verifyEd25519(Buffer.from(key, 'hex'), offerMessage(offer.body), Buffer.from(signature, 'hex')))
    const stolen = { body: { ...offer.body, key }, signature } as unknown as Transaction
    assert.ok(!isSigned(stolen))
  }
  const builder = sampleOffer('b', { network: 'log.example/toy', roles: ['authority'] })
  assert.equal(nodeOf(builder.body), keyOf('b/consensus'))
  assert.notEqual(signerOf('a').publicKey, signerOf('b').publicKey)
})

test('commitmentOf() binds network, request, attempt, builder, result and salt', () => {
  const inputs = {
    network: 'n',
    request: hexOf('r'),
    attempt: 1,
    builder: keyOf('a'),
    result: sampleResult('x'),
    salt: hexOf('s'),
  }
  const others = [
    { ...inputs, network: 'm' },
    { ...inputs, request: hexOf('q') },
    { ...inputs, attempt: 2 },
    { ...inputs, builder: keyOf('b') },
    { ...inputs, result: sampleResult('y') },
    { ...inputs, salt: hexOf('t') },
  ].map(commitmentOf)
  assert.equal(new Set([commitmentOf(inputs), ...others]).size, 7)
})

test('agreedPart() leaves out where it was built, and why it could not be', () => {
  const here = sampleResult('x')
  const there = { ...here, environment: { toolchains: ['toymake 2.0'], sandbox: 'other' } }
  assert.deepEqual(agreedPart(here), agreedPart(there))
  const failed = { outcome: 'unbuildable', reason: 'no source', environment: here.environment } as const
  assert.deepEqual(agreedPart(failed), { outcome: 'unbuildable' })
})

test('changeId() differs for different changes', () => {
  const ids = [1, 2].map((serial) => changeId({ action: 'remove', organisation: 'a', serial }))
  assert.notEqual(ids[0], ids[1])
})

test('revocationHash() of a list is what adding its items one by one gives, and depends on their order', () => {
  const [a, b] = ['pkg:toy/a@1', 'pkg:toy/b@1'].map((purl) => ({ purl, digests: [] }))
  assert.ok(a && b)
  assert.equal(revocationHash([]), NO_REVOCATIONS)
  assert.equal(revocationHash([a, b]), withRevoked(withRevoked(NO_REVOCATIONS, a), b))
  assert.notEqual(revocationHash([a, b]), revocationHash([b, a]))
})
