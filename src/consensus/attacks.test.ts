import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createToyNetwork, honest, namesOf, TOY_NETWORK, type ToyNetwork } from '../../test/kit/consensus-network.ts'
import { keyOf, sampleOffer, sampleResult } from '../../test/kit/sample-entries.ts'
import type { BuildResult } from '../base/entries/result.ts'
import { purlIn, requestIn } from './query.ts'

const PURL = 'pkg:toy/toy@1.0'
const evil = (): BuildResult => sampleResult('evil bytes')

function seated(network: ToyNetwork): { request: string; names: string[]; attempt: number; passedOver: string[] } {
  const { request, selection } = network.draw('a', PURL)
  const names = selection.selected.map(({ organisation }) => organisation)
  return {
    request,
    names,
    attempt: selection.attempt,
    passedOver: selection.passedOver.map(({ organisation }) => organisation),
  }
}

function faults(network: ToyNetwork): string[] {
  return network.logged('fault').map(({ fault, organisation }) => `${organisation} ${fault}`)
}

test('D1: fewer than the quorum collude, and their bytes are not what the verdict says', () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, names, attempt } = seated(network)
  const colluders = names.slice(0, 2)
  const verdict = network.vetted(request, attempt, (name) => (colluders.includes(name) ? evil() : honest()))
  assert.deepEqual([verdict.outcome, verdict.agreed], ['disagreed', null])
  assert.equal(purlIn(network.state(), PURL)?.live, null)
})

test('D2: quorum - 1 collude and the honest are silenced, and silence is no vote', () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, names, attempt } = seated(network)
  const verdict = network.vetted(request, attempt, (name) => (names.slice(0, 2).includes(name) ? evil() : undefined))
  assert.deepEqual([verdict.outcome, verdict.agreed, verdict.quorum], ['expired', null, 3])
})

test('D2: silenced after they committed, the honest are still counted as selected', () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, names } = seated(network)
  network.block(names.map((name, at) => network.commit(name, request, at < 2 ? evil() : honest())))
  network.block(names.slice(0, 2).map((name) => network.reveal(name, request, evil())))
  network.wait(50)
  assert.equal(network.logged('verdict')[0]?.outcome, 'expired')
})

test('D3: a copycat cannot open a commitment that it copied, and the copy is proven once the owner reveals', () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, names } = seated(network)
  const [owner = '', copycat = '', ...others] = names
  const original = network.commit(owner, request, honest())
  const { type, attempt, commitment } = original.body
  const copy = network.sign<typeof original.body>(`${copycat}/attestation`, { type, request, attempt, commitment })
  // The copy comes first: that must not make the owner look like the copycat.
  network.block([copy, original, ...others.map((name) => network.commit(name, request, honest()))])
  network.block([network.reveal(owner, request, honest())])
  assert.deepEqual(faults(network), [`${copycat} copied-commitment`])
  const replayed = network.reveal(copycat, request, honest())
  assert.deepEqual(
    network.block([replayed, ...others.map((name) => network.reveal(name, request, honest()))])[0],
    'seat',
  )
  const verdict = network.logged('verdict')[0]
  assert.deepEqual(verdict?.panel.filter(({ agreed }) => agreed).length, 3)
})

test('D3: a reveal replayed under another key, or from another request, opens nothing', () => {
  const network = createToyNetwork({ organisations: 6 })
  const first = seated(network)
  const { names, request } = first
  const [thief = '', ...others] = names
  network.block([
    network.commit(thief, request, honest()),
    ...others.map((name) => network.commit(name, request, honest())),
  ])
  const [victim = ''] = others
  const told = network.reveal(victim, request, honest())
  const { type, attempt, salt, result } = told.body
  const stolen = network.sign<typeof told.body>(`${thief}/attestation`, { type, request, attempt, salt, result })
  network.block([told, stolen])
  assert.deepEqual(faults(network), [`${thief} mismatched-reveal`])
  const evidence = network.logged('fault')[0]?.tx
  assert.deepEqual(evidence?.body, stolen.body, 'the proof is in the entry')
  network.block(others.slice(1).map((name) => network.reveal(name, request, honest())))
  assert.equal(network.logged('verdict')[0]?.outcome, 'rebuilt')
  const other = network.draw('b', 'pkg:toy/other@1')
  const [builder = ''] = other.selection.selected.map(({ organisation }) => organisation)
  const old = network.commit(builder, request, honest())
  const { commitment } = old.body
  network.block(
    other.selection.selected.map(({ organisation }) =>
      organisation === builder
        ? network.sign<typeof old.body>(`${builder}/attestation`, {
            type: 'commit',
            request: other.request,
            attempt: 1,
            commitment,
          })
        : network.commit(organisation, other.request, honest()),
    ),
  )
  network.block([network.reveal(builder, other.request, honest())])
  assert.equal(faults(network).at(-1), `${builder} mismatched-reveal`)
})

