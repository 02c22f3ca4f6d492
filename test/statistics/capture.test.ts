/**
 * The figures of 2-trust.md, "Random selection", 5: exact, and by playing 100,000 draws. Which model each figure holds in is in
 * docs/decisions/0051-beacon-and-selection.md.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildersOf, FIXED_SEEDS, orderOf, seedOfDraw } from '../kit/draws.ts'
import { type Play, play } from '../kit/panel-play.ts'
import { markedAtLeast, shareP } from '../kit/statistics.ts'

const ORGANISATIONS = 30
const LARGE = { builders: 7, quorum: 6 } as const
const SMALL = { builders: 5, quorum: 4 } as const
const members = buildersOf(ORGANISATIONS)
/** 100,000 draws, ten thousand under each seed. */
const orders = FIXED_SEEDS.flatMap((seed) =>
  Array.from({ length: 10_000 }, (_, at) => orderOf(seedOfDraw(seed, { round: at + 1 }), members)),
)

type Panel = typeof LARGE | typeof SMALL

/** Chance of at least `least` hostile ones among the first `seats`. */
const exactly = (least: number, seats: number, hostile: number): number =>
  markedAtLeast(least, seats, hostile, ORGANISATIONS)

/** Plays all draws, the hostile organisations lying anywhere among the members, and demands that the share is what is exact. */
function demand(
  wanted: ReturnType<typeof play>,
  exact: number,
  panel: Panel,
  hostileCount: number,
  how: Pick<Play, 'strategy' | 'silenced'>,
): void {
  const hostile = (at: number): boolean => (at * 7 + 3) % ORGANISATIONS < hostileCount
  const hits = orders.filter((order) => play({ order, ...panel, hostile, ...how }) === wanted).length
  const p = shareP(hits, orders.length, exact)
  assert.ok(p > 0.001, `wanted ${exact}, found ${hits / orders.length} (p = ${p})`)
}

const percent = (share: number): string => `${(share * 100).toPrecision(2)}%`

test('10 of 30 hostile capture an attempt in 0.21% of draws (7 and 6) and in 3.1% (5 and 4)', () => {
  const [large, small] = [exactly(6, 7, 10), exactly(4, 5, 10)]
  assert.deepEqual([large, small].map(percent), ['0.21%', '3.1%'])
  demand('captured', large, LARGE, 10, { strategy: 'agree' })
  demand('captured', small, SMALL, 10, { strategy: 'agree' })
})

test('10 of 30 hostile that withhold their commitments stall in 55% and 31%, standbys used', () => {
  const [large, small] = [exactly(3, 8, 10), exactly(3, 6, 10)]
  assert.deepEqual([large, small].map(percent), ['55%', '31%'])
  demand('stalled', large, LARGE, 10, { strategy: 'withhold' })
  demand('stalled', small, SMALL, 10, { strategy: 'withhold' })
})

test('3 of 30 hostile that withhold their commitments stall in 1.4% and 0.5%, standbys used', () => {
  const [large, small] = [exactly(3, 8, 3), exactly(3, 6, 3)]
  assert.deepEqual([large, small].map(percent), ['1.4%', '0.49%'])
  demand('stalled', large, LARGE, 3, { strategy: 'withhold' })
  demand('stalled', small, SMALL, 3, { strategy: 'withhold' })
})

test('hostile ones that commit and then spoil are replaced by nobody: 77% and 55% with 10 of 30, 13% and 6.4% with 3 of 30', () => {
  const shares = [10, 3].flatMap((hostile) => [exactly(2, 7, hostile), exactly(2, 5, hostile)])
  assert.deepEqual(shares.map(percent), ['77%', '55%', '13%', '6.4%'])
  const [tenLarge = 0, tenSmall = 0, threeLarge = 0, threeSmall = 0] = shares
  demand('stalled', tenLarge, LARGE, 10, { strategy: 'spoil' })
  demand('stalled', tenSmall, SMALL, 10, { strategy: 'spoil' })
  demand('stalled', threeLarge, LARGE, 3, { strategy: 'spoil' })
  demand('stalled', threeSmall, SMALL, 3, { strategy: 'spoil' })
})

test('silencing any honest builders gains what one more seat gives, and no more: 0.72% and 7.6% with 10 of 30', () => {
  const [large, small] = [exactly(6, 8, 10), exactly(4, 6, 10)]
  assert.deepEqual([large, small].map(percent), ['0.72%', '7.6%'])
  for (const silenced of [1, 2, 7]) {
    demand('captured', large, LARGE, 10, { strategy: 'agree', silenced })
    demand('captured', small, SMALL, 10, { strategy: 'agree', silenced })
  }
})

test('fewer hostile organisations than the quorum capture nothing, whoever is silenced (D1, D2)', () => {
  for (const panel of [LARGE, SMALL]) {
    const hostile = (at: number): boolean => at < panel.quorum - 1
    for (const silenced of [0, 1, 7]) {
      assert.ok(orders.every((order) => play({ order, ...panel, hostile, strategy: 'agree', silenced }) !== 'captured'))
    }
  }
})

test('as many honest ones in a panel as the quorum are enough, whatever the others do', () => {
  for (const panel of [LARGE, SMALL]) {
    const hostile = (at: number): boolean => at < 10
    for (const order of orders.slice(0, 20_000)) {
      const honest = order.slice(0, panel.builders).filter((at) => !hostile(at)).length
      if (honest < panel.quorum) continue
      for (const strategy of ['agree', 'withhold', 'spoil'] as const) {
        assert.equal(play({ order, ...panel, hostile, strategy }), 'agreed')
      }
    }
  }
})
