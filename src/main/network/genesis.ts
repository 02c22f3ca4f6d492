/** What a network's state machine begins with, out of `network.json` alone: every node that has the file makes the same first block. */
import type { Network } from '../../base/network/network.ts'
import { chainOf } from '../../beacon/chain-of.ts'
import { createStateMachine, type Genesis } from '../../consensus/state.ts'
import { beaconConstants } from './open-beacon.ts'

/** The genesis of a network; undefined if its file does not say with what it was founded. */
export function genesisOf({ founding, created }: Pick<Network, 'founding' | 'created'>): Genesis | undefined {
  return founding && { ...founding, timeSeconds: created }
}

/** Makes the first block, to see that the state machine takes what the file says. @throws usage.network */
export function checkGenesis(network: Network): void {
  const beacon = beaconConstants(chainOf(network.beacon))
  const genesis = genesisOf(network)
  if (genesis !== undefined) createStateMachine({ network: network.origin, beacon }).genesis(genesis)
}