test("D4: one operator's 50 nodes have one place in a draw", () => {
  const nodes = Array.from({ length: 50 }, (_, at) =>
    sampleOffer(`sybil${at}`, { network: TOY_NETWORK, organisation: 'sybil', roles: ['builder'] }),
  )
  const network = createToyNetwork({ organisations: 12, offers: nodes })
  let seats = 0
  const draws = 60
  for (let draw = 0; draw < draws; draw += 1) {
    const { selection } = network.draw('a', `pkg:toy/toy@${draw}`)
    assert.equal(selection.organisations, 13)
    const taken = selection.selected.filter(({ organisation }) => organisation === 'sybil').length
    assert.ok(taken <= 1)
    seats += taken
  }
  // Fair is 7 of 13; a place per node would be a seat in every draw.
  assert.ok(seats < draws * 0.85, `${seats} of ${draws}`)
})

test('D4: a node of an organisation that does not want it, or a 65th one, is not admitted', () => {
  const own = Array.from({ length: 64 }, (_, at) =>
    sampleOffer(`sybil${at}`, { network: TOY_NETWORK, organisation: 'sybil', roles: ['builder'] }),
  )
  const network = createToyNetwork({ organisations: 4, offers: own })
  const offer = sampleOffer('sybil64', { network: TOY_NETWORK, organisation: 'sybil', roles: ['builder'] })
  assert.deepEqual(network.block([network.propose('a', { action: 'admit', offer })]), ['change'])
  const intruder = sampleOffer('intruder', { network: TOY_NETWORK, organisation: 'b', roles: ['builder'] })
  assert.deepEqual(network.block([network.propose('a', { action: 'admit', offer: intruder })]), ['change'])
})

test('D7: a builder that commits to two results loses its vote, and both are in the log', () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, names } = seated(network)
  const [liar = '', ...others] = names
  const first = network.commit(liar, request, honest())
  const second = network.commit(liar, request, evil())
  network.block([first, second, ...others.map((name) => network.commit(name, request, honest()))])
  const [fault] = network.logged('fault')
  assert.deepEqual([fault?.fault, fault?.organisation, fault?.tx?.body], ['equivocation', liar, second.body])
  assert.equal(network.entries[fault?.evidence[0] ?? -1]?.entry.kind, 'commit')
  const reveals = [liar, ...others].map((name) => network.reveal(name, request, honest()))
  assert.deepEqual(network.block(reveals), ['seat', undefined, undefined, undefined])
  const verdict = network.logged('verdict')[0]
  assert.deepEqual([verdict?.outcome, verdict?.panel[0]?.agreed], ['rebuilt', false])
})

test('D8: resubmitting gives three draws in 30 days, each only after a logged failure, whoever asks', () => {
  const network = createToyNetwork({ organisations: 6 })
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const { request, names } = seated(network)
    assert.deepEqual(network.block([network.request('b', PURL)]), ['open'])
    const verdict = network.vetted(request, attempt, (name) => (names.indexOf(name) < 2 ? evil() : honest()))
    assert.deepEqual([verdict.outcome, verdict.attempt], ['disagreed', attempt])
  }
  for (const name of namesOf(6)) assert.deepEqual(network.block([network.request(name, PURL)]), ['attempts'])
  assert.equal(network.logged('selection').length, 3)
  assert.deepEqual(network.block([network.request('b', PURL)], 2_592_000), [undefined])
})

test('D8: letting draws expire until one suits is bounded by the same three', () => {
  const network = createToyNetwork({ organisations: 6 })
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const { request } = seated(network)
    assert.equal(network.vetted(request, attempt, () => undefined).outcome, 'expired')
  }
  assert.deepEqual(network.block([network.request('b', PURL)]), ['attempts'])
})

