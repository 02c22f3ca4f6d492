import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beaconSuite } from '../../test/kit/beacon-suite.ts'
import { createMemoryBeacon, memoryChain } from './memory.ts'

const schedule = { genesisSeconds: 1_600_000_000, periodSeconds: 5 }

beaconSuite('the memory beacon', (clock) => createMemoryBeacon({ name: 'suite', schedule }, { clock }))

test('memory beacons of two names are two chains', () => {
  const [a, b] = ['a', 'b'].map((name) => memoryChain({ name, schedule }))
  assert.notDeepEqual(a?.chainHash, b?.chainHash)
})
