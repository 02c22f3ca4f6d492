/** When the rounds of a randomness beacon come out. Consensus and beacon both count by it, in whole seconds since 1970. */

/** The clockwork of a beacon: round 1 comes out at `genesisSeconds`, and then one every `periodSeconds`. */
export interface BeaconSchedule {
  readonly genesisSeconds: number
  /** At least 1. */
  readonly periodSeconds: number
}

/** The newest round that is out at this time; 0 before the first. */
export function roundAt(schedule: BeaconSchedule, timeSeconds: number): number {
  if (timeSeconds < schedule.genesisSeconds) return 0
  return Math.floor((timeSeconds - schedule.genesisSeconds) / schedule.periodSeconds) + 1
}

/** When a round (1 and later) comes out. */
export function secondsOfRound(schedule: BeaconSchedule, round: number): number {
  return schedule.genesisSeconds + (round - 1) * schedule.periodSeconds
}

/** The first round that comes out after this time, not at it. */
export function roundAfter(schedule: BeaconSchedule, timeSeconds: number): number {
  return roundAt(schedule, timeSeconds) + 1
}
