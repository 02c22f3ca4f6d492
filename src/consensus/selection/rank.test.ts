import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeParts } from '../../base/crypto/domain-hash.ts'
import { AppError } from '../../base/errors.ts'
import { rank } from './rank.ts'

const SEED = new Uint8Array(32).fill(7)
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
const indexes = fc.uniqueArray(fc.maxSafeNat(), { maxLength: 40 })
const members = (list: readonly number[]) => list.map((memberIndex) => ({ memberIndex }))

test('rank() sorts by the SHA-256 of domain, seed and index', () => {
  const wanted = [...Array(50).keys()]
    .map((index) => {
      const key = createHash('sha256')
        .update(encodeParts('pyrsia/rank-organisation/1', [SEED, index]))
        .digest('hex')
      return { index, key }
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  assert.deepEqual(
    rank('organisation', SEED, members([...Array(50).keys()])).map(({ memberIndex }) => memberIndex),
    wanted.map(({ index }) => index),
  )
})

test('rank() gives the same order whatever order the members come in', () => {
  fc.assert(
    fc.property(seeds, indexes, (seed, list) => {
      assert.deepEqual(
        rank('organisation', seed, members(list)),
        rank('organisation', seed, members(list.toReversed())),
      )
    }),
  )
})

test('rank() keeps the order of two members whoever else is there', () => {
  fc.assert(
    fc.property(seeds, indexes, fc.nat(), (seed, list, without) => {
      fc.pre(list.length > 0)
      const left = list.toSpliced(without % list.length, 1)
      const whole = rank('organisation', seed, members(list))
      const gone = list[without % list.length]
      assert.deepEqual(
        rank('organisation', seed, members(left)),
        whole.filter(({ memberIndex }) => memberIndex !== gone),
      )
    }),
  )
})

test('rank() of nodes is another order than rank() of organisations', () => {
  const all = members([...Array(50).keys()])
  assert.notDeepEqual(rank('node', SEED, all), rank('organisation', SEED, all))
})

test('rank() refuses two members with one index, and indexes that are none', () => {
  for (const list of [[1, 2, 1], [-1], [0.5], [2 ** 53]]) {
    assert.throws(
      () => rank('organisation', SEED, members(list)),
      (error) => error instanceof AppError && error.code === 'bug.assertion',
    )
  }
})
