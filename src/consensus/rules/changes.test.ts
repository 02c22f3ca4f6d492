import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createToyNetwork, TOY_NETWORK, type ToyNetwork } from '../../../test/kit/consensus-network.ts'
import { testNetwork } from '../../../test/kit/proof-log.ts'
import { keyOf, sampleOffer, signerOf } from '../../../test/kit/sample-entries.ts'
import { type Offer, type OfferBody, offerMessage } from '../../base/entries/offer.ts'
import { type Change, changeId, isSigned } from '../../base/entries/transaction.ts'
import { chainOf, withChange } from '../../log/policy/network-chain.ts'
import { membersIn, nextSequence } from '../query.ts'

function builderOffer(name: string, more: Partial<OfferBody> = {}): Offer {
  return sampleOffer(name, { network: TOY_NETWORK, roles: ['builder'], ...more })
}

function sponsored(offer: Offer, key: string): Offer {
  const signature = Buffer.from(signerOf(key).sign(offerMessage(offer.body))).toString('hex')
  return { ...offer, proofs: [...offer.proofs, { key: keyOf(key), signature }] }
}

/** Lets so many of the authorities a, b, … vote, and the change come into force. */
function pass(network: ToyNetwork, change: Change, by = ['a', 'b', 'c']): (string | undefined)[] {
  const [first = '', ...others] = by
  const refusals = network.block([network.propose(first, change), ...others.map((name) => network.vote(name, change))])
  network.block()
  network.block()
  return refusals
}

const isMember = (network: ToyNetwork, key: string) => membersIn(network.state()).senders.has(keyOf(key))

test("an offer that the old set's quorum is for becomes a member two blocks later", () => {
  const network = createToyNetwork({ organisations: 6 })
  const change = { action: 'admit', offer: builderOffer('new') } as const
  network.block([network.propose('a', change), network.vote('b', change)])
  network.block([network.vote('c', change)])
  network.block()
  assert.ok(!isMember(network, 'new/attestation'), 'one block is too early')
  network.block()
  assert.ok(isMember(network, 'new/attestation'))
  const entry = network.logged('member').at(-1)
  assert.ok(entry?.step === 'active')
  assert.deepEqual(
    entry.votes.map(({ body }) => body.type),
    ['propose', 'vote', 'vote'],
  )
  assert.ok(entry.votes.every(isSigned))
  assert.equal(entry.votes[1]?.body.type === 'vote' && entry.votes[1].body.change, changeId(change))
  const record = membersIn(network.state()).organisations.get('new')
  const index = network.entries.findIndex((logged) => logged.entry === entry)
  assert.deepEqual([record?.joins, record?.nodes[0]?.index], [[index], index])
})

test('two of four authorities decide nothing, however long they wait, and make room for others after a month', () => {
  const network = createToyNetwork({ organisations: 6 })
  const change = { action: 'admit', offer: builderOffer('new') } as const
  pass(network, change, ['a', 'b'])
  assert.deepEqual(network.block([network.propose('a', { action: 'remove', organisation: 'f', serial: 1 })]), ['open'])
  network.wait(2_592_000)
  assert.ok(!isMember(network, 'new/attestation'))
  assert.deepEqual(network.block([network.vote('c', change)]), ['unknown'])
  assert.equal(network.state().scalars.changes.length, 0)
})

test('votes count once per organisation, and only those of authorities', () => {
  const network = createToyNetwork({ organisations: 6 })
  const change = { action: 'admit', offer: builderOffer('new') } as const
  const builder = {
    ...network.vote('b', change),
    ...network.sign('e/attestation', { type: 'vote', change: changeId(change) } as never),
  }
  assert.deepEqual(
    network.block([network.propose('a', change), network.vote('a', change), network.vote('b', change), builder]),
    [undefined, 'repeated', undefined, 'key'],
  )
  assert.deepEqual(network.block([network.propose('c', change)]), ['repeated'])
})

