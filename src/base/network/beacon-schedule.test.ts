import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { roundAfter, roundAt, secondsOfRound } from './beacon-schedule.ts'

const schedules = fc.record({
  genesisSeconds: fc.integer({ min: 0, max: 2_000_000_000 }),
  periodSeconds: fc.integer({ min: 1, max: 3600 }),
})

test('roundAt() counts from 1 at the genesis, 0 before it', () => {
  const schedule = { genesisSeconds: 100, periodSeconds: 3 }
  assert.deepEqual(
    [99, 100, 102, 103, 106].map((seconds) => roundAt(schedule, seconds)),
    [0, 1, 1, 2, 3],
  )
})

test('roundAfter() is the first round that comes out later than the time', () => {
  fc.assert(
    fc.property(schedules, fc.integer({ min: 0, max: 4_000_000_000 }), (schedule, seconds) => {
      const round = roundAfter(schedule, seconds)
      assert.ok(secondsOfRound(schedule, round) > seconds)
      assert.ok(round === 1 || secondsOfRound(schedule, round - 1) <= seconds)
    }),
  )
})

test('roundAt() of the time at which a round comes out is that round', () => {
  fc.assert(
    fc.property(schedules, fc.integer({ min: 1, max: 100_000_000 }), (schedule, round) => {
      assert.equal(roundAt(schedule, secondsOfRound(schedule, round)), round)
    }),
  )
})
