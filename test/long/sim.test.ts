import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandOf, playSeeds, progressLine } from '../sim/run.ts'

const SCHEDULES = 10_000
/** Other seeds than those of `npm test`. */
const FIRST = 1_000_001
const MINUTES = Number(process.env.SIM_MINUTES ?? 200)

test(`${SCHEDULES} schedules keep every safety rule, or as many as ${MINUTES} minutes hold`, async (t) => {
  const plan = { first: FIRST, schedules: SCHEDULES, minutes: MINUTES }
  const { failed, schedules, events, seconds } = await playSeeds(plan, (_outcome, played, held) => {
    if (played % 500 === 0) t.diagnostic(progressLine(played, held))
  })
  t.diagnostic(`${schedules} schedules, ${events} events, ${seconds.toFixed(0)} s`)
  assert.equal(
    failed,
    undefined,
    failed && `${failed.violation?.rule}: ${failed.violation?.text}: ${commandOf(failed.seed)}`,
  )
  assert.ok(schedules > 0)
})
