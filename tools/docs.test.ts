import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_CODES } from '../src/base/errors.ts'
import { stalePages } from './docs.ts'
import { configPage, errorsPage, markdownTable } from './reference/pages.ts'

test('docs/reference/ says what the code says (else: npm run docs)', () => {
  assert.deepEqual(stalePages(), [])
})

test('errorsPage() lists every code', () => {
  const text = errorsPage()
  for (const code of Object.keys(ERROR_CODES)) assert.ok(text.includes(`| \`${code}\` |`), code)
})

test('configPage() lists flag, variable, key and default of a setting', () => {
  assert.match(configPage(), /\| `--port PORT` \| `PYRSIA_PORT` \| `port` \| `7888` \|/)
})

test('markdownTable() escapes bars and line breaks', () => {
  assert.equal(markdownTable(['a'], [['x|y\nz']]), '| a |\n|---|\n| x\\|y z |')
})
