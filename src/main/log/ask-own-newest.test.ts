import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steppedClock } from '../../../test/kit/stepped-clock.ts'
import { keysOf, TestSource, TileLog, testAuthorities } from '../../../test/kit/tile-log.ts'
import { askOwnNewest } from './ask-own-newest.ts'

const authorities = testAuthorities(2)
const log = new TileLog().grow(9)
const keys = keysOf(log.origin, authorities, 2)
const { signal } = new AbortController()

function ask(...answers: readonly (Uint8Array | undefined)[]) {
  const sources = answers.map((answer, at) => new TestSource(`s${at}`, () => answer))
  return askOwnNewest({ name: 'a0.example', keys, sources: () => sources, clock: steppedClock() }, signal)
}

function cosigned(size: number, ...by: readonly number[]): Uint8Array {
  const cosigners = authorities.filter((_, at) => by.includes(at))
  return log.note(size, { log: authorities.slice(0, 1), cosigners })
}

test('askOwnNewest() finds the largest checkpoint with the own cosignature among what others hold', async () => {
  assert.equal(((await ask(cosigned(5, 0), cosigned(7, 0, 1), cosigned(9, 1))) as { size: number }).size, 7)
})

test('askOwnNewest() tells those who hold none of it from nobody at all', async () => {
  assert.equal(await ask(cosigned(9, 1), undefined), undefined)
  assert.equal(await ask(undefined, Buffer.from('no note')), 'nobody')
  assert.equal(await ask(), 'nobody')
})

test('askOwnNewest() waits for somebody to come', async () => {
  const source = new TestSource('late', () => cosigned(5, 0))
  let asked = 0
  const sources = () => (asked++ < 3 ? [] : [source])
  const found = await askOwnNewest({ name: 'a0.example', keys, sources, clock: steppedClock() }, signal)
  assert.equal((found as { size: number }).size, 5)
})