test('one change at a time: the next is decided by the members that this one leaves', () => {
  const network = createToyNetwork({ organisations: 6, authorities: 5 })
  const first = { action: 'remove', organisation: 'e', serial: 1 } as const
  const second = { action: 'remove', organisation: 'd', serial: 1 } as const
  network.block([network.propose('a', first), ...['b', 'c', 'd'].map((name) => network.vote(name, first))])
  network.block([network.propose('b', second), ...['a', 'd', 'e'].map((name) => network.vote(name, second))])
  network.block()
  const members = () => [...membersIn(network.state()).authorities].sort()
  assert.deepEqual(members(), ['a', 'b', 'c', 'd'], 'the second had its four votes and waits')
  network.block()
  network.block()
  assert.deepEqual(members(), ['a', 'b', 'c'], 'a, b and d are the quorum of those four')
})

test('votes of those who are no longer authorities do not count', () => {
  const network = createToyNetwork({ organisations: 6, authorities: 5 })
  const first = { action: 'remove', organisation: 'e', serial: 1 } as const
  const second = { action: 'remove', organisation: 'd', serial: 1 } as const
  network.block([network.propose('e', second), network.vote('b', second)])
  network.block([network.propose('a', first), ...['b', 'c', 'd'].map((name) => network.vote(name, first))])
  for (let block = 0; block < 5; block += 1) network.block()
  const members = () => [...membersIn(network.state()).authorities].sort()
  network.block([network.vote('a', second)])
  for (let block = 0; block < 3; block += 1) network.block()
  assert.deepEqual(members(), ['a', 'b', 'c', 'd'], "e's vote is worth nothing: two of four")
  network.block([network.vote('c', second)])
  for (let block = 0; block < 3; block += 1) network.block()
  assert.deepEqual(members(), ['a', 'b', 'c'])
})

test("an authority that is replaced keeps its organisation's place, and its old key is worth nothing", () => {
  const network = createToyNetwork({ organisations: 6 })
  const old = keyOf('b/attestation')
  const offer = sampleOffer('b2', { network: TOY_NETWORK, organisation: 'b', replaces: old })
  assert.deepEqual(pass(network, { action: 'admit', offer }), ['change', 'unknown', 'unknown'], 'b must want it')
  const signed = sponsored(offer, 'b/consensus')
  assert.deepEqual(pass(network, { action: 'admit', offer: signed }), [undefined, undefined, undefined])
  const before = membersIn(network.state()).organisations.get('b')
  assert.equal(before?.joins.length, 1)
  assert.deepEqual(
    before?.nodes.map(({ until }) => until === null),
    [false, true],
  )
  assert.ok(!isMember(network, 'b/consensus') && isMember(network, 'b2/consensus'))
  assert.deepEqual(network.block([network.revoke('b', 'pkg:toy/x@1')]), ['key'])
})

test('a vote by a key that was given up counts for nobody, the organisation may vote anew, and whoever verifies the log counts alike', () => {
  const network = createToyNetwork({ organisations: 6 })
  const wanted = { action: 'admit', offer: builderOffer('new') } as const
  network.block([network.propose('a', wanted), network.vote('b', wanted)])
  const rotated = (name: string, to: string) => {
    const offer = sampleOffer(to, { network: TOY_NETWORK, organisation: name, replaces: keyOf(`${name}/attestation`) })
    return { action: 'admit', offer: sponsored(offer, `${name}/consensus`) } as const
  }
  pass(network, rotated('a', 'a2'), ['d', 'b', 'c'])
  pass(network, rotated('b', 'b2'), ['d', 'c', 'a2'])
  assert.deepEqual(network.block([network.vote('d', wanted)]), [undefined])
  assert.deepEqual(network.block([network.vote('c', wanted)]), [undefined])
  network.block()
  network.block()
  assert.ok(!isMember(network, 'new/attestation'), 'a and b voted by keys that are worth nothing now: two of four')
  assert.deepEqual(network.block([network.vote('b2', wanted), network.vote('b2', wanted)]), [undefined, 'late'])
  network.block()
  network.block()
  assert.ok(isMember(network, 'new/attestation'))
  const active = network.entries.filter(({ entry }) => entry.kind === 'member' && entry.step === 'active')
  const founders = testNetwork(['a', 'b', 'c', 'd', 'e', 'f'])
  let chain = chainOf({
    ...founders,
    organisations: founders.organisations.map((each) =>
      each.name < 'e' ? each : { ...each, roles: ['builder'], keys: { attestation: each.keys.attestation ?? '' } },
    ),
  })
  for (const { index, entry } of active) if (entry.kind === 'member') chain = withChange(chain, index, entry)
  assert.deepEqual(chain.versions.length, 4)
  assert.ok(chain.versions.at(-1)?.members.has('new'))
})

