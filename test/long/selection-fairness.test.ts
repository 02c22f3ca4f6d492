import assert from 'node:assert/strict'
import { test } from 'node:test'
import { select } from '../../src/consensus/selection/select.ts'
import { buildersOf, FIXED_SEEDS, seedOfDraw } from '../kit/draws.ts'
import { evenPicksP } from '../kit/statistics.ts'

const DRAWS = 100_000

for (const [count, perDraw] of [
  [6, 4],
  [12, 5],
  [30, 7],
] as const) {
  for (const seed of FIXED_SEEDS) {
    test(`${DRAWS} selections under "${seed}" pick each of ${count} organisations as often as they should`, (t) => {
      const members = buildersOf(count)
      const counts = Array.from({ length: count }, () => 0)
      for (let round = 1; round <= DRAWS; round += 1) {
        const input = { seed: seedOfDraw(seed, { round }), members, ecosystemType: 'toy', requestIndex: 1_000_000 }
        const outcome = select(input)
        assert.equal(outcome.kind, 'selected')
        if (outcome.kind !== 'selected') return
        for (const { organisation } of outcome.selected)
          counts[Number(organisation)] = (counts[Number(organisation)] ?? 0) + 1
      }
      const p = evenPicksP(counts, DRAWS, perDraw)
      t.diagnostic(`p = ${p}`)
      assert.ok(p > 0.001 && p < 0.999, `p = ${p}`)
    })
  }
}
