import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../../base/errors.ts'
import { rank } from './rank.ts'
import { type BuilderOrganisation, type Selection, type SelectionInput, select } from './select.ts'

const SEED = new Uint8Array(32).fill(5)
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })

interface Shape {
  readonly count: number
  readonly nodes?: number
  readonly types?: (organisation: number, node: number) => readonly string[]
  readonly firstIndex?: number
}

/** Organisations `o0`, `o1`, ... of so many nodes each; their member entries follow each other. */
function organisations({ count, nodes = 1, types = () => ['toy'], firstIndex = 0 }: Shape): BuilderOrganisation[] {
  return Array.from({ length: count }, (_, at) => {
    const memberIndex = firstIndex + at * nodes
    const own = Array.from({ length: nodes }, (_, node) => ({
      node: `o${at}n${node}`,
      memberIndex: memberIndex + node,
      types: types(at, node),
    }))
    return { organisation: `o${at}`, memberIndex, nodes: own }
  })
}

function selected(members: readonly BuilderOrganisation[], change: Partial<SelectionInput> = {}): Selection {
  const outcome = select({ seed: SEED, members, ecosystemType: 'toy', requestIndex: 100_000, ...change })
  assert.equal(outcome.kind, 'selected')
  return outcome as Selection
}

test('select() takes the first organisations of the ranking, then as many standbys as may be silent', () => {
  const members = organisations({ count: 30 })
  const order = rank('organisation', SEED, members).map(({ organisation }) => organisation)
  const { selected: builders, standbys, passedOver, size } = selected(members)
  assert.deepEqual(size, { builders: 7, quorum: 6, rebuilt: true })
  assert.deepEqual(
    [...builders, ...standbys].map(({ organisation }) => organisation),
    order.slice(0, 8),
  )
  assert.deepEqual(
    standbys.map(({ rank }) => rank),
    [7],
  )
  assert.deepEqual(
    passedOver,
    order.slice(8).map((organisation, at) => ({ organisation, reason: 'ranked-below', rank: at + 8 })),
  )
})

test('select() gives every organisation exactly one place or one reason, at any shape of network', () => {
  const shapes = fc.record({ count: fc.integer({ min: 1, max: 40 }), nodes: fc.integer({ min: 1, max: 4 }) })
  fc.assert(
    fc.property(seeds, shapes, fc.nat(200), fc.nat(3), (seed, shape, requestIndex, sparse) => {
      const types = (at: number) => (sparse > 0 && at % (sparse + 2) === 0 ? ['other'] : ['toy'])
      const members = organisations({ ...shape, types })
      const outcome = select({ seed, members, ecosystemType: 'toy', requestIndex })
      const seats = outcome.kind === 'selected' ? [...outcome.selected, ...outcome.standbys] : []
      const named = [...seats, ...outcome.passedOver].map(({ organisation }) => organisation)
      assert.equal(new Set(named).size, named.length)
      // A refusal names those that are missing; nobody was drawn of the others.
      const unnamed = outcome.kind === 'refused' ? outcome.counts.eligible : 0
      assert.equal(named.length + unnamed, members.length)
      if (outcome.kind === 'refused') return
      const { size, standbys } = outcome
      assert.equal(outcome.selected.length, size.builders)
      assert.ok(standbys.length <= size.builders - size.quorum)
      for (const seat of seats) {
        const own = members.find(({ organisation }) => organisation === seat.organisation)
        const node = own?.nodes.find(({ node }) => node === seat.node)
        assert.ok(node !== undefined && node.memberIndex < requestIndex && node.types.includes('toy'))
      }
    }),
  )
})

test('select() is the same whatever order members and nodes come in', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const members = organisations({ count: 15, nodes: 3 })
      const turned = members.map((member) => ({ ...member, nodes: member.nodes.toReversed() })).reverse()
      assert.deepEqual(selected(members, { seed }), selected(turned, { seed }))
    }),
  )
})

test('select() takes one node of an organisation, by the ranking of its nodes that build the type', () => {
  const types = (_: number, node: number) => (node === 0 ? ['other'] : ['toy'])
  const members = organisations({ count: 4, nodes: 6, types })
  for (const { organisation, node } of selected(members).selected) {
    const own = members.find((member) => member.organisation === organisation)?.nodes ?? []
    assert.equal(node, rank('node', SEED, own.slice(1))[0]?.node)
  }
})