test('D9: a full colluding quorum is disputed: a fresh selection finds otherwise, and the verdict falls', () => {
  const network = createToyNetwork({ organisations: 6 })
  const captured = network.build('a', PURL, evil)
  assert.equal(captured.outcome, 'rebuilt')
  assert.deepEqual(network.block([network.dispute('b', PURL, captured.request)]), [undefined])
  const request = network.entries.at(-1)?.name ?? ''
  assert.deepEqual(network.block([network.request('c', PURL)]), ['open'])
  assert.ok(purlIn(network.state(), PURL)?.live, 'a doubt alone changes nothing')
  network.drawAsked(request)
  const fresh = network.vetted(request, 1, honest)
  assert.equal(fresh.disputes, captured.request)
  assert.equal(network.logged('dispute').at(-1)?.step, 'upheld')
  assert.equal(purlIn(network.state(), PURL)?.live, null)
  const blamed = network.logged('fault').filter(({ fault }) => fault === 'disputed')
  assert.deepEqual(
    blamed.map(({ organisation }) => organisation).sort(),
    captured.panel.map(({ organisation }) => organisation).sort(),
  )
  assert.deepEqual(network.block([network.request('c', PURL)]), [undefined])
  assert.equal(network.logged('request').at(-1)?.attempt, 2)
})

test('D9: a dispute that finds the same is dismissed, one that finds nothing is unresolved, and three are enough', () => {
  const network = createToyNetwork({ organisations: 6 })
  const verdict = network.build('a', PURL, honest)
  const reports: (() => BuildResult | undefined)[] = [
    honest,
    () => undefined,
    () => ({ outcome: 'unbuildable', reason: 'gone', environment: { toolchains: [], sandbox: 'none' } }),
  ]
  reports.forEach((report, at) => {
    assert.deepEqual(network.block([network.dispute('b', PURL, verdict.request)]), [undefined])
    const request = network.entries.at(-1)?.name ?? ''
    network.drawAsked(request)
    network.vetted(request, at + 1, report)
    assert.equal(network.logged('dispute').at(-1)?.step, at === 0 ? 'dismissed' : 'unresolved')
    assert.equal(purlIn(network.state(), PURL)?.live?.request, verdict.request)
  })
  assert.deepEqual(network.block([network.dispute('c', PURL, verdict.request)]), ['attempts'])
  assert.deepEqual(network.block([network.dispute('c', PURL, keyOf('other'))]), ['unknown'])
})

test("D10: a builder that reports upstream's digest unbuilt is shown to, where the others built other bytes", () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, names, attempt } = seated(network)
  const [lazy = ''] = names
  const built = sampleResult('as built', 'upstream')
  const verdict = network.vetted(request, attempt, (name) => (name === lazy ? sampleResult('upstream') : built))
  assert.deepEqual([verdict.outcome, verdict.relation], ['rebuilt', 'differs'])
  assert.deepEqual(faults(network), [`${lazy} unbuilt`])
  const evidence = network.logged('fault')[0]?.evidence.map((index) => network.entries[index]?.entry.kind)
  assert.deepEqual(evidence, ['reveal', 'verdict'])
})

test('F4: votes of unselected keys are faults and count for nothing, and those of removed keys are refused', () => {
  const network = createToyNetwork({ organisations: 12 })
  const { request, names, passedOver } = seated(network)
  const [stranger = '', second = ''] = passedOver
  assert.deepEqual(
    network.block([network.commit(stranger, request, evil()), network.commit(stranger, request, evil())]),
    [undefined, 'seat'],
  )
  assert.deepEqual(network.block([network.reveal(second, request, evil())]), [undefined])
  assert.deepEqual(faults(network), [`${stranger} unselected`, `${second} unselected`])
  const [gone = '', ...others] = names
  const change = { action: 'remove', organisation: gone, serial: 1 } as const
  const votes = namesOf(4)
  network.block([network.propose('a', change), ...votes.slice(1).map((name) => network.vote(name, change))])
  network.block()
  network.block()
  assert.deepEqual(network.block([network.commit(gone, request, honest())]), ['key'])
  network.block(others.map((name) => network.commit(name, request, honest())))
  assert.equal(
    requestIn(network.state(), request)?.seats.filter(({ stage }) => stage === 'committed').length,
    others.length,
  )
})
