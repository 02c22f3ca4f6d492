import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, streamOf } from './streams.ts'

test('collect() joins the chunks, also where the sender uses its buffer again', async () => {
  async function* recycling(): AsyncGenerator<Uint8Array> {
    const buffer = new Uint8Array(1)
    for (const value of [1, 2, 3]) {
      buffer[0] = value
      yield buffer
    }
  }
  assert.deepEqual([...(await collect(recycling(), 3))], [1, 2, 3])
  assert.equal((await collect(streamOf(), 0)).length, 0)
})

test('collect() refuses a byte too many and lets go of the stream', async () => {
  let released = false
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(10)
    } finally {
      released = true
    }
  }
  await assert.rejects(collect(endless(), 25), { code: 'exhausted.size' })
  assert.ok(released)
})
