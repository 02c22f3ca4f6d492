import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handClock } from '../../../test/kit/store-suite.ts'
import { createTokenBucket } from './token-bucket.ts'

test('debit() keeps the long-run rate however large the chunks are', () => {
  const clock = handClock()
  const bucket = createTokenBucket({ unitsPerSecond: 1_000, burstUnits: 0 }, { clock })
  let waitedMs = 0
  for (let count = 0; count < 20; count += 1) {
    const waitMs = bucket.debit(500)
    clock.advance(waitMs)
    waitedMs += waitMs
  }
  assert.equal(waitedMs, 10_000)
})

test('tryTake() takes all or nothing and refills up to the burst', () => {
  const clock = handClock()
  const bucket = createTokenBucket({ unitsPerSecond: 10, burstUnits: 10 }, { clock })
  assert.equal(bucket.tryTake(11), false)
  assert.equal(bucket.tryTake(10), true)
  assert.equal(bucket.tryTake(1), false)
  clock.advance(100)
  assert.equal(bucket.tryTake(1), true)
  clock.advance(1_000_000)
  assert.equal(bucket.tryTake(11), false)
})

test('a bucket without a rate never makes anybody wait', () => {
  const bucket = createTokenBucket({ unitsPerSecond: undefined }, { clock: handClock() })
  assert.equal(bucket.debit(1e12), 0)
  assert.equal(bucket.tryTake(1e12), true)
})
