import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readUntil } from './policy.ts'

const NOW_MS = Date.parse('2026-11-23T10:00:00Z')

test('readUntil() takes spans from now and dates', () => {
  assert.equal(readUntil('90m', NOW_MS), NOW_MS + 5_400_000)
  assert.equal(readUntil('2d', NOW_MS), NOW_MS + 172_800_000)
  assert.equal(readUntil('2026-12-01', NOW_MS), Date.parse('2026-12-01T00:00:00Z'))
  assert.equal(readUntil('2026-12-01T10:00Z', NOW_MS), Date.parse('2026-12-01T10:00:00Z'))
})

test('readUntil() refuses anything else', () => {
  for (const text of ['', 'soon', '2', '2y', '-1d', '2026-13-45', '1e9d']) {
    assert.throws(() => readUntil(text, NOW_MS), { code: 'usage.config' }, text)
  }
})
