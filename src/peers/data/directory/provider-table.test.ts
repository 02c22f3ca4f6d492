import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handClock } from '../../../../test/kit/store-suite.ts'
import { digestBytes } from '../../../base/digest.ts'
import { createProviderTable } from './provider-table.ts'

const names = Array.from({ length: 20 }, (_, n) => digestBytes('sha256', Buffer.from(`${n}`)))
const [name] = names
assert.ok(name)
const bounds = { entriesMax: 12, entriesPerPeerMax: 10, lifetimeMs: 1_000 }

test('the provider table keeps no more of one peer than its bound, and no more in all than its size', () => {
  const table = createProviderTable(bounds, { clock: handClock() })
  assert.equal(table.add('a', names), 10)
  assert.equal(table.add('b', names), 2)
  assert.equal(table.size, 12)
  table.remove('a', names)
  assert.equal(table.size, 2)
  assert.equal(table.add('b', names), 10)
})

test('the provider table names at most eight holders of a digest', () => {
  const table = createProviderTable({ ...bounds, entriesMax: 100 }, { clock: handClock() })
  for (let n = 0; n < 20; n += 1) table.add(`peer ${n}`, [name])
  assert.equal(table.providers(name).length, 8)
})

test('an announcement expires unless it is renewed, and makes room again', () => {
  const clock = handClock()
  const table = createProviderTable(bounds, { clock })
  table.add('a', names.slice(0, 5))
  clock.advance(900)
  table.add('a', [name])
  clock.advance(900)
  assert.deepEqual(table.providers(name), ['a'])
  assert.deepEqual(table.providers(names[1] ?? name), [])
  clock.advance(60_000)
  table.add('b', [name])
  assert.equal(table.size, 1)
})

test('a forgotten peer provides nothing any more', () => {
  const table = createProviderTable(bounds, { clock: handClock() })
  table.add('a', names.slice(0, 3))
  table.add('b', [name])
  table.forget('a')
  assert.deepEqual(table.providers(name), ['b'])
  assert.equal(table.size, 1)
})
