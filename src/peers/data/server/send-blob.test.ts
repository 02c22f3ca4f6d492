import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeBytes } from './send-blob.ts'

test('writeBytes() keeps writes frequent under a low rate and large under a high one', () => {
  assert.equal(writeBytes(Number.POSITIVE_INFINITY), 524_288)
  assert.equal(writeBytes(50_000_000), 524_288)
  assert.equal(writeBytes(1_600_000), 100_000)
  assert.equal(writeBytes(1), 16_384)
})
