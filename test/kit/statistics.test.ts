import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chiSquaredTail, evenPicksP, markedAtLeast, shareP } from './statistics.ts'

const near = (found: number, wanted: number, within = 5e-4): void => {
  assert.ok(Math.abs(found - wanted) <= within * wanted, `wanted ${wanted}, found ${found}`)
}

test('chiSquaredTail() agrees with the published critical values', () => {
  for (const [degrees, x, tail] of [
    [1, 3.841459, 0.05],
    [1, 10.827566, 0.001],
    [2, 13.815511, 0.001],
    [10, 18.307038, 0.05],
    [29, 58.30117, 0.001],
    [29, 14.256455, 0.99],
    [100, 149.449253, 0.001],
  ] as const) {
    near(chiSquaredTail(x, degrees), tail)
  }
  // Two degrees of freedom have a closed form, far out in the tail too.
  near(chiSquaredTail(100, 2), Math.exp(-50), 1e-9)
  assert.equal(chiSquaredTail(0, 5), 1)
})

test('evenPicksP() is that of a fair coin where one of two is picked', () => {
  near(evenPicksP([5100, 4900], 10_000, 1), shareP(5100, 10_000, 0.5), 1e-9)
  near(shareP(5100, 10_000, 0.5), 0.0455, 1e-3)
})

test('evenPicksP() of seven left out of eight is that of the one picked', () => {
  const picked = [120, 130, 140, 110, 125, 125, 115, 135]
  const left = picked.map((count) => 1000 - count)
  near(evenPicksP(left, 1000, 7), evenPicksP(picked, 1000, 1), 1e-9)
})

test('markedAtLeast() counts hands exactly', () => {
  near(markedAtLeast(2, 2, 2, 4), 1 / 6, 1e-12)
  near(markedAtLeast(1, 2, 2, 4), 5 / 6, 1e-12)
  near(markedAtLeast(6, 7, 10, 30), 4320 / 2_035_800, 1e-12)
  assert.equal(markedAtLeast(0, 5, 3, 30), 1)
  assert.equal(markedAtLeast(4, 7, 3, 30), 0)
})

test('shareP() refuses to judge what hardly ever happens', () => {
  assert.throws(() => shareP(1, 1000, 0.001), /too few/)
})
