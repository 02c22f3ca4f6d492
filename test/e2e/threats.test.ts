/** The list of threats is made of titles of tests everywhere, end-to-end ones too: it is held against them with the whole suite. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stalePages } from '../../tools/docs.ts'

test('docs/reference/threats.md lists the tests that there are (else: npm run docs)', () => {
  assert.deepEqual(
    stalePages().filter((name) => name === 'threats.md'),
    [],
  )
})
