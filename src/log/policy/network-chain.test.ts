import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProofLog, TEST_ORIGIN, testNetwork, testOffer, testVkeys, votedChange } from '../../../test/kit/proof-log.ts'
import { keyOf, signerOf } from '../../../test/kit/sample-entries.ts'
import { type Offer, type OfferBody, offerMessage } from '../../base/entries/offer.ts'
import type { Change, VoteBody } from '../../base/entries/transaction.ts'
import { signTransaction } from '../../base/entries/transaction.ts'
import { formatVkey, makeVkey } from '../../base/network/vkey.ts'
import { checkCheckpoint } from './check-checkpoint.ts'
import { chainOf, cosignersOf, type PolicyChain, timeOf, versionAt, withChange } from './network-chain.ts'

const NAMES = ['a', 'b', 'c', 'd']
const network = testNetwork(NAMES)
const admit = (name: string, body: Parameters<typeof testOffer>[1] = {}): Change => ({
  action: 'admit',
  offer: testOffer(name, body),
})
const remove = (organisation: string): Change => ({ action: 'remove', organisation, serial: 1 })
const log = new ProofLog()
for (let at = 0; at < 40; at += 1) log.append(Buffer.from(`"entry ${at}"`))
const judge = (chain: PolicyChain, signed: Parameters<typeof log.checkpoint>[0]) =>
  checkCheckpoint(log.checkpoint(signed), ({ size }) => versionAt(chain, size))

test('a network of four authorities needs three of them, by organisation, whatever witnesses sign besides', () => {
  const chain = chainOf(network)
  assert.equal(judge(chain, { by: ['a', 'b', 'c'] }).cosignatures.length, 3)
  assert.throws(() => judge(chain, { by: ['a', 'b'] }), { code: 'untrusted.quorum' })
  const witness = { name: 'w', roles: ['witness' as const], keys: {} }
  const cosigner = formatVkey(makeVkey('w.example', 'cosignature', signerOf('w/cosigner').publicKey))
  const witnessed = chainOf({
    ...network,
    organisations: [...network.organisations, { ...witness, keys: { cosigner } }],
  })
  assert.throws(() => judge(witnessed, { by: ['a', 'b', 'w'] }), { code: 'untrusted.quorum' })
  const seen = judge(witnessed, { by: ['a', 'b', 'c', 'w'], timeSeconds: 7 })
  assert.deepEqual([...cosignersOf(seen.cosignatures, versionAt(witnessed, 40)).keys()], ['a', 'b', 'c', 'w'])
  assert.equal(timeOf(seen, versionAt(witnessed, 40)), 7)
})

