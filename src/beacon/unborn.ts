/** Before its time no adapter gives a round, nor asks anybody for it: shown too early it could be drawn for. */
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { BeaconChain } from './beacon.ts'

/** True for what can be a round's number. */
export function isRound(round: number): boolean {
  return Number.isSafeInteger(round) && round >= 1
}

/** Lets a round pass that is out by this clock. @throws unavailable.beacon */
export function refuseUnborn(chain: BeaconChain, round: number, clock: Clock): void {
  const newest = chain.roundAt(Math.floor(clock.nowMs() / 1000))
  if (isRound(round) && round <= newest) return
  throw new AppError('unavailable.beacon', `wanted round ${round} of the beacon, the newest is ${newest}`)
}
