import { test } from 'node:test'
import { KilledNetwork, STEPS, type Victim } from '../kit/killed-network.ts'

const VICTIMS: readonly Victim[] = ['authority', 'builder', 'asker']

test('kill -9 of any process at any step of the flow: it resumes, nothing is logged twice, and a replay comes to the same', {
  timeout: 3_600_000,
}, async (t) => {
  const network = await KilledNetwork.start(t)
  for (const step of STEPS) {
    for (const victim of VICTIMS) {
      await t.test(`kill -9 of the ${victim} when the flow is at: ${step}`, () => network.survives(step, victim))
    }
  }
  await t.test('the journal replayed from the genesis gives every state root and every log', () => network.replay())
})
