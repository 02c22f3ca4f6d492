import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerClient } from '../client/peer-client.ts'
import { type Job, Schedule } from './schedule.ts'
import { Source } from './source.ts'

const MIB = 1_048_576

function source(name: string, pieceMs?: number): Source {
  const rate = pieceMs === undefined ? undefined : (MIB / pieceMs) * 1000
  return new Source({ peerId: name } as PeerClient, rate)
}

function assigned(job: Job | undefined): readonly [number, number] | undefined {
  return job && [job.current, job.end]
}

test('a lone source is asked for everything that is left in one range', () => {
  const schedule = new Schedule(0, 100, { windowPieces: 8, hedgeMinMs: 100 })
  assert.deepEqual(assigned(schedule.assign(source('a'), true, 0)), [0, 100])
})

test('several sources get spans that fit their speed, one after the other', () => {
  const schedule = new Schedule(0, 100, { windowPieces: 32, hedgeMinMs: 100 })
  assert.deepEqual(assigned(schedule.assign(source('new'), false, 0)), [0, 1])
  assert.deepEqual(assigned(schedule.assign(source('slow', 250), false, 0)), [1, 2])
  assert.deepEqual(assigned(schedule.assign(source('fast', 10), false, 0)), [2, 10])
})

test('nothing beyond the window is begun until the consumer moves on', () => {
  const schedule = new Schedule(0, 100, { windowPieces: 2, hedgeMinMs: 100 })
  const fast = source('fast', 10)
  const job = schedule.assign(fast, false, 0)
  assert.ok(job)
  for (let index = 0; index < job.end; index += 1) schedule.complete(index)
  job.current = job.end
  schedule.finish(job)
  schedule.next = 0
  assert.equal(schedule.inWindow(1), true)
  assert.equal(schedule.inWindow(2), false)
  schedule.advance()
  assert.equal(schedule.inWindow(2), true)
})

test('what a failed source left is given to the next one first', () => {
  const schedule = new Schedule(0, 100, { windowPieces: 32, hedgeMinMs: 100 })
  const job = schedule.assign(source('fast', 10), false, 0)
  assert.ok(job)
  schedule.complete(0)
  job.current = 1
  schedule.finish(job)
  assert.deepEqual(assigned(schedule.assign(source('other', 100), false, 0)), [1, 4])
})

test('a late piece is hedged by an idle source once it is overdue, and only once', () => {
  const schedule = new Schedule(0, 1, { windowPieces: 32, hedgeMinMs: 100 })
  schedule.assign(source('late'), false, 0)
  const [idle, third] = [source('idle'), source('third')]
  assert.equal(schedule.assign(idle, false, 50), undefined)
  assert.deepEqual(assigned(schedule.assign(idle, false, 500)), [0, 1])
  assert.equal(schedule.assign(third, false, 500), undefined)
})

test('at the end a fast idle source copies what a slow one would have much later', () => {
  const schedule = new Schedule(0, 1, { windowPieces: 32, hedgeMinMs: 10_000 })
  schedule.assign(source('slow', 1_000), false, 0)
  assert.deepEqual(assigned(schedule.assign(source('fast', 10), false, 1)), [0, 1])
})

test('a source that waits for the consumer is not late', () => {
  const schedule = new Schedule(0, 1, { windowPieces: 32, hedgeMinMs: 100 })
  const job = schedule.assign(source('paused', 10), false, 0)
  assert.ok(job)
  job.paused = true
  assert.equal(schedule.assign(source('idle', 10), false, 60_000), undefined)
})

test('a piece is late after the 90th percentile of its source, at least the least', () => {
  const one = source('a')
  for (let ms = 10; ms <= 100; ms += 10) one.sample(ms)
  assert.equal(one.lateAfterMs(1), 90)
  assert.equal(one.lateAfterMs(200), 200)
})
