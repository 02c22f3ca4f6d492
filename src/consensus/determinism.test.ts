import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SCENARIO_ROOT, walkEverywhere } from '../../test/kit/consensus-places.ts'
import { playScenario } from '../../test/kit/consensus-scenario.ts'

test('the same transactions give the recorded root, here and under other locales and time zones', async () => {
  assert.equal(playScenario(), SCENARIO_ROOT)
  await walkEverywhere(process.execPath)
})
