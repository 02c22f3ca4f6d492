import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retryAfterMs, statedQuota } from './quota.ts'

test('statedQuota() reads the number before the window', () => {
  assert.deepEqual(statedQuota({ 'ratelimit-remaining': '76;w=21600', 'ratelimit-limit': '100;w=21600' }), {
    remaining: 76,
    limit: 100,
  })
  assert.deepEqual(statedQuota({ 'x-ratelimit-remaining': ' 5' }), { remaining: 5, limit: undefined })
  assert.equal(statedQuota({ 'ratelimit-remaining': 'many' }), undefined)
  assert.equal(statedQuota({}), undefined)
})

test('retryAfterMs() reads seconds and dates, and nothing else', () => {
  const nowMs = Date.UTC(2026, 10, 23)
  assert.equal(retryAfterMs({ 'retry-after': '7' }, nowMs), 7_000)
  assert.equal(retryAfterMs({ 'retry-after': new Date(nowMs + 5_000).toUTCString() }, nowMs), 5_000)
  assert.equal(retryAfterMs({ 'retry-after': new Date(nowMs - 5_000).toUTCString() }, nowMs), 0)
  for (const text of ['', 'soon', '-1', '1.5', '2026']) {
    assert.equal(retryAfterMs({ 'retry-after': text }, nowMs), text === '2026' ? 2_026_000 : undefined, text)
  }
})
