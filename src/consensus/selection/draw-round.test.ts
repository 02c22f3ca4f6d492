import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { roundAt, secondsOfRound } from '../../base/network/beacon-schedule.ts'
import { drawRound, mustRedraw } from './draw-round.ts'

const SCHEDULE = { genesisSeconds: 1_692_803_367, periodSeconds: 3 }

test('drawRound() is the first round later than the delay', () => {
  const fixed = SCHEDULE.genesisSeconds
  assert.equal(drawRound(SCHEDULE, fixed, 30), 12)
  assert.equal(secondsOfRound(SCHEDULE, 12), fixed + 33)
  assert.equal(drawRound(SCHEDULE, fixed + 2, 30), 12)
})

test('mustRedraw() lets two thirds of the delay pass and nothing more', () => {
  assert.equal(mustRedraw(100, 120, 30), false)
  assert.equal(mustRedraw(100, 121, 30), true)
  assert.equal(mustRedraw(100, 102, 3), false)
  assert.equal(mustRedraw(100, 103, 3), true)
})

test('a draw that stands was fixed before its round was out', () => {
  const seconds = fc.integer({ min: 1_700_000_000, max: 1_900_000_000 })
  fc.assert(
    fc.property(seconds, fc.nat(200), fc.integer({ min: 1, max: 120 }), (fixed, lateness, delay) => {
      fc.pre(!mustRedraw(fixed, fixed + lateness, delay))
      assert.ok(roundAt(SCHEDULE, fixed + lateness) < drawRound(SCHEDULE, fixed, delay))
    }),
  )
})
