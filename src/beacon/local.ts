/** The authority's own beacon: makes rounds when their time has come. Who may trust it: `local-chain.ts`. */
import type { Clock } from '../base/clock.ts'
import { throwIfAborted } from '../base/errors.ts'
import type { Beacon } from './beacon.ts'
import { localChain, localRounds } from './local-chain.ts'
import { refuseUnborn } from './unborn.ts'

/** The beacon of this secret seed (32 bytes), whose public key is in `network.json`. Keeps no state. @throws usage.key */
export function createLocalBeacon(
  { seed }: { readonly seed: Uint8Array },
  { clock }: { readonly clock: Clock },
): Beacon {
  const rounds = localRounds(seed)
  const chain = localChain(rounds.publicKey)
  return {
    ...chain,
    async fetch(round, signal) {
      throwIfAborted(signal)
      refuseUnborn(chain, round, clock)
      return rounds.round(round)
    },
  }
}