test('attack F4 "revoked keys": a removed member counts for nothing newer, and old proofs keep verifying', () => {
  const seven = testNetwork(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
  const before = chainOf(seven)
  const after = withChange(before, 20, votedChange(remove('g'), ['a', 'b', 'c', 'd', 'e']))
  const old = { by: ['a', 'b', 'c', 'd', 'g'], size: 20 }
  assert.equal(judge(before, old).size, 20)
  assert.equal(judge(after, old).size, 20, 'an old proof')
  assert.equal(versionAt(after, 20).authorities, 7)
  assert.equal(versionAt(after, 21).authorities, 6)
  assert.equal(versionAt(after, 21).k, 4)
  assert.throws(() => judge(after, { by: ['a', 'b', 'c', 'g'], size: 21 }), { code: 'untrusted.quorum' })
  assert.equal(judge(after, { by: ['a', 'b', 'c', 'd', 'g'], size: 21 }).cosignatures.length, 4)
  // A log key that was removed signs nothing newer either.
  assert.throws(() => judge(after, { by: ['a', 'b', 'c', 'd'], size: 21, log: 'g' }), { code: 'untrusted.signature' })
})

test('an admitted member counts from the tree that holds its entry on, and not before', () => {
  const chain = withChange(chainOf(network), 20, votedChange(admit('e'), ['a', 'b', 'c']))
  assert.deepEqual([versionAt(chain, 20).authorities, versionAt(chain, 21).authorities], [4, 5])
  assert.equal(judge(chain, { by: ['b', 'c', 'd', 'e'], size: 21 }).cosignatures.length, 4)
  assert.throws(() => judge(chain, { by: ['b', 'c', 'e'], size: 20 }), { code: 'untrusted.quorum' })
})

test('changes are voted for by the quorum of the version before them, one after the other', () => {
  let chain = withChange(chainOf(network), 20, votedChange(admit('e'), ['a', 'b', 'c']))
  chain = withChange(chain, 22, votedChange(admit('f'), ['b', 'c', 'd', 'e']))
  chain = withChange(chain, 25, votedChange(remove('a'), ['b', 'c', 'e', 'f']))
  assert.deepEqual([...versionAt(chain, 26).members.keys()], ['b', 'c', 'd', 'e', 'f'])
  assert.throws(() => withChange(chain, 30, votedChange(remove('b'), ['a', 'c', 'd', 'e'])), {
    code: 'untrusted.quorum',
    data: { wanted: 4, found: 3 },
  })
  assert.throws(() => withChange(chain, 25, votedChange(remove('b'), ['c', 'd', 'e', 'f'])), {
    code: 'untrusted.change',
  })
})

test('attack F4 "one key": one organisation that votes often, a stranger and a forged vote make no quorum', () => {
  const chain = chainOf(network)
  const change = votedChange(remove('d'), ['a', 'a', 'a', 'x'])
  assert.throws(() => withChange(chain, 20, change), { code: 'untrusted.quorum', data: { wanted: 3, found: 1 } })
  const good = votedChange(remove('d'), ['a', 'b', 'c'])
  assert.equal(good.step, 'active')
  const [first, second, third] = good.step === 'active' ? good.votes : []
  assert.ok(first && second && third)
  const forged = { ...third, signature: second.signature }
  assert.throws(() => withChange(chain, 20, { ...good, votes: [first, second, forged] } as typeof good), {
    code: 'untrusted.quorum',
  })
  const elsewhere = votedChange(remove('d'), ['a', 'b', 'c'], 'another.example/log')
  assert.throws(() => withChange(chain, 20, elsewhere), { code: 'untrusted.quorum' })
  const vote = { type: 'vote', network: TEST_ORIGIN, sequence: 1, change: 'ab'.repeat(32) } as const
  const other = signTransaction<VoteBody>(vote, signerOf('c/consensus'))
  assert.throws(() => withChange(chain, 20, { ...good, votes: [first, second, other] } as typeof good), {
    code: 'untrusted.quorum',
  })
})

test('withChange() refuses changes that their members could not make', () => {
  const chain = chainOf(network)
  const voters = ['a', 'b', 'c']
  const stolen = testOffer('e', {
    keys: { attestation: keyOf('e/attestation'), consensus: keyOf('a/consensus') },
  })
  const unsigned = testOffer('e')
  const outsider = testOffer('x', { organisation: 'a', roles: ['builder'] })
  for (const [what, change] of [
    ['somebody else’s key', { action: 'admit', offer: stolen }],
    ['an offer without its signatures', { action: 'admit', offer: { ...unsigned, proofs: unsigned.proofs.slice(1) } }],
    ['an organisation that did not ask', { action: 'admit', offer: outsider }],
    ['an offer to another network', admit('e', { network: 'another.example/log' })],
    ['a node that is not there to be replaced', admit('e', { replaces: 'ab'.repeat(32) })],
    ['nobody to remove', remove('x')],
  ] as ReadonlyArray<readonly [string, Change]>) {
    assert.throws(() => withChange(chain, 20, votedChange(change, voters)), { code: 'untrusted.change' }, what)
  }
  const solo = chainOf(testNetwork(['a']))
  assert.throws(() => withChange(solo, 20, votedChange(remove('a'), ['a'])), { code: 'untrusted.change' })
})

test('a member whose attestation key is the note key of another is let in as the network does, and the chain goes on', () => {
  const borrowed = signerOf('a/log')
  const keys = { attestation: Buffer.from(borrowed.publicKey).toString('hex') }
  const plain = testOffer('e', { roles: ['builder'], keys })
  const signature = Buffer.from(borrowed.sign(offerMessage(plain.body))).toString('hex')
  const offer: Offer = { body: plain.body, proofs: [{ key: keys.attestation, signature }] }
  const chain = withChange(chainOf(network), 20, votedChange({ action: 'admit', offer }, ['a', 'b', 'c']))
  assert.ok(versionAt(chain, 21).members.has('e'))
})

test('a member whose note keys are malformed, of another type or name, or somebody else’s is a member that cannot sign', () => {
  const own = { consensus: keyOf('e/consensus'), attestation: keyOf('e/attestation') }
  const { log: logKey, cosigner } = testVkeys('e')
  const stolen = formatVkey(makeVkey('e.example', 'cosignature', signerOf('a/cosigner').publicKey))
  for (const keys of [
    { ...own, log: logKey, cosigner: stolen },
    { ...own, log: logKey, cosigner: 'x' },
    { ...own, log: logKey, cosigner: formatVkey(makeVkey('e.example', 'ed25519', signerOf('e/cosigner').publicKey)) },
    { ...own, log: formatVkey(makeVkey('other', 'ed25519', signerOf('e/log').publicKey)), cosigner: stolen },
  ]) {
    const chain = withChange(chainOf(network), 20, votedChange(admit('e', { keys }), ['a', 'b', 'c']))
    assert.equal(versionAt(chain, 21).authorities, 5)
    assert.equal(judge(chain, { by: ['a', 'b', 'c', 'd'], size: 21 }).cosignatures.length, 4)
    assert.throws(() => judge(chain, { by: ['a', 'b', 'c', 'e'], size: 21 }), { code: 'untrusted.quorum' })
  }
  const keys = { ...own, log: formatVkey(makeVkey('other', 'ed25519', signerOf('e/log').publicKey)), cosigner }
  const chain = withChange(chainOf(network), 20, votedChange(admit('e', { keys }), ['a', 'b', 'c']))
  assert.equal(judge(chain, { by: ['b', 'c', 'd', 'e'], size: 21 }).cosignatures.length, 4)
  assert.throws(() => judge(chain, { by: ['b', 'c', 'd', 'e'], size: 21, log: 'e' }), { code: 'untrusted.signature' })
})

test('a node rotates its keys under the signature of its old ones, and the old cosigner key counts no more', () => {
  const { body } = testOffer('a')
  const next = { ...body, keys: testOffer('a2').body.keys, replaces: keyOf('a/attestation') }
  const names = ['a2/attestation', 'a2/consensus', 'a/attestation']
  const offer = signedBy(next, names)
  const chain = withChange(chainOf(network), 20, votedChange({ action: 'admit', offer }, ['b', 'c', 'd']))
  assert.equal(versionAt(chain, 21).authorities, 4)
  assert.throws(() => judge(chain, { by: ['a', 'b', 'c'], size: 21, log: 'b' }), { code: 'untrusted.quorum' })
  assert.equal(judge(chain, { by: ['a2', 'b', 'c'], size: 21 }).cosignatures.length, 3)
})

test('several cosigners, and several voters, of one organisation are one voice', () => {
  const { body } = testOffer('a')
  const second = { ...body, keys: testOffer('a2').body.keys }
  const offer = signedBy(second, ['a2/attestation', 'a2/consensus', 'a/consensus'])
  const chain = withChange(chainOf(network), 20, votedChange({ action: 'admit', offer }, ['a', 'b', 'c']))
  assert.equal(versionAt(chain, 21).authorities, 4)
  assert.throws(() => judge(chain, { by: ['a', 'a2', 'b'], size: 21 }), { code: 'untrusted.quorum' })
  assert.equal(judge(chain, { by: ['a2', 'b', 'c'], size: 21 }).cosignatures.length, 3)
  assert.throws(() => withChange(chain, 25, votedChange(remove('d'), ['a', 'a2', 'b'])), {
    code: 'untrusted.quorum',
    data: { wanted: 3, found: 2 },
  })
  const withoutSecond = withChange(
    chain,
    25,
    votedChange({ action: 'remove', organisation: 'a', node: keyOf('a2/attestation'), serial: 1 }, ['b', 'c', 'd']),
  )
  assert.throws(() => judge(withoutSecond, { by: ['a2', 'b', 'c'], size: 26, log: 'b' }), { code: 'untrusted.quorum' })
})

test('chainOf() passes over changes that the pinned file knows already, by the size of its checkpoint', () => {
  const checkpoint = Buffer.from(log.checkpoint({ by: ['a', 'b', 'c'], size: 30 })).toString()
  const chain = chainOf({ ...network, checkpoint })
  assert.equal(chain.knownSize, 30)
  assert.throws(() => withChange(chain, 29, votedChange(remove('d'), ['a', 'b', 'c'])), { code: 'untrusted.change' })
  assert.equal(versionAt(withChange(chain, 30, votedChange(remove('d'), ['a', 'b', 'c'])), 31).authorities, 3)
})

function signedBy(body: OfferBody, names: readonly string[]): Offer {
  const message = offerMessage(body)
  const proofs = names.map((name) => ({
    key: keyOf(name),
    signature: Buffer.from(signerOf(name).sign(message)).toString('hex'),
  }))
  return { body, proofs }
}
