import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from './turns.ts'

const never = new AbortController().signal

test('Turns.take() lets so many in at a time, the rest in order, and forgets who leaves', async () => {
  const turns = new Turns(1)
  const leaving = new AbortController()
  const order: string[] = []
  const end = await turns.take(never)
  const left = turns.take(leaving.signal)
  const second = turns.take(never).then((done) => {
    order.push('second')
    done()
  })
  const third = turns.take(never).then(() => order.push('third'))
  leaving.abort()
  await assert.rejects(left, { code: 'aborted.caller' })
  assert.deepEqual(order, [])
  end()
  await Promise.all([second, third])
  assert.deepEqual(order, ['second', 'third'])
})
