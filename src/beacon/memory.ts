/** The twin: randomness of a name, for tests and the simulation. Proves nothing to anybody who knows the name. */
import type { Clock } from '../base/clock.ts'
import { domainHash } from '../base/crypto/domain-hash.ts'
import { AppError, throwIfAborted } from '../base/errors.ts'
import { type BeaconSchedule, roundAt } from '../base/network/beacon-schedule.ts'
import type { Beacon, BeaconChain } from './beacon.ts'
import { isRound, refuseUnborn } from './unborn.ts'

/** What the twin is made of. */
export interface MemoryBeaconOptions {
  /** Beacons of one name and schedule give the same rounds. */
  readonly name: string
  readonly schedule: BeaconSchedule
}

/** The chain of this name, for those who only check. */
export function memoryChain({ name, schedule }: MemoryBeaconOptions): BeaconChain {
  return {
    chainHash: domainHash('pyrsia/beacon-memory/chain', [name]),
    schedule,
    roundAt: (timeSeconds) => roundAt(schedule, timeSeconds),
    verify(round, signature) {
      if (!isRound(round) || Buffer.compare(signature, signatureOf(name, round)) !== 0) {
        throw new AppError('untrusted.signature', `wanted the proof of round ${round} of ${name}, found another`)
      }
      return domainHash('pyrsia/beacon-memory/randomness', [signature])
    },
  }
}

/** The beacon of this name. */
export function createMemoryBeacon(options: MemoryBeaconOptions, { clock }: { readonly clock: Clock }): Beacon {
  const chain = memoryChain(options)
  return {
    ...chain,
    async fetch(round, signal) {
      throwIfAborted(signal)
      refuseUnborn(chain, round, clock)
      const signature = signatureOf(options.name, round)
      return { round, signature, randomness: chain.verify(round, signature) }
    },
  }
}

function signatureOf(name: string, round: number): Uint8Array {
  return domainHash('pyrsia/beacon-memory/signature', [name, round])
}
