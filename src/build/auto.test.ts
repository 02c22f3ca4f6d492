import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SteppedClock, steppedClock } from '../../test/kit/stepped-clock.ts'
import { silentLogger } from '../base/clock.ts'
import type { Purl } from '../base/purl.ts'
import type { LogHit, LogQuery } from '../log/log.ts'
import { type AutoBuilds, startAutoBuilds } from './auto.ts'
import type { SubmissionView } from './submissions.ts'

interface World {
  readonly auto: AutoBuilds
  readonly clock: SteppedClock
  readonly asked: string[]
  /** When, by the clock. */
  readonly atMs: number[]
  /** Releases of which the log has something. */
  readonly logged: Set<string>
}

function world(t: { after(fn: () => Promise<void>): void }, perHour = 60, clock = steppedClock()): World {
  const asked: string[] = []
  const atMs: number[] = []
  const logged = new Set<string>()
  const auto = startAutoBuilds(
    { perHour },
    {
      clock,
      logger: silentLogger,
      log: {
        find: async ({ purl = '' }: LogQuery) => (logged.has(purl) ? [{ index: 1 } as LogHit] : []),
      },
      async submit(purl) {
        asked.push(purl)
        atMs.push(clock.nowMs())
        return { id: purl, purl, submittedSeconds: 0, state: 'ordered', panel: [] } satisfies SubmissionView
      },
    },
  )
  t.after(() => auto.stop())
  return { auto, clock, asked, atMs, logged }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

function release(version: number): Purl {
  return `pkg:toy/a@${version}` as Purl
}

test('what is wanted and the log lacks is asked for once a day, whoever wants it how often', async (t) => {
  const { auto, asked, logged, clock } = world(t)
  logged.add(release(2))
  for (const version of [1, 2, 1]) auto.wanted(release(version))
  await settled()
  auto.wanted(release(1))
  await settled()
  assert.deepEqual(asked, [release(1)])
  clock.advance(86_400_000)
  auto.wanted(release(1))
  await settled()
  assert.deepEqual(asked, [release(1), release(1)])
})

test('no more is asked for than the rate allows, and what waits is asked for in its turn', async (t) => {
  const { auto, asked, atMs } = world(t, 60)
  for (let version = 1; version <= 9; version++) auto.wanted(release(version))
  await settled()
  assert.equal(asked.length, 9)
  // A tenth of an hour at once, then one a minute.
  assert.deepEqual(
    atMs.map((ms) => Math.round((ms - (atMs[0] ?? 0)) / 60_000)),
    [0, 0, 0, 0, 0, 0, 1, 2, 3],
  )
})

test('what waits is bounded, and nothing is asked for after the end', async () => {
  const clock = {
    ...steppedClock(),
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
  }
  const { auto, asked } = world({ after() {} }, 10, clock)
  for (let version = 1; version <= 2_000; version++) auto.wanted(release(version))
  assert.equal(auto.waiting(), 1_000)
  await settled()
  await auto.stop()
  auto.wanted(release(3_000))
  assert.deepEqual([auto.waiting(), asked], [999, [release(1)]])
})
