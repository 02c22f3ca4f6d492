import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steppedClock } from '../../../test/kit/stepped-clock.ts'
import { silentLogger } from '../../base/clock.ts'
import { secondsOfRound } from '../../base/network/beacon-schedule.ts'
import { createMemoryBeacon } from '../../beacon/memory.ts'
import { type BringRoundsDependencies, bringRounds } from './bring-rounds.ts'

const schedule = { genesisSeconds: 1_600_000_000, periodSeconds: 3 }

/** A consensus that waits for rounds; `tell` announces a change, `brought` resolves when a round was brought. */
function bench(rounds: readonly number[], bring?: BringRoundsDependencies['bring']) {
  const clock = steppedClock()
  const memory = createMemoryBeacon({ name: 'rounds', schedule }, { clock })
  const newest = memory.roundAt(Math.floor(clock.nowMs() / 1000))
  const waiting = new Set(rounds.map((round) => newest + round))
  const brought: { round: number; atMs: number }[] = []
  const listeners = new Set<() => void>()
  let told = (): void => {}
  const all = new Promise<void>((resolve) => {
    told = resolve
  })
  const deps: BringRoundsDependencies = {
    beacon: memory,
    waiting: () => [...waiting],
    watch(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async bring(round, signal) {
      await bring?.(round, signal)
      brought.push({ round: round.round, atMs: clock.nowMs() })
      waiting.delete(round.round)
      if (waiting.size === 0) told()
    },
    clock,
    logger: silentLogger,
  }
  const wait = (round: number): void => {
    waiting.add(newest + round)
    for (const listener of listeners) listener()
  }
  return { deps, brought, all, wait, newest, clock, listeners }
}

test('bringRounds() brings what is waited for, when it is out', async () => {
  const { deps, brought, all, newest } = bench([10, 0])
  const running = bringRounds(deps)
  await all
  await running.stop()
  assert.deepEqual(new Set(brought.map(({ round }) => round)), new Set([newest, newest + 10]))
  const late = brought.find(({ round }) => round === newest + 10)
  assert.ok((late?.atMs ?? 0) >= secondsOfRound(schedule, newest + 10) * 1000)
})

test('bringRounds() brings what is waited for later, each round once', async () => {
  const { deps, brought, all, wait, newest, listeners } = bench([])
  const running = bringRounds(deps)
  wait(1)
  for (const listener of listeners) listener()
  await all
  await running.stop()
  assert.deepEqual(
    brought.map(({ round }) => round),
    [newest + 1],
  )
  assert.equal(listeners.size, 0)
})

test('bringRounds() tries again, more slowly each time, until the round is taken', async () => {
  let failures = 7
  const { deps, brought, all, clock } = bench([0], async () => {
    failures -= 1
    if (failures >= 0) throw new Error('the engine is busy')
  })
  const running = bringRounds(deps)
  await all
  await running.stop()
  assert.equal(brought.length, 1)
  assert.deepEqual(clock.sleptMs.slice(1, 8), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
})

test('bringRounds() leaves a round alone that nobody waits for any more', async () => {
  const { deps, brought } = bench([0])
  let asked = 0
  const running = bringRounds({
    ...deps,
    // Somebody else brought it meanwhile.
    waiting: () => (asked++ === 0 ? deps.waiting() : []),
  })
  await running.stop()
  assert.equal(brought.length, 0)
})

test('bringRounds() stops while it waits', async () => {
  let reached = (): void => {}
  const busy = new Promise<void>((resolve) => {
    reached = resolve
  })
  const { deps, brought } = bench([0], (_round, signal) => {
    reached()
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  const running = bringRounds(deps)
  await busy
  await running.stop()
  assert.equal(brought.length, 0)
})

test('bringRounds() works on a few rounds at a time and leaves none out', async () => {
  let [now, most] = [0, 0]
  const { deps, brought, all } = bench([0, -1, -2, -3, -4, -5, -6, -7], async () => {
    now += 1
    most = Math.max(most, now)
    await Promise.resolve()
    now -= 1
  })
  const running = bringRounds(deps)
  await all
  await running.stop()
  assert.equal(brought.length, 8)
  assert.ok(most <= 4)
})
