import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steppedClock } from '../../test/kit/stepped-clock.ts'
import { ORDER_PAUSE_LEAST_MS, pauseBeforeOrder } from './ordering.ts'

const never = new AbortController().signal

test('a peer that connects again and again shortens no pause to nothing', async () => {
  const clock = steppedClock()
  const beganMs = clock.nowMs()
  const ordering = {
    onReachable(listener: () => void) {
      listener()
      return () => {}
    },
  }
  for (let turn = 0; turn < 4; turn += 1) await pauseBeforeOrder(15_000, { ordering, clock }, never)
  assert.equal(clock.nowMs() - beganMs, 4 * ORDER_PAUSE_LEAST_MS)
})

test('a pause is whole while nobody comes, a short one never becomes longer, and whoever ends it all is heard', async () => {
  const clock = steppedClock()
  let listeners = 0
  const ordering = {
    onReachable() {
      listeners += 1
      return () => {
        listeners -= 1
      }
    },
  }
  const beganMs = clock.nowMs()
  await pauseBeforeOrder(15_000, { ordering, clock }, never)
  await pauseBeforeOrder(200, { ordering: {}, clock }, never)
  assert.equal(clock.nowMs() - beganMs, 15_200)
  await assert.rejects(pauseBeforeOrder(15_000, { ordering, clock }, AbortSignal.abort()), { code: 'aborted.caller' })
  assert.equal(listeners, 0)
})
