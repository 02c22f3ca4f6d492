import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { handClock } from '../../../../test/kit/store-suite.ts'
import { sendStream, writeBytes } from './send-blob.ts'

test('writeBytes() keeps writes frequent under a low rate and large under a high one', () => {
  assert.equal(writeBytes(Number.POSITIVE_INFINITY), 524_288)
  assert.equal(writeBytes(50_000_000), 524_288)
  assert.equal(writeBytes(1_600_000), 100_000)
  assert.equal(writeBytes(1), 16_384)
})

test('sendStream() gives up a receiver that takes nothing for a minute', async () => {
  const clock = handClock()
  const response = Object.assign(new EventEmitter(), {
    destroyed: false,
    write: () => true,
    destroy: () => response.emit('close'),
    end: () => {},
  })
  const stream = (async function* () {
    for (;;) yield new Uint8Array(524_288)
  })()
  const signal = new AbortController().signal
  const options = { buckets: [], bufferBytes: 524_288, onSent: () => {}, signal }
  const sending = sendStream(response as unknown as ServerResponse, stream, 100_000_000, options, { clock })
  const failed = assert.rejects(sending, { code: 'unavailable.peer' })
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(60_001)
  await failed
})
