import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createToyNetwork, namesOf, type ToyNetwork, toyRandomness } from '../../test/kit/consensus-network.ts'
import { hexOf, sampleResult } from '../../test/kit/sample-entries.ts'
import type { SelectionEntry, VerdictEntry } from '../base/entries/entry.ts'
import { agreedPart, type BuildResult } from '../base/entries/result.ts'
import type { BeaconBody, CommitBody, Transaction } from '../base/entries/transaction.ts'
import { hashOf } from './draft/draft.ts'
import { panelSize } from './selection/panel-size.ts'

const ORGANISATIONS = 8
const NAMES = namesOf(ORGANISATIONS)
const PURLS = ['pkg:toy/x@1', 'pkg:toy/y@1']

type Action =
  | { readonly do: 'pass'; readonly blocks: number; readonly seconds: number }
  | { readonly do: 'ask' | 'doubt' | 'revoke' | 'remove'; readonly who: number; readonly purl: number }
  | { readonly do: 'beacon'; readonly honest: boolean }
  | { readonly do: 'commit' | 'reveal'; readonly who: number; readonly result: number; readonly steal: boolean }
  | { readonly do: 'everybody'; readonly phase: 'commit' | 'reveal'; readonly except: number; readonly odd: number }

const who = fc.nat(ORGANISATIONS - 1)
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      blocks: fc.integer({ min: 1, max: 9 }),
      seconds: fc.constantFrom(0, 1, 30, 120),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('ask' as const, 'ask' as const, 'doubt' as const),
      who,
      purl: fc.nat(1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('revoke' as const, 'remove' as const), who, purl: fc.nat(1) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('beacon' as const), honest: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('commit' as const, 'reveal' as const),
      who,
      result: fc.nat(2),
      steal: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('everybody' as const),
      phase: fc.constantFrom('commit' as const, 'reveal' as const),
      except: who,
      odd: who,
    }),
  },
)

/** What was last drawn, and who is on that panel. */
function newest(network: ToyNetwork): (SelectionEntry & { outcome: 'selected' }) | undefined {
  return network.logged('selection').findLast((entry) => entry.outcome === 'selected')
}

function transactionsOf(network: ToyNetwork, action: Action): Transaction[] {
  const purl = 'purl' in action ? (PURLS[action.purl] ?? '') : ''
  const name = 'who' in action ? (NAMES[action.who] ?? '') : ''
  const drawn = newest(network)
  const { request = hexOf('nothing'), attempt = 1 } = drawn ?? {}
  const resultOf = (kind: number): BuildResult => sampleResult(`bytes ${kind}`, 'bytes 0')
  switch (action.do) {
    case 'pass':
      return []
    case 'ask':
      return [network.request(name, purl)]
    case 'doubt':
      return [
        network.dispute(
          name,
          purl,
          network.logged('verdict').findLast((entry) => entry.purl === purl)?.request ?? request,
        ),
      ]
    case 'revoke':
      return [network.revoke(name, purl)]
    case 'remove': {
      const change = { action: 'remove', organisation: name, serial: action.purl } as const
      return ['a', 'b', 'c'].map((by, at) => (at === 0 ? network.propose(by, change) : network.vote(by, change)))
    }
    case 'beacon': {
      const [round = 1] = network.state().scalars.rounds
      const randomness = action.honest ? toyRandomness(round) : hexOf('guess')
      return [network.sign<BeaconBody>('a/attestation', { type: 'beacon', round, randomness, proof: 'ab' })]
    }
    case 'commit': {
      const taken = network.logged('commit').at(-1)?.tx.body.commitment
      if (!action.steal || taken === undefined) return [network.commit(name, request, resultOf(action.result), attempt)]
      const stolen = { type: 'commit', request, attempt, commitment: taken } as const
      return [network.sign<CommitBody>(`${name}/attestation`, stolen)]
    }
    case 'reveal':
      return [network.reveal(name, request, resultOf(action.result), attempt)]
    case 'everybody': {
      const seats = [...(drawn?.selected ?? []), ...(drawn?.standbys ?? [])].map(({ organisation }) => organisation)
      return seats.flatMap((seat) => {
        if (seat === NAMES[action.except]) return []
        const result = resultOf(seat === NAMES[action.odd] ? 1 : 0)
        return [
          action.phase === 'commit'
            ? network.commit(seat, request, result, attempt)
            : network.reveal(seat, request, result, attempt),
        ]
      })
    }
  }
}

