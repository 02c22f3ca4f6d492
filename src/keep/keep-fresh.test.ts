import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steppedClock } from '../../test/kit/stepped-clock.ts'
import { silentLogger } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { AcceptedCheckpoint } from '../log/log.ts'
import { keepFresh } from './keep-fresh.ts'

const HOUR_MS = 3_600_000

function made(t: { after(fn: () => Promise<void>): void }) {
  const clock = steppedClock()
  const listeners = new Set<(checkpoint: AcceptedCheckpoint) => void>()
  const seconds = (): number => Math.floor(clock.nowMs() / 1000)
  const state = { newest: undefined as AcceptedCheckpoint | undefined, cosigned: [] as number[], failing: false }
  const publish = (checkpoint: AcceptedCheckpoint): void => {
    state.newest = checkpoint
    for (const listener of listeners) listener(checkpoint)
  }
  const grow = (size: number): void =>
    publish({
      origin: 'o',
      size,
      root: new Uint8Array(32),
      note: '',
      cosignatures: [{ name: 'other', timeSeconds: 1 }],
    })
  const log = {
    newest: () => state.newest,
    watch(listener: (checkpoint: AcceptedCheckpoint) => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const cosign = async (): Promise<void> => {
    if (state.failing) throw new AppError('unavailable.storage', 'the disk is away')
    const { newest } = state
    assert(newest !== undefined)
    state.cosigned.push(newest.size)
    publish({ ...newest, cosignatures: [{ name: 'own', timeSeconds: seconds() }] })
  }
  const keeper = keepFresh({
    log,
    cosigner: 'own',
    freshnessSeconds: 4 * 3600,
    cosign,
    clock,
    logger: silentLogger,
  })
  t.after(() => keeper.stop())
  /** Time passes in steps of a minute, and what is due is done. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 60_000) {
      clock.advance(Math.min(left, 60_000))
      await keeper.settled()
    }
  }
  return { state, grow, keeper, pass }
}

test('a new checkpoint is cosigned at once, one that stands before a quarter of the limit is over', async (t) => {
  const { state, grow, keeper, pass } = made(t)
  await keeper.settled()
  assert.deepEqual(state.cosigned, [])
  grow(5)
  await keeper.settled()
  grow(6)
  await keeper.settled()
  assert.deepEqual(state.cosigned, [5, 6])
  await pass(HOUR_MS - 120_000)
  assert.deepEqual(state.cosigned, [5, 6])
  await pass(180_000)
  assert.deepEqual(state.cosigned, [5, 6, 6])
  await pass(10 * HOUR_MS)
  assert.ok(state.cosigned.length >= 12 && state.cosigned.length <= 14, `${state.cosigned.length} times`)
})

test('what keeps it from cosigning is told, tried again, and forgotten when it works', async (t) => {
  const { state, grow, keeper, pass } = made(t)
  state.failing = true
  grow(5)
  await keeper.settled()
  assert.equal(keeper.failure(), 'the disk is away')
  state.failing = false
  await pass(60_000)
  assert.deepEqual([keeper.failure(), state.cosigned], [undefined, [5]])
})

test('after stop() nothing is cosigned', async (t) => {
  const { state, grow, keeper, pass } = made(t)
  grow(5)
  await keeper.stop()
  grow(6)
  await pass(2 * HOUR_MS)
  assert.ok(!state.cosigned.includes(6))
})
