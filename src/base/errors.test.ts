import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AppError,
  assert as assertHolds,
  ERROR_CODES,
  ERROR_KINDS,
  type ErrorCode,
  errorChain,
  isKind,
  throwIfAborted,
  wrapError,
} from './errors.ts'

test('ERROR_CODES has a kind of the table and a sentence for each code', () => {
  for (const [code, sentence] of Object.entries(ERROR_CODES)) {
    assert.ok(new AppError(code as ErrorCode, '').kind in ERROR_KINDS, code)
    assert.match(sentence, /^[A-Z].*\.$/, code)
  }
})

test('ERROR_KINDS gives each kind an exit code of its own', () => {
  const exitCodes = Object.values(ERROR_KINDS).map(({ exitCode }) => exitCode)
  assert.equal(new Set(exitCodes).size, exitCodes.length)
})

test('AppError knows its kind, its data and its cause', () => {
  const cause = new Error('below')
  const error = new AppError('absent.blob', 'wanted a blob', { cause, data: { id: 'x' } })
  assert.equal(error.kind, 'absent')
  assert.equal(error.cause, cause)
  assert.deepEqual(error.data, { id: 'x' })
  assert.ok(isKind(error, 'absent'))
  assert.ok(!isKind(error, 'usage'))
  assert.ok(!isKind(cause, 'absent'))
  assert.ok(!('cause' in new AppError('absent.blob', '')))
})

test('wrapError() leaves an AppError as it is and gives others a code', () => {
  const own = new AppError('usage.purl', 'own')
  assert.equal(wrapError(own, 'unavailable.peer', 'x'), own)
  const foreign = new Error('foreign')
  const wrapped = wrapError(foreign, 'unavailable.peer', 'asking a peer', { peer: 'p' })
  assert.deepEqual([wrapped.code, wrapped.cause, wrapped.data], ['unavailable.peer', foreign, { peer: 'p' }])
})

test('errorChain() lists messages outermost first, and ends even where causes form a ring', () => {
  const ring: Error & { cause?: unknown } = new Error('ring')
  ring.cause = ring
  assert.deepEqual(errorChain(new AppError('bug.assertion', 'a', { cause: new Error('b', { cause: 'c' }) })), [
    'a',
    'b',
    'c',
  ])
  assert.equal(errorChain(ring).length, 8)
})

test('assert() throws bug.assertion unless its condition holds', () => {
  assertHolds(1, 'holds')
  assert.throws(() => assertHolds(0, 'does not hold'), { code: 'bug.assertion', message: 'does not hold' })
})

test('throwIfAborted() throws the reason if it is an AppError, else aborted.caller with it as the cause', () => {
  throwIfAborted(undefined)
  throwIfAborted(new AbortController().signal)
  const shutdown = new AppError('aborted.shutdown', 'stopping')
  assert.throws(() => throwIfAborted(AbortSignal.abort(shutdown)), shutdown)
  assert.throws(() => throwIfAborted(AbortSignal.abort()), { code: 'aborted.caller' })
})
