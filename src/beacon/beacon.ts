/**
 * Public randomness, round by round: what nobody knew when a request was logged and everybody can check afterwards. Interface file;
 * the adapters are `drand.ts` (a group that the network did not choose), `local.ts` (the authority's own, unfit for strangers) and
 * `memory.ts` (the twin), all held to `test/kit/beacon-suite.ts`. Checking a round is pure and needs no adapter: `chain-of.ts`.
 */
import type { BeaconSchedule } from '../base/network/beacon-schedule.ts'

/** One round. `signature` goes into the log, so that `verify` can be asked for ever. */
export interface BeaconRound {
  /** 1 and later. */
  readonly round: number
  /** What proves the round, in the chain's own form. */
  readonly signature: Uint8Array
  /** 32 bytes, a function of chain and round alone. */
  readonly randomness: Uint8Array
}

/** A chain of rounds as `network.json` pins it. Pure. */
export interface BeaconChain {
  /** 32 bytes that tell this chain from every other. */
  readonly chainHash: Uint8Array
  readonly schedule: BeaconSchedule
  /** The newest round that is out at this time (seconds since 1970); 0 before the first. */
  roundAt(timeSeconds: number): number
  /** The randomness (32 bytes) of a round, if `signature` proves it. May take tens of milliseconds. @throws untrusted.signature */
  verify(round: number, signature: Uint8Array): Uint8Array
}

/** A chain and where to get its rounds. */
export interface Beacon extends BeaconChain {
  /**
   * A round, verified. It may be asked for again and again; rounds long past are given too.
   * @throws unavailable.beacon (not out yet, or nobody gives it), aborted.caller
   */
  fetch(round: number, signal: AbortSignal): Promise<BeaconRound>
}
