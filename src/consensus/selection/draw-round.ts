/**
 * Which round of the beacon decides, and when a draw is put off. 2-trust.md, "Random selection", 2. All times are consensus times in
 * whole seconds since 1970; nothing here knows what time it is.
 */
import { type BeaconSchedule, roundAfter } from '../../base/network/beacon-schedule.ts'

/** How often one attempt may be drawn anew. */
export const REDRAWS_MAX = 1

/**
 * The round that decides: the first that comes out later than `delaySeconds` after `fixedSeconds`, the time of the block after the one
 * that took the request. Nobody knows it while the request can still be shaped.
 */
export function drawRound(schedule: BeaconSchedule, fixedSeconds: number, delaySeconds: number): number {
  return roundAfter(schedule, fixedSeconds + delaySeconds)
}

/**
 * True if the block after that one came so late that its makers may have seen the round first: later than two thirds of the delay. Then
 * `drawRound` is asked again with that block's time, at most `REDRAWS_MAX` times per attempt, logged.
 */
export function mustRedraw(fixedSeconds: number, nextBlockSeconds: number, delaySeconds: number): boolean {
  return (nextBlockSeconds - fixedSeconds) * 3 > delaySeconds * 2
}
