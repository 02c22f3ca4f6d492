import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hexOf, keyOf, sampleOffer, signerOf } from '../../../test/kit/sample-entries.ts'
import { checkPart, formatPart, type PartBody, parsePart, signPart } from './part.ts'
import { formatVkey } from './vkey.ts'

const network = 'n.example/x'
const PEER = signerOf('peer')
const COSIGNER = formatVkey({
  name: `${network}/a`,
  type: 'cosignature',
  publicKey: signerOf('a/cosigner').publicKey,
})
const SIGNERS = [...['a/attestation', 'a/consensus', 'a/cosigner', 'a/beacon'].map(signerOf), PEER]
const ALL = { attestation: keyOf('a/attestation'), consensus: keyOf('a/consensus'), cosigner: COSIGNER }

function body(): PartBody {
  const unsigned = sampleOffer('a', { network })
  const offer = sampleOffer('a', { network, keys: { ...unsigned.body.keys, ...ALL } })
  return { offer, beacon: keyOf('a/beacon'), bootstrap: ['/ip4/127.0.0.1/tcp/7900'] }
}

test('a part goes through its file and is signed by every key that it names', () => {
  const part = parsePart(formatPart(signPart(body(), SIGNERS)))
  checkPart(part, keyOf('peer'))
  for (const [at, role] of ['attestation', 'consensus', 'cosigner', 'beacon', 'peer'].entries()) {
    const without = { ...part, proofs: part.proofs.toSpliced(at, 1) }
    const message = new RegExp(`the part of a is not signed by its ${role} key`)
    assert.throws(() => checkPart(without, keyOf('peer')), { code: 'usage.part', message })
  }
})

test('a part that was changed after it was signed is refused, whatever was changed', () => {
  const part = signPart(body(), SIGNERS)
  const moved = { ...part, bootstrap: ['/ip4/127.0.0.2/tcp/7900'] }
  const renamed = { ...part, offer: { ...part.offer, body: { ...part.offer.body, organisation: 'b' } } }
  const { beacon: _, ...beaconless } = part
  for (const changed of [moved, renamed, beaconless]) {
    assert.throws(() => checkPart(changed, keyOf('peer')), { code: 'usage.part' })
  }
})

test('a part whose offer lacks a signature is refused even if the part has it', () => {
  const { offer, ...rest } = body()
  const part = signPart({ ...rest, offer: { ...offer, proofs: offer.proofs.slice(1) } }, SIGNERS)
  assert.throws(() => checkPart(part, undefined), { message: /the offer of a is not signed by its key/ })
})

test('a part with a key of low order is refused', () => {
  const part = signPart({ ...body(), beacon: `01${'00'.repeat(31)}` }, SIGNERS)
  assert.throws(() => checkPart(part, undefined), { message: /the beacon key of a cannot be trusted/ })
})

test('parsePart() names what is wrong with a file', () => {
  assert.throws(() => parsePart('not json'), { code: 'usage.part' })
  assert.throws(() => parsePart(' '.repeat(70_000)), { message: /at most 65536 bytes/ })
  const part = signPart(body(), SIGNERS)
  const short = JSON.stringify({ ...part, beacon: hexOf('x').slice(1) })
  assert.throws(() => parsePart(short), { message: /^beacon: / })
})
