import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from './canonical-json.ts'
import {
  ENVELOPE_SIGNATURES_MAX,
  type Envelope,
  envelopeJson,
  envelopeOfJson,
  preAuthEncoding,
  signEnvelope,
  verifyEnvelope,
} from './dsse.ts'
import { signerOfSeed } from './ed25519.ts'

const signers = [1, 2, 3].map((at) => signerOfSeed(new Uint8Array(32).fill(at)))
const [a, b, c] = signers as [(typeof signers)[0], (typeof signers)[0], (typeof signers)[0]]
const payload = Buffer.from('{"a":1}')
const TYPE = 'application/vnd.in-toto+json'

test('preAuthEncoding() is the example of the DSSE protocol', () => {
  const found = preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world'))
  assert.equal(Buffer.from(found).toString(), 'DSSEv1 29 http://example.com/HelloWorld 11 hello world')
  assert.match(Buffer.from(preAuthEncoding('é', Buffer.from('é'))).toString(), /^DSSEv1 2 é 2 é$/)
})

test('verifyEnvelope() counts trusted keys: attack F4 "one key" fails, however often and under whatever names it signs', () => {
  const envelope = signEnvelope(TYPE, payload, [
    { keyid: 'a', signer: a },
    { keyid: 'b', signer: a },
    { keyid: 'c', signer: a },
  ])
  const trusted = [a.publicKey, a.publicKey, b.publicKey, c.publicKey]
  assert.throws(() => verifyEnvelope(envelope, trusted, 2), {
    code: 'untrusted.signature',
    data: { wanted: 2, found: 1 },
  })
  assert.deepEqual(verifyEnvelope(envelope, trusted, 1), [a.publicKey])
})

test('verifyEnvelope() takes key ids as hints: attack F6, a swapped key id, neither helps nor hurts', () => {
  const envelope = signEnvelope(TYPE, payload, [
    { keyid: 'b', signer: a },
    { keyid: 'a', signer: b },
  ])
  assert.deepEqual(verifyEnvelope(envelope, [a.publicKey, b.publicKey], 2), [a.publicKey, b.publicKey])
  const stranger = signEnvelope(TYPE, payload, [{ keyid: 'a', signer: c }])
  assert.throws(() => verifyEnvelope(stranger, [a.publicKey, b.publicKey], 1), { code: 'untrusted.signature' })
})

test('verifyEnvelope() refuses a changed payload, a changed type, and a threshold of nothing', () => {
  const envelope = signEnvelope(TYPE, payload, [{ keyid: '', signer: a }])
  for (const other of [
    { ...envelope, payload: Buffer.from('{"a":2}') },
    { ...envelope, payloadType: 'text/plain' },
    { ...envelope, signatures: [] },
  ]) {
    assert.throws(() => verifyEnvelope(other, [a.publicKey], 1), { code: 'untrusted.signature' })
  }
  assert.throws(() => verifyEnvelope({ ...envelope, signatures: [] }, [a.publicKey], 0), {
    code: 'untrusted.signature',
  })
})

test('verifyEnvelope() tries a bounded number of signatures', () => {
  const { signatures } = signEnvelope(TYPE, payload, [{ keyid: '', signer: a }])
  const many = Array.from({ length: ENVELOPE_SIGNATURES_MAX + 1 }, () => signatures[0]) as Envelope['signatures']
  assert.throws(() => verifyEnvelope({ payloadType: TYPE, payload, signatures: many }, [a.publicKey], 1), {
    code: 'untrusted.signature',
  })
})

test('envelopeOfJson() reads what envelopeJson() wrote, passes over members that it does not know, and takes both base64 alphabets', () => {
  const envelope = signEnvelope(TYPE, Buffer.from([0xfb, 0xff]), [{ keyid: 'k', signer: a }])
  const json = envelopeJson(envelope) as { readonly payload: string; readonly signatures: readonly object[] }
  canonicalJson(envelopeJson(envelope))
  const read = envelopeOfJson({ ...json, more: 1, payload: json.payload.replace('+', '-').replace('/', '_') })
  assert.deepEqual(verifyEnvelope(read, [a.publicKey], 1), [a.publicKey])
  assert.equal(read.signatures[0]?.keyid, 'k')
})

test('envelopeOfJson() throws nothing but usage.json', () => {
  const bad = [null, 7, [], {}, { payload: '', payloadType: '', signatures: [{}] }, { payload: '!', payloadType: '' }]
  for (const value of bad) assert.throws(() => envelopeOfJson(value), { code: 'usage.json' })
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.throws(() => envelopeOfJson(value), { code: 'usage.json' })
    }),
  )
})