test('select() is the same for an organisation with one node and with fifty (D4)', () => {
  fc.assert(
    fc.property(seeds, fc.nat(29), (seed, greedy) => {
      const members = organisations({ count: 30, firstIndex: 1000 })
      const many = Array.from({ length: 50 }, (_, at) => ({ node: `x${at}`, memberIndex: 2000 + at, types: ['toy'] }))
      const more = members.map((member, at) =>
        at === greedy ? { ...member, nodes: [...member.nodes, ...many] } : member,
      )
      const names = ({ selected, standbys }: Selection) => [...selected, ...standbys].map((seat) => seat.organisation)
      assert.deepEqual(names(selected(more, { seed })), names(selected(members, { seed })))
    }),
  )
})

test('select() counts only member entries before the request', () => {
  const early = organisations({ count: 6 })
  const late = { organisation: 'late', memberIndex: 50, nodes: [{ node: 'l', memberIndex: 50, types: ['toy'] }] }
  const { counts, passedOver } = selected([...early, late], { requestIndex: 50 })
  assert.deepEqual(counts, { organisations: 6, eligible: 6, eligibleNeeded: 4 })
  assert.deepEqual(passedOver[0], { organisation: 'late', reason: 'joined-after-request' })
  assert.equal(selected([...early, late], { requestIndex: 51 }).counts.organisations, 7)
})

test('select() does not take a node that declared the type after the request', () => {
  const members = organisations({ count: 6, nodes: 2, types: (_, node) => (node === 1 ? ['toy'] : ['other']) })
  const [first] = members
  assert.ok(first !== undefined)
  const changed = {
    ...first,
    nodes: first.nodes.map((node) => ({ ...node, types: ['toy'], memberIndex: node.memberIndex + 90 })),
  }
  const { passedOver } = selected([changed, ...members.slice(1)], { requestIndex: 90 })
  assert.deepEqual(passedOver[0], { organisation: 'o0', reason: 'joined-after-request' })
})

test('select() refuses with the numbers when less than two thirds build the type', () => {
  const types = (at: number) => (at < 19 ? ['toy', 'other'] : ['other'])
  const input = { seed: SEED, members: organisations({ count: 30, types }), ecosystemType: 'toy', requestIndex: 1000 }
  const outcome = select(input)
  assert.equal(outcome.kind, 'refused')
  assert.deepEqual(outcome.counts, { organisations: 30, eligible: 19, eligibleNeeded: 20 })
  assert.deepEqual(outcome.passedOver[0], { organisation: 'o19', reason: 'type-not-declared' })
  const enough = organisations({ count: 30, types: (at) => types(at - 1) })
  assert.equal(selected(enough).counts.eligible, 20)
})

test('select() refuses where nobody builds', () => {
  const outcome = select({ seed: SEED, members: [], ecosystemType: 'toy', requestIndex: 1 })
  assert.deepEqual(outcome, {
    kind: 'refused',
    counts: { organisations: 0, eligible: 0, eligibleNeeded: 0 },
    passedOver: [],
  })
})

test('select() lets three organisations all build, without standbys, for less than rebuilt', () => {
  const { selected: builders, standbys, size } = selected(organisations({ count: 3 }))
  assert.deepEqual(size, { builders: 3, quorum: 3, rebuilt: false })
  assert.deepEqual([builders.length, standbys.length], [3, 0])
  assert.equal(selected(organisations({ count: 4 })).standbys.length, 0)
  assert.equal(selected(organisations({ count: 5 })).standbys.length, 1)
})

test('select() leaves out authorities without builder nodes', () => {
  const authority = { organisation: 'authority', memberIndex: 999, nodes: [] }
  assert.deepEqual(selected([...organisations({ count: 6 }), authority]), selected(organisations({ count: 6 })))
})

test('select() refuses to work on members that share a name', () => {
  const members = [...organisations({ count: 4 }), ...organisations({ count: 1, firstIndex: 9 })]
  assert.throws(
    () => selected(members),
    (error) => error instanceof AppError && error.code === 'bug.assertion',
  )
})
