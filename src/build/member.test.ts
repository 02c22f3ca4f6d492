import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signerOf } from '../../test/kit/sample-entries.ts'
import { steppedClock } from '../../test/kit/stepped-clock.ts'
import { parseTransaction, type RequestBody } from '../base/entries/transaction.ts'
import { createMember } from './member.ts'
import type { Ordering } from './ordering.ts'

const never = new AbortController().signal
const said = { type: 'request', purl: 'pkg:toy/blocks@1' } as const

/** An order that takes what has a higher sequence than the last, and tells which were brought. */
function orderFrom(last: number): { readonly ordering: Ordering; readonly brought: number[] } {
  const brought: number[] = []
  let highest = last
  const ordering: Ordering = {
    async order(bytes) {
      const { sequence } = parseTransaction(bytes).body
      brought.push(sequence)
      if (sequence <= highest) return { refusal: 'sequence', entries: [] }
      highest = sequence
      return { refusal: undefined, entries: [] }
    },
    ask: () => assert.fail('a member asks itself'),
  }
  return { ordering, brought }
}

test('a member says one thing after the other, each with a higher sequence, whatever comes first', async () => {
  const { ordering, brought } = orderFrom(0)
  const clock = steppedClock()
  const member = createMember('log.example/member', signerOf('a'), { ordering, clock })
  const all = await Promise.all([1, 2, 3].map(() => member.send<RequestBody>(said, never)))
  assert.deepEqual(
    all.map(({ refusal }) => refusal),
    [undefined, undefined, undefined],
  )
  assert.deepEqual(
    brought,
    brought.toSorted((a, b) => a - b),
  )
  assert.equal(new Set(brought).size, 3)
})

test('a member whose clock was ahead before a restart jumps over what it used up', async () => {
  const clock = steppedClock()
  const { ordering, brought } = orderFrom(clock.nowMs() + 1_800_000)
  const member = createMember('log.example/member', signerOf('a'), { ordering, clock })
  assert.equal((await member.send<RequestBody>(said, never)).refusal, undefined)
  assert.equal(brought.length, 2)
  assert.equal((await member.send<RequestBody>(said, never)).refusal, undefined)
  assert.equal(brought.length, 3, 'and goes on from there')
})

test('a relay that calls every sequence used up, or takes the last jump, cannot drive a key beyond what it reaches after a restart', async () => {
  const clock = steppedClock()
  const signed: number[] = []
  const answers = ['sequence', 'sequence', undefined, 'sequence', 'sequence', 'sequence']
  const ordering: Ordering = {
    async order(bytes) {
      signed.push(parseTransaction(bytes).body.sequence)
      return { refusal: answers[signed.length % answers.length], entries: [] }
    },
    ask: () => assert.fail('a member asks itself'),
  }
  const member = createMember('log.example/member', signerOf('a'), { ordering, clock })
  for (let turn = 0; turn < 50; turn++) await member.send<RequestBody>(said, never)
  const { ordering: real } = orderFrom(Math.max(...signed))
  clock.advance(60_000)
  const restarted = createMember('log.example/member', signerOf('a'), { ordering: real, clock })
  assert.equal((await restarted.send<RequestBody>(said, never)).refusal, undefined)
})

test('a member that could not reach the order can be asked again', async () => {
  const { ordering } = orderFrom(0)
  let away = true
  const order: Ordering['order'] = (...given) => (away ? Promise.reject(new Error('away')) : ordering.order(...given))
  const member = createMember('log.example/member', signerOf('a'), {
    ordering: { ...ordering, order },
    clock: steppedClock(),
  })
  await assert.rejects(member.send<RequestBody>(said, never), /away/)
  away = false
  assert.equal((await member.send<RequestBody>(said, never)).refusal, undefined)
})