function checkVerdict(network: ToyNetwork, verdict: VerdictEntry): void {
  const drawn = verdict.selection === null ? undefined : network.entries[verdict.selection]?.entry
  if (verdict.selection === null) {
    assert.deepEqual([verdict.outcome, verdict.panel.length], ['expired', 0])
    return
  }
  assert.ok(drawn?.kind === 'selection' && drawn.outcome === 'selected')
  const size = panelSize(drawn.organisations, drawn.eligible)
  assert.equal(verdict.quorum, size.quorum, 'q is what the draw says, and never falls')
  assert.equal(drawn.quorum, size.quorum)
  assert.ok(drawn.standbys.length <= size.builders - size.quorum)
  const seats = new Set([...drawn.selected, ...drawn.standbys].map(({ node }) => node))
  assert.ok(verdict.panel.every(({ node }) => seats.has(node)))
  const holders = verdict.panel.filter(({ agreed }) => agreed)
  if (verdict.agreed === null) {
    assert.equal(holders.length, 0)
    return
  }
  assert.ok(holders.length >= size.quorum, 'q of the selected agree')
  for (const { reveal, node } of holders) {
    const told = network.entries[reveal ?? -1]?.entry
    assert.ok(told?.kind === 'reveal' && told.tx.body.key === node && told.tx.body.request === verdict.request)
    assert.equal(hashOf(agreedPart(told.tx.body.result)), hashOf(verdict.agreed))
  }
}

function checkSafety(network: ToyNetwork): void {
  const verdicts = network.logged('verdict')
  const names = verdicts.map(({ request }) => request)
  assert.equal(new Set(names).size, names.length, 'one verdict for one attempt')
  for (const verdict of verdicts) checkVerdict(network, verdict)
  const faults = network.logged('fault').map(({ request, node, fault }) => `${request} ${node} ${fault}`)
  assert.equal(new Set(faults).size, faults.length, 'a fault is logged once')
  for (const purl of PURLS) {
    const held = verdicts.filter(
      (verdict) => verdict.purl === purl && verdict.disputes === null && verdict.agreed !== null,
    )
    const upheld = network.logged('dispute').filter((entry) => entry.purl === purl && entry.step === 'upheld').length
    assert.ok(held.length <= 1 + upheld, 'one verdict that holds per purl')
    const asked = network.logged('request').filter((entry) => entry.purl === purl)
    assert.ok(asked.every(({ attempt }) => attempt <= 3))
  }
  assert.equal(network.state().scalars.entries, network.entries.length)
}

test('whatever members send in whatever order: one verdict per attempt, none without q of the selected, q never falls', () => {
  const outcomes = new Map<string, number>()
  fc.assert(
    fc.property(fc.array(action, { minLength: 20, maxLength: 120 }), (actions) => {
      const network = createToyNetwork({ organisations: ORGANISATIONS })
      for (const each of actions) {
        const given = transactionsOf(network, each)
        network.block(given, each.do === 'pass' ? each.seconds : 1)
        for (let block = 1; each.do === 'pass' && block < each.blocks; block += 1) network.block([], 0)
      }
      checkSafety(network)
      for (const { outcome } of network.logged('verdict')) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }),
    { numRuns: 60, seed: 20_261_129 },
  )
  assert.ok(
    (outcomes.get('rebuilt') ?? 0) > 0 && (outcomes.get('expired') ?? 0) > 0,
    'the walks get as far as verdicts',
  )
})

test('the same transactions in objects with their members in another order give the same root and the same entries', () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, inner]) => [key, reversed(inner)]),
    )
  }
  const [one, other] = [(tx: Transaction) => tx, (tx: Transaction) => reversed(tx) as Transaction].map((turn) => {
    const network = createToyNetwork({ organisations: 6 })
    const block = network.block
    const turned: ToyNetwork = Object.assign(network, {
      block: (given: readonly Transaction[] = [], seconds = 1) => block(given.map(turn), seconds),
    })
    turned.build('a', PURLS[0] ?? '', () => sampleResult('bytes'))
    turned.block([turned.revoke('a', PURLS[1] ?? '')])
    return turned
  })
  assert.ok(one && other)
  assert.deepEqual(one.machine.root(one.state()), other.machine.root(other.state()))
  assert.deepEqual(
    one.entries.map(({ name }) => name),
    other.entries.map(({ name }) => name),
  )
})
