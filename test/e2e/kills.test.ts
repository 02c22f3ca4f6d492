/** kill -9 where it hurts most, of each kind of process. All steps of all are in `test/long/kills.test.ts`. */
import { test } from 'node:test'
import { KilledNetwork, type Step, type Victim } from '../kit/killed-network.ts'

const KILLS: readonly (readonly [Victim, Step])[] = [
  // The network has the request, and the answer may be lost.
  ['asker', 'requested'],
  // What a builder is bound to is on its disk before it is sent.
  ['builder', 'commit-sent'],
  // Whoever is not in the log yet has to find the way again.
  ['authority', 'committed'],
  ['authority', 'reveal-sent'],
]

test('killed processes go on where they were, nothing is logged twice, and a replay from the genesis comes to the same', {
  timeout: 500_000,
}, async (t) => {
  const network = await KilledNetwork.start(t)
  for (const [victim, step] of KILLS) {
    await t.test(`kill -9 of the ${victim} when the flow is at: ${step}`, () => network.survives(step, victim))
  }
  await t.test('the journal replayed from the genesis gives every state root and every log', () => network.replay())
})
