import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addOutcomes, closing, isSuccess, NOTHING, type Outcome } from './test-runner.ts'

const PASSED: Outcome = { ...NOTHING, tests: 2, pass: 2 }
const LEFT: Outcome = {
  ...NOTHING,
  tests: 1,
  skipped: 1,
  leftOut: [{ name: 'a client pulls', reason: 'left out, needs dockerd' }],
}

test('isSuccess() takes a left-out test on a developer machine, but not where everything must run', () => {
  assert.equal(isSuccess(addOutcomes(PASSED, LEFT), false), true)
  assert.equal(isSuccess(addOutcomes(PASSED, LEFT), true), false)
  assert.equal(isSuccess(PASSED, true), true)
})

test('isSuccess() refuses a run in which a test failed, was cancelled, or in which there was none', () => {
  assert.equal(isSuccess({ ...PASSED, fail: 1 }, false), false)
  assert.equal(isSuccess({ ...PASSED, cancelled: 1 }, false), false)
  assert.equal(isSuccess(NOTHING, false), false)
})

test('closing() names what was left out with the line that installs it, and ends with the summary', () => {
  const text = closing(addOutcomes(PASSED, LEFT), false)
  assert.match(text, /a client pulls: left out, needs dockerd/)
  assert.match(text, /npm run test:tools/)
  const summary = text.trimEnd().split('\n').slice(-8)
  assert.deepEqual(summary.slice(0, 3), ['# tests 3', '# suites 0', '# pass 2'])
  assert.ok(summary.every((line) => line.startsWith('# ')))
})

test('closing() is silent about left-out tests when there are none', () => {
  assert.doesNotMatch(closing(PASSED, true), /Left out/)
})
