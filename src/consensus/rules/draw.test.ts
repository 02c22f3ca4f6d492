import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createToyNetwork,
  honest,
  TOY_BEACON,
  TOY_NETWORK,
  toyRandomness,
} from '../../../test/kit/consensus-network.ts'
import { sampleOffer } from '../../../test/kit/sample-entries.ts'
import type { BeaconBody } from '../../base/entries/transaction.ts'
import { roundAfter, secondsOfRound } from '../../base/network/beacon-schedule.ts'
import { requestIn } from '../query.ts'
import { drawSeed } from '../selection/draw-seed.ts'

const PURL = 'pkg:toy/toy@1.0'

test('the round that decides is the first after the time of the next block and the delay', () => {
  const network = createToyNetwork({ organisations: 6 })
  network.block([network.request('a', PURL)])
  const request = network.entries.at(-1)?.name ?? ''
  network.block([], 7)
  const fixedSeconds = network.state().at.timeSeconds
  network.block([], 2)
  const record = requestIn(network.state(), request)
  assert.equal(record?.drawSeconds, fixedSeconds)
  assert.equal(record?.round, roundAfter(TOY_BEACON.schedule, fixedSeconds + 30))
  assert.ok(secondsOfRound(TOY_BEACON.schedule, record?.round ?? 0) > fixedSeconds + 30)
  assert.deepEqual(network.state().scalars.rounds, [record?.round])
})

test('a draw whose next block came too late is drawn anew, once, and that is logged', () => {
  const network = createToyNetwork({ organisations: 6 })
  network.block([network.request('a', PURL)])
  const request = network.entries.at(-1)?.name ?? ''
  network.block()
  network.block([], 21)
  const redrawn = network.logged('selection').at(-1)
  assert.equal(redrawn?.outcome, 'redrawn')
  assert.equal(redrawn?.drawSeconds, network.state().at.timeSeconds)
  const round = roundAfter(TOY_BEACON.schedule, network.state().at.timeSeconds + 30)
  assert.equal(redrawn?.round, round)
  network.block([], 1000)
  assert.equal(network.logged('selection').length, 1, 'not a second time')
  assert.equal(requestIn(network.state(), request)?.redraws, 1)
})

test('a draw whose next block came at two thirds of the delay stands', () => {
  const network = createToyNetwork({ organisations: 6 })
  network.block([network.request('a', PURL)])
  network.block()
  network.block([], 20)
  assert.equal(network.logged('selection').length, 0)
})

test('a round nobody waits for, and a round with another randomness or proof, are refused', () => {
  const network = createToyNetwork({ organisations: 6 })
  network.block([network.request('a', PURL)])
  assert.deepEqual(network.block([network.beacon(344)]), ['round'])
  network.block()
  const [round = 0] = network.state().scalars.rounds
  const wrong = (randomness: string, proof: string) =>
    network.sign<BeaconBody>('b/attestation', { type: 'beacon', round, randomness, proof })
  assert.deepEqual(network.block([wrong(toyRandomness(round + 1), 'ab'), wrong(toyRandomness(round), 'ac')]), [
    'beacon',
    'beacon',
  ])
  assert.equal(network.logged('selection').length, 0)
  assert.deepEqual(network.block([network.beacon(round), network.beacon(round)]), [undefined, 'round'])
})

test('requests of one block wait for one round, which draws them all, each with a seed of its own', () => {
  const network = createToyNetwork({ organisations: 13 })
  network.block(['x', 'y', 'z'].map((name) => network.request('a', `pkg:toy/${name}@1`)))
  network.block()
  network.block()
  const [round = 0] = network.state().scalars.rounds
  network.block([network.beacon(round)], 40)
  const drawn = network.logged('selection').flatMap((entry) => (entry.outcome === 'selected' ? [entry] : []))
  assert.equal(new Set(drawn.map(({ seed }) => seed)).size, 3)
  for (const { builders, quorum, selected, standbys } of drawn) {
    assert.deepEqual([builders, quorum, selected.length, standbys.length], [7, 6, 7, 1])
  }
})

test('the logged selection is what anybody computes from the request and the beacon', () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, selection } = network.draw('a', PURL)
  const asked = network.entries.find(({ name }) => name === request)?.entry
  assert.ok(asked?.kind === 'request')
  const seed = drawSeed({
    network: TOY_NETWORK,
    chainHash: Buffer.from(TOY_BEACON.chainHash, 'hex'),
    round: selection.beacon.round,
    randomness: Buffer.from(toyRandomness(selection.beacon.round), 'hex'),
    requestLeafHash: Buffer.from(request, 'hex'),
    attempt: asked.attempt,
    membershipRoot: Buffer.from(asked.membershipRoot, 'hex'),
  })
  assert.equal(selection.seed, Buffer.from(seed).toString('hex'))
  for (const { node, memberIndex } of [...selection.selected, ...selection.standbys]) {
    const member = network.entries[memberIndex]?.entry
    assert.ok(member?.kind === 'member' && member.step === 'genesis')
    assert.equal(member.offer.body.keys.attestation, node)
  }
})

test('a type that fewer than two thirds build is refused, logged, and costs no attempt', () => {
  const offers = ['x', 'y', 'z', 'w'].map((name) =>
    sampleOffer(name, { network: TOY_NETWORK, roles: ['builder'], builds: [] }),
  )
  const network = createToyNetwork({ organisations: 6, offers })
  network.block([network.request('a', PURL)])
  const request = network.entries.at(-1)?.name ?? ''
  const selection = network.drawAsked(request)
  assert.ok(selection.outcome === 'refused')
  assert.deepEqual([selection.organisations, selection.eligible, selection.passedOverCount], [10, 6, 4])
  assert.equal(network.logged('verdict').length, 0)
  assert.deepEqual(network.block([network.request('b', PURL)]), [undefined])
  assert.equal(network.logged('request').at(-1)?.attempt, 1)
})

test('who joins after the request is passed over; who leaves after it keeps its place', () => {
  const network = createToyNetwork({ organisations: 6 })
  const join = { action: 'admit', offer: sampleOffer('late', { network: TOY_NETWORK, roles: ['builder'] }) } as const
  const leave = { action: 'remove', organisation: 'f', serial: 1 } as const
  network.block([network.propose('a', join), network.propose('b', leave), network.request('a', PURL)])
  const request = network.entries.at(-1)?.name ?? ''
  const votes = [join, leave].flatMap((change) => ['a', 'b', 'c', 'd'].map((name) => network.vote(name, change)))
  network.block(votes)
  for (let block = 0; block < 6; block += 1) network.block()
  assert.equal(network.logged('member').filter(({ step }) => step === 'active').length, 2)
  const [round = 0] = network.state().scalars.rounds
  network.block([network.beacon(round)], 40)
  const selection = network.logged('selection').at(-1)
  assert.ok(selection?.outcome === 'selected')
  assert.equal(selection.organisations, 6)
  assert.deepEqual(
    selection.passedOver.find(({ organisation }) => organisation === 'late')?.reason,
    'joined-after-request',
  )
  const there = [...selection.selected, ...selection.standbys, ...selection.passedOver].map(
    ({ organisation }) => organisation,
  )
  assert.ok(there.includes('f'))
  assert.equal(request, selection.request)
})

test('below four organisations nothing is rebuilt, however many agree', () => {
  for (const organisations of [1, 2, 3]) {
    const network = createToyNetwork({ organisations })
    const verdict = network.build('a', PURL, honest)
    assert.deepEqual([verdict.outcome, verdict.builders, verdict.quorum], ['built-once', organisations, organisations])
  }
})
