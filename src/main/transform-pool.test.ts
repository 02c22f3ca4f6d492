import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steppedClock } from '../../test/kit/stepped-clock.ts'
import { silentLogger } from '../base/clock.ts'
import { type AppError, isKind } from '../base/errors.ts'
import type { TransformJob } from '../serve/parts.ts'
import { createTransformPool, type TransformPoolOptions } from './transform-pool.ts'

const forever = new AbortController().signal
const echo = worker(`parentPort.on('message', (job) => {
  parentPort.postMessage({ kind: 'made', made: { bytes: job.body, mediaType: job.variant, encoding: undefined } })
})`)
const mute = worker(`parentPort.on('message', () => {})`)
const dying = worker(`parentPort.on('message', () => { throw new Error('no memory') })`)

function worker(code: string): URL {
  return new URL(
    `data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads'\n${code}`)}`,
  )
}

function job(sizeBytes: number, over: Partial<TransformJob> = {}): TransformJob {
  return {
    ecosystem: 'npm',
    sizeBytes,
    load: async () => new Uint8Array(sizeBytes).fill(7),
    facts: { mediaType: 'application/json', headers: {} },
    variant: 'text/plain',
    ...over,
  }
}

function pool(options: Partial<TransformPoolOptions>) {
  const clock = steppedClock()
  return { clock, ...createTransformPool({ workers: 1, ...options }, { clock, logger: silentLogger }) }
}

test('transform() hands a large document to a worker and gives back what it made', async () => {
  const { transform, close } = pool({ module: echo })
  const made = await transform(job(100_000), forever)
  assert.equal(made.bytes.byteLength, 100_000)
  assert.equal(made.mediaType, 'text/plain')
  await close()
})

test('transform() carries the error code of a malformed document out of the real worker', async () => {
  const { transform, close } = pool({ inlineBytesMax: 0 })
  const malformed = job(10, { variant: 'short|1|||', load: async () => new TextEncoder().encode('{"no json') })
  await assert.rejects(transform(malformed, forever), (error: AppError) => error.code === 'untrusted.reply')
  await close()
})

test('transform() gives up a job that takes too long, and its worker, but not the next job', async () => {
  const { transform, close, clock } = pool({ module: mute, jobMs: 1_000 })
  const loaded = Promise.withResolvers<void>()
  const slow = transform(
    job(100_000, {
      load: async () => {
        loaded.resolve()
        return new Uint8Array(100_000)
      },
    }),
    forever,
  )
  await loaded.promise
  // The job is posted in the turn after its document was loaded.
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(1_000)
  await assert.rejects(slow, (error) => isKind(error, 'unavailable'))
  await close()
})

test('transform() calls a document that takes too much memory too large, and serves the next one', async () => {
  const greedy = worker(`parentPort.on('message', () => { const kept = []; for (;;) kept.push([kept.length, {}]) })`)
  const { transform, close } = pool({ module: greedy, heapMiB: 16 })
  for (let time = 0; time < 2; time++) {
    await assert.rejects(transform(job(100_000), forever), (error: AppError) => error.code === 'exhausted.size')
  }
  await close()
})

test('transform() refuses a document that is nested without end as malformed, in a worker and without one', async () => {
  const deep = Buffer.from(`{"name":"a","files":[],"x":${'['.repeat(500_000)}${']'.repeat(500_000)}}`)
  for (const inlineBytesMax of [0, 10_000_000]) {
    const { transform, close } = pool({ inlineBytesMax })
    const asked = job(deep.byteLength, {
      ecosystem: 'pypi',
      variant: 'page|1|json||a',
      load: async () => Uint8Array.from(deep),
    })
    await assert.rejects(transform(asked, forever), { code: 'untrusted.reply', message: /too deep/ })
    await close()
  }
})

test('transform() reports a worker that dies and starts another for the next job', async () => {
  const { transform, close } = pool({ module: dying })
  for (let time = 0; time < 2; time++) {
    await assert.rejects(transform(job(100_000), forever), (error: AppError) => error.code === 'bug.assertion')
  }
  await close()
})

test('transform() refuses more jobs than its queue holds and loads no document for those who wait', async () => {
  const { transform, close } = pool({ module: mute, waitingMax: 1 })
  let loads = 0
  const load = async () => {
    loads++
    return new Uint8Array(100_000)
  }
  const running = transform(job(100_000, { load }), forever)
  const waiting = transform(job(100_000, { load }), forever)
  await assert.rejects(
    transform(job(100_000, { load }), forever),
    (error: AppError) => error.code === 'exhausted.queue',
  )
  assert.equal(loads, 1)
  const ended = Promise.allSettled([running, waiting])
  await close()
  const statuses = (await ended).map(({ status }) => status)
  assert.deepEqual(statuses, ['rejected', 'rejected'])
})

test('transform() lets a caller leave the queue', async () => {
  const { transform, close } = pool({ module: mute })
  const running = transform(job(100_000), forever)
  const caller = new AbortController()
  const waiting = transform(job(100_000), caller.signal)
  caller.abort()
  await assert.rejects(waiting, (error) => isKind(error, 'aborted'))
  const ended = assert.rejects(running)
  await close()
  await ended
})
