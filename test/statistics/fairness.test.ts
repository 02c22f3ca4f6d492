import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Selection, select } from '../../src/consensus/selection/select.ts'
import { buildersOf, FIXED_SEEDS, orderOf, seedOfDraw } from '../kit/draws.ts'
import { evenPicksP } from '../kit/statistics.ts'

const DRAWS = 10_000
const LIMIT = 0.001

function selection(seed: string, round: number, members: ReturnType<typeof buildersOf>): Selection {
  const outcome = select({ seed: seedOfDraw(seed, { round }), members, ecosystemType: 'toy', requestIndex: 1_000_000 })
  assert.equal(outcome.kind, 'selected')
  return outcome as Selection
}

const zeros = (length: number): number[] => Array.from({ length }, () => 0)
const add = (counts: number[], at: number): void => {
  counts[at] = (counts[at] ?? 0) + 1
}

for (const seed of FIXED_SEEDS) {
  test(`${DRAWS} selections under "${seed}" pick each of 30 organisations, as builder, first, standby and in pairs, as often as they should`, (t) => {
    const members = buildersOf(30)
    const [selected, first, standby, pairs] = [zeros(30), zeros(30), zeros(30), zeros(435)]
    for (let round = 1; round <= DRAWS; round += 1) {
      const outcome = selection(seed, round, members)
      const picked = outcome.selected.map(({ organisation }) => Number(organisation))
      for (const at of picked) add(selected, at)
      add(first, picked[0] ?? -1)
      add(standby, Number(outcome.standbys[0]?.organisation))
      // One pair a draw, so that the pairs of one draw do not hang together.
      const [low = 0, high = 0] = picked.slice(0, 2).sort((a, b) => a - b)
      add(pairs, (high * (high - 1)) / 2 + low)
    }
    const found = {
      selected: evenPicksP(selected, DRAWS, 7),
      first: evenPicksP(first, DRAWS, 1),
      standby: evenPicksP(standby, DRAWS, 1),
      pairs: evenPicksP(pairs, DRAWS, 1),
    }
    t.diagnostic(JSON.stringify(found))
    // Too even would be as wrong as uneven.
    for (const [what, p] of Object.entries(found)) assert.ok(p > LIMIT && p < 1 - LIMIT, `${what}: p = ${p}`)
  })
}

test('an organisation draws each of its nodes as often, wherever the organisation stands', () => {
  const members = buildersOf(6, () => 5)
  const counts = zeros(5)
  let seats = 0
  for (let round = 1; round <= DRAWS; round += 1) {
    for (const { node } of selection('nodes', round, members).selected) {
      seats += 1
      add(counts, Number(node.split('-')[1]))
    }
  }
  assert.ok(evenPicksP(counts, seats, 1) > LIMIT)
})

test('the same test finds an organisation that had a second ticket', () => {
  const members = buildersOf(31)
  const counts = zeros(30)
  for (let round = 1; round <= DRAWS; round += 1) {
    // The first two tickets are one organisation's.
    const holders = orderOf(seedOfDraw('tickets', { round }), members).map((ticket) => Math.max(0, ticket - 1))
    for (const at of [...new Set(holders)].slice(0, 7)) add(counts, at)
  }
  assert.ok(evenPicksP(counts, DRAWS, 7) < 1e-9)
})
