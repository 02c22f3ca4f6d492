import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MUTATIONS } from './mutations.ts'
import { commandOf, playSeeds, progressLine } from './run.ts'
import { simulate } from './simulate.ts'

/** Fixed, so that a change of the code and nothing else makes them fail. */
const FIRST = 1
const SCHEDULES = 50

test(`whole networks under ${SCHEDULES} fixed seeds keep every safety rule and decide when the weather is calm`, async (t) => {
  const summary = await playSeeds(
    { first: FIRST, schedules: SCHEDULES, minutes: Number.POSITIVE_INFINITY },
    () => undefined,
  )
  const { failed, schedules, counts, seconds } = summary
  assert.equal(
    failed,
    undefined,
    failed && `${failed.violation?.rule}: ${failed.violation?.text}: ${commandOf(failed.seed)}`,
  )
  assert.equal(schedules, SCHEDULES)
  t.diagnostic(`${summary.events} events, ${seconds.toFixed(1)} s`)
  // Seeds in which nothing happens would hold, too: every attack was played, and came to what it must.
  for (const [what, least] of MUST_HAPPEN) assert.ok((counts[what] ?? 0) >= least, `${what}: ${counts[what] ?? 0}`)
})

const MUST_HAPPEN: readonly (readonly [string, number])[] = [
  ['power cuts of the authority', 50],
  ['deaths of the authority', 10],
  ['deaths of members', 10],
  ['failed writes', 5],
  ['partitions', 10],
  ['messages lost', 500],
  ['messages twice', 500],
  ['messages replayed', 100],
  ['messages cut off', 500],
  ['verdict rebuilt', 100],
  ['verdict disagreed', 10],
  ['verdict expired', 10],
  ['fault copied-commitment', 1],
  ['fault mismatched-reveal', 1],
  ['fault equivocation', 1],
  ['fault missed-commit', 1],
  ['fault missed-reveal', 1],
  ['fault late-commit', 1],
  ['fault late-reveal', 1],
  ['fault unselected', 1],
  ['fault unbuilt', 1],
  ['fault disputed', 1],
  ['seats lie-about-toolchains', 1],
  ['refused key', 1],
  ['refused beacon', 1],
  ['refused limit', 1],
  ['refused attempts', 1],
  ['refused sequence', 1],
  ['captured', 1],
  ['dispute upheld', 1],
  ['dispute dismissed', 1],
  ['overturned verdicts refused', 1],
  ['planted artefacts refused', 10],
  ['proofs verified', 100],
  ['decided as enough are honest', 20],
]

test('a block that is on its way when a schedule ends is no broken rule', async () => {
  const { violation } = await simulate('1000917')
  assert.equal(violation, undefined)
})

test('an attempt that a doubt opens late in calm weather has its own time to be decided', async () => {
  const { violation } = await simulate('1001062')
  assert.equal(violation, undefined)
})

test('a schedule played again is the same to the last event, and another seed is another schedule', async () => {
  const [one, again, other] = [await simulate('7'), await simulate('7'), await simulate('8')]
  assert.equal(one.digest, again.digest)
  assert.equal(one.events, again.events)
  assert.deepEqual(one.counts, again.counts)
  assert.notEqual(one.digest, other.digest)
})

test('a run that a broken rule ends does not count that schedule among those that held', async () => {
  const [[mutation, { seed }] = assert.fail()] = Object.entries(MUTATIONS)
  const told: string[] = []
  const plan = { first: Number(seed), schedules: 2, minutes: Number.POSITIVE_INFINITY, mutation }
  await playSeeds(plan, (_outcome, played, held) => told.push(progressLine(played, held)))
  assert.deepEqual(told, ['1 schedules played, 0 held'])
  assert.equal(progressLine(500, 500), '500 schedules held')
})

/** The rule that finds each bug; seeds that are known to show it come first, so that the test is quick. */
for (const [mutation, { says, seed, rule }] of Object.entries(MUTATIONS)) {
  test(`the simulation finds a bug on purpose: ${says}`, async () => {
    const { violation, trace, digest } = await simulate(String(seed), mutation)
    assert.equal(violation?.rule, rule, `${violation?.text}`)
    assert.match(trace.at(-1) ?? '', /BROKEN/)
    assert.equal((await simulate(String(seed), mutation)).digest, digest, 'it can be played again')
  })
}
