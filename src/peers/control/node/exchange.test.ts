import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../../../base/errors.ts'
import { RECORD_BYTES_MAX } from '../../record.ts'
import { EXCHANGE_RECORDS_MAX, packEnvelopes, unpackEnvelopes } from './exchange.ts'

test('unpackEnvelopes() gives back what packEnvelopes() packed', () => {
  const envelope = fc.uint8Array({ minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(fc.array(envelope, { maxLength: EXCHANGE_RECORDS_MAX }), (envelopes) => {
      assert.deepEqual(unpackEnvelopes(packEnvelopes(envelopes)), envelopes)
    }),
    { numRuns: 50 },
  )
})

test('unpackEnvelopes() throws nothing but usage.message', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (message) => {
      try {
        unpackEnvelopes(message)
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === 'usage.message')
      }
    }),
    { numRuns: 200 },
  )
})

test('unpackEnvelopes() refuses a cut message, an empty record and too many of them', () => {
  const refused = (error: unknown) => error instanceof AppError && error.code === 'usage.message'
  assert.throws(() => unpackEnvelopes(packEnvelopes([new Uint8Array(10)]).subarray(0, 11)), refused)
  assert.throws(() => unpackEnvelopes(Uint8Array.of(0, 0)), refused)
  assert.throws(() => unpackEnvelopes(Buffer.alloc(3 * (EXCHANGE_RECORDS_MAX + 1), Uint8Array.of(0, 1, 7))), refused)
})

test('packEnvelopes() refuses more than a message may hold', () => {
  const bug = (error: unknown) => error instanceof AppError && error.code === 'bug.assertion'
  assert.throws(() => packEnvelopes([new Uint8Array(RECORD_BYTES_MAX + 1)]), bug)
})
