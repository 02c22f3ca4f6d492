/**
 * Brings the beacon's rounds that draws wait for: waits until a round is out, gets it, verified, and hands it to the network as a
 * transaction. Any member may run it, and the first that brings a round ends the wait for all; authorities do. Keeps no state: what
 * waits is asked of the consensus each time, so it goes on by itself after a restart.
 */
import type { Clock, Logger } from '../../base/clock.ts'
import { errorChain } from '../../base/errors.ts'
import { secondsOfRound } from '../../base/network/beacon-schedule.ts'
import type { Beacon, BeaconRound } from '../../beacon/beacon.ts'

/** What it needs. */
export interface BringRoundsDependencies {
  readonly beacon: Beacon
  /** The rounds that draws wait for now. */
  waiting(): readonly number[]
  /** Calls `listener` whenever that may have changed, until the returned function is called. */
  watch(listener: () => void): () => void
  /** Submits a round; resolves when it was ordered, also if somebody else was first. */
  bring(round: BeaconRound, signal: AbortSignal): Promise<void>
  readonly clock: Clock
  readonly logger: Logger
}

/** Rounds that are fetched at a time. */
const UNDER_WAY_MAX = 4
/** Between two tries, doubled up to the second. */
const PAUSE_MS = 1000
const PAUSE_MAX_MS = 30_000

/** Begins. `stop` resolves when nothing is under way any more. */
export function bringRounds(dependencies: BringRoundsDependencies): { stop(): Promise<void> } {
  const { waiting, watch } = dependencies
  const ending = new AbortController()
  const underWay = new Map<number, Promise<void>>()
  const look = (): void => {
    for (const round of waiting()) {
      if (ending.signal.aborted || underWay.size >= UNDER_WAY_MAX || underWay.has(round)) continue
      const work = bringOne(round, dependencies, ending.signal).finally(() => {
        underWay.delete(round)
        look()
      })
      underWay.set(round, work)
    }
  }
  const unwatch = watch(look)
  look()
  return {
    async stop() {
      unwatch()
      ending.abort()
      await Promise.all(underWay.values())
    },
  }
}

async function bringOne(round: number, deps: BringRoundsDependencies, signal: AbortSignal): Promise<void> {
  const { beacon, clock, logger } = deps
  let pauseMs = PAUSE_MS
  try {
    await clock.sleep(Math.max(0, secondsOfRound(beacon.schedule, round) * 1000 - clock.nowMs()), signal)
    while (!signal.aborted && deps.waiting().includes(round)) {
      try {
        await deps.bring(await beacon.fetch(round, signal), signal)
        if (!deps.waiting().includes(round)) return
      } catch (error) {
        if (signal.aborted) return
        logger.warn(
          { round, error: errorChain(error) },
          'a round of the beacon that draws wait for could not be brought',
        )
      }
      await clock.sleep(pauseMs, signal)
      pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2)
    }
  } catch (error) {
    // Sleeping ends by an error when the node stops, and by nothing else.
    if (!signal.aborted) throw error
  }
}
