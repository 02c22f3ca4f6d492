import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Backoff } from './backoff.ts'
import { RateLimit } from './rate.ts'

const options = { minMs: 100, maxMs: 400, keysMax: 2 }

test('Backoff doubles the wait with each failure up to its bound, with jitter of half', () => {
  const backoff = new Backoff(options)
  for (const waitMs of [100, 200, 400, 400]) {
    backoff.failed('a', 0, 0)
    assert.deepEqual([backoff.ready('a', waitMs / 2 - 1), backoff.ready('a', waitMs / 2)], [false, true])
  }
  backoff.failed('a', 0, 0.999)
  assert.equal(backoff.ready('a', 399), false)
})

test('Backoff.reset() allows the next try at once', () => {
  const backoff = new Backoff(options)
  backoff.failed('a', 0, 0)
  backoff.reset('a')
  assert.equal(backoff.ready('a', 0), true)
})

test('Backoff.defer() holds back who was not tried yet and leaves others as they are', () => {
  const backoff = new Backoff(options)
  backoff.defer('a', 0, 50)
  backoff.defer('a', 40, 50)
  assert.deepEqual([backoff.ready('a', 49), backoff.ready('a', 50)], [false, true])
})

test('Backoff forgets what was longest untouched beyond its bound', () => {
  const backoff = new Backoff(options)
  for (const key of ['a', 'b', 'c']) backoff.failed(key, 0, 0)
  assert.deepEqual([backoff.ready('a', 0), backoff.ready('b', 0), backoff.ready('c', 0)], [true, false, false])
})

test('RateLimit allows a burst of its size per key and refills with time', () => {
  const rate = new RateLimit({ perPeriod: 2, periodMs: 1000, keysMax: 10 })
  assert.deepEqual([rate.allow('a', 0), rate.allow('a', 0), rate.allow('a', 0)], [true, true, false])
  assert.equal(rate.allow('b', 0), true)
  assert.deepEqual([rate.allow('a', 499), rate.allow('a', 500), rate.allow('a', 501)], [false, true, false])
})