test('a node may declare other toolchains under the same keys', () => {
  const network = createToyNetwork({ organisations: 6 })
  const builds = [
    { type: 'toy', toolchains: ['toymake 2.0'] },
    { type: 'other', toolchains: [] },
  ]
  const offer = sponsored(builderOffer('e', { builds, replaces: keyOf('e/attestation'), serial: 1 }), 'e/attestation')
  assert.deepEqual(pass(network, { action: 'admit', offer }), [undefined, undefined, undefined])
  const record = membersIn(network.state()).organisations.get('e')
  assert.deepEqual(record?.nodes.at(-1)?.builds, builds)
})

test("an offer with somebody else's key, without a signature or for roles without keys is refused", () => {
  const network = createToyNetwork({ organisations: 6 })
  const offer = builderOffer('new')
  const wrong: Offer[] = [
    { ...offer, proofs: [] },
    { ...offer, body: { ...offer.body, organisation: 'other' } },
    builderOffer('new', { keys: { attestation: keyOf('a/attestation') } }),
    builderOffer('new', { keys: {} }),
    builderOffer('new', { roles: ['builder', 'builder'] }),
    builderOffer('new', { network: 'another.example/log' }),
    builderOffer('new', { replaces: keyOf('a/attestation') }),
    builderOffer('new', { organisation: 'a' }),
  ]
  for (const one of wrong)
    assert.deepEqual(network.block([network.propose('a', { action: 'admit', offer: one })]), ['change'])
})

test('the last authority cannot be removed, nor a member that is none', () => {
  const network = createToyNetwork({ organisations: 3, authorities: 1 })
  const refused = (change: Change) => network.block([network.propose('a', change)])
  assert.deepEqual(refused({ action: 'remove', organisation: 'a', serial: 1 }), ['change'])
  assert.deepEqual(refused({ action: 'remove', organisation: 'a', node: keyOf('a/attestation'), serial: 1 }), [
    'change',
  ])
  assert.deepEqual(refused({ action: 'remove', organisation: 'nobody', serial: 1 }), ['change'])
  assert.deepEqual(pass(network, { action: 'remove', organisation: 'b', serial: 1 }, ['a']), [undefined])
  assert.ok(!isMember(network, 'b/attestation'))
  assert.deepEqual(pass(network, { action: 'admit', offer: builderOffer('b') }, ['a']), [undefined])
  assert.equal(membersIn(network.state()).organisations.get('b')?.joins.length, 2, 'it came in anew')
})

test('rules change by the same vote', () => {
  const network = createToyNetwork({ organisations: 6 })
  const [policy] = network.logged('policy')
  assert.ok(policy)
  const rules = { ...policy.rules, openRequestsMax: 1 }
  pass(network, { action: 'rules', rules, serial: 1 })
  assert.equal(network.logged('policy').at(-1)?.votes?.length, 3)
  assert.deepEqual(network.block([network.request('a', 'pkg:toy/x@1'), network.request('a', 'pkg:toy/y@1')]), [
    undefined,
    'limit',
  ])
  assert.equal(nextSequence(network.state(), keyOf('stranger')), 0)
})

test('a proposal too large for the entry that will hold its votes is refused', () => {
  const network = createToyNetwork({ organisations: 6 })
  const toolchains = Array.from({ length: 16 }, (_, at) => `${at} `.padEnd(100, 'x'))
  const builds = Array.from({ length: 32 }, (_, at) => ({ type: `toy${at}`, toolchains }))
  assert.deepEqual(network.block([network.propose('a', { action: 'admit', offer: builderOffer('new', { builds }) })]), [
    'size',
  ])
})
