/** The small parts that keep the read flow within bounds: ranges, slots, the bell, what may be released, entity tags. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steppedClock } from '../../test/kit/stepped-clock.ts'
import { AppError, isKind } from '../base/errors.ts'
import { indexCaching, matches } from './reply/headers.ts'
import { parseContentRange, parseRange, rangeWithin } from './reply/ranges.ts'
import { reasonOf } from './reply/reasons.ts'
import { releasableBytes } from './transfer/release.ts'
import { createBell } from './waiting/bell.ts'
import { createSingleFlight, orLeave } from './waiting/single-flight.ts'
import { createSlots } from './waiting/slots.ts'
import { within } from './waiting/within.ts'

test('parseRange() reads single ranges and ignores what a server may ignore', () => {
  assert.deepEqual(parseRange('bytes=0-'), { kind: 'from', first: 0, last: undefined })
  assert.deepEqual(parseRange('bytes=5-9'), { kind: 'from', first: 5, last: 9 })
  assert.deepEqual(parseRange('bytes=-3'), { kind: 'suffix', suffixBytes: 3 })
  for (const ignored of [
    undefined,
    '',
    'bytes=-',
    'bytes=9-5',
    'bytes=0-1,3-4',
    'lines=1-2',
    `bytes=${'9'.repeat(16)}-`,
  ]) {
    assert.equal(parseRange(ignored), undefined)
  }
})

test('rangeWithin() clips a range to the body and finds none past its end', () => {
  assert.deepEqual(rangeWithin({ kind: 'from', first: 5, last: 99 }, 10), { offset: 5, lengthBytes: 5 })
  assert.deepEqual(rangeWithin({ kind: 'suffix', suffixBytes: 99 }, 10), { offset: 0, lengthBytes: 10 })
  assert.equal(rangeWithin({ kind: 'from', first: 10, last: undefined }, 10), undefined)
  assert.equal(rangeWithin({ kind: 'suffix', suffixBytes: 0 }, 10), undefined)
  assert.equal(rangeWithin({ kind: 'suffix', suffixBytes: 1 }, 0), undefined)
})

test('parseContentRange() refuses parts that contradict themselves', () => {
  assert.deepEqual(parseContentRange('bytes 2-4/10'), { offset: 2, lengthBytes: 3, totalBytes: 10 })
  assert.deepEqual(parseContentRange('bytes 2-4/*'), { offset: 2, lengthBytes: 3, totalBytes: undefined })
  for (const bad of [undefined, 'bytes */10', 'bytes 4-2/10', 'bytes 2-10/10', 'bytes 2-4']) {
    assert.equal(parseContentRange(bad), undefined)
  }
})

test('releasableBytes() never releases the end of a body, and nothing of strangers', () => {
  const size = 3 * 1_048_576 + 5
  assert.equal(releasableBytes('all', size, size), 0)
  assert.equal(releasableBytes('piece', size, size), 3 * 1_048_576)
  assert.equal(releasableBytes('piece', 3 * 1_048_576, 3 * 1_048_576), 2 * 1_048_576)
  assert.equal(releasableBytes('tail', size, size), size - 65_536)
  assert.equal(releasableBytes('tail', 100, size), 100)
  assert.equal(releasableBytes('tail', 100, 100), 0)
  assert.equal(releasableBytes('tail', 100_000, undefined), 34_464)
  assert.equal(releasableBytes('piece', 0, 0), 0)
})

test('take() gives places in the order of asking, and refuses when too many wait', async () => {
  const slots = createSlots('work', 1, 1)
  const { signal } = new AbortController()
  const giveBack = await slots.take(signal)
  const waiting = slots.take(signal)
  await assert.rejects(slots.take(signal), (error: AppError) => error.code === 'exhausted.queue')
  giveBack()
  giveBack()
  const second = await waiting
  const leaver = new AbortController()
  const left = slots.take(leaver.signal)
  leaver.abort()
  await assert.rejects(left, (error) => isKind(error, 'aborted'))
  second()
  ;(await slots.take(signal))()
})

test('next() of a bell rejects who leaves and wakes the others', async () => {
  const bell = createBell()
  const leaver = new AbortController()
  const left = assert.rejects(bell.next(leaver.signal), (error) => isKind(error, 'aborted'))
  const waiting = bell.next()
  leaver.abort()
  bell.ring()
  await Promise.all([left, waiting])
  await assert.rejects(bell.next(leaver.signal), (error) => isKind(error, 'aborted'))
})

test('within() gives what comes in time and undefined otherwise', async () => {
  const clock = steppedClock()
  assert.equal(await within(clock, 100, Promise.resolve(1)), 1)
  const late = within(clock, 100, new Promise(() => {}))
  clock.advance(100)
  assert.equal(await late, undefined)
})

test('run() of a single flight joins the running work and forgets it afterwards', async () => {
  const flight = createSingleFlight<number>()
  let runs = 0
  const work = async () => ++runs
  assert.deepEqual(await Promise.all([flight.run('a', work), flight.run('a', work)]), [1, 1])
  assert.equal(await flight.run('a', work), 2)
  assert.equal(flight.size(), 0)
})

test('orLeave() lets a caller leave work that goes on', async () => {
  const caller = new AbortController()
  const work = Promise.withResolvers<number>()
  const left = assert.rejects(orLeave(work.promise, caller.signal), (error) => isKind(error, 'aborted'))
  caller.abort()
  await left
  work.resolve(1)
  assert.equal(await work.promise, 1)
})

test('matches() compares entity tags weakly', () => {
  assert.equal(matches('W/"a", "b"', '"a"'), true)
  assert.equal(matches('*', '"a"'), true)
  assert.equal(matches('"ab"', '"a"'), false)
  assert.equal(matches(undefined, '"a"'), false)
})

test('indexCaching() never outlives the freshness that is left', () => {
  assert.equal(indexCaching(300, 290, false)['cache-control'], 'max-age=10')
  assert.equal(indexCaching(300, 900, false)['cache-control'], 'max-age=0')
  assert.equal(indexCaching(0, 900, true)['cache-control'], 'max-age=60')
})

test('reasonOf() tells nothing of an unexpected error', () => {
  assert.deepEqual(reasonOf(new AppError('absent.blob', 'it is not here')), {
    code: 'absent',
    message: 'it is not here',
  })
  assert.equal(reasonOf(new TypeError('secret')).message.includes('secret'), false)
})
