import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_CODES } from '../src/base/errors.ts'
import { stalePages } from './docs.ts'
import { configPage, errorsPage, markdownTable } from './reference/pages.ts'
import { attackTests, titledIn, unspoken } from './reference/threats-page.ts'

test('docs/reference/ says what the code says (else: npm run docs)', () => {
  // `threats.md` follows every title of a test, so it is looked at with the whole suite: test/e2e/threats.test.ts.
  assert.deepEqual(
    stalePages().filter((name) => name !== 'threats.md'),
    [],
  )
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

test('every attack has a test that names it, or a reason why none does, and not both', () => {
  assert.deepEqual(unspoken(attackTests()), [])
  assert.deepEqual(unspoken([]).includes('C1'), true)
})

test('titledIn() finds attacks in titles of tests, wherever they stand in them, and nothing else', () => {
  const text = [
    "test('C1: a tag moves', () => {})",
    `await t.test(\n  \`\${client} shows it (H1, F4)\`, f)`,
    "get('C1')",
    "const x = 'C2: no title'",
    "test('X1 and C99 are none', f)",
  ].join('\n')
  const found = titledIn('a.test.ts', text).map(({ title, attacks }) => [title, ...attacks])
  assert.deepEqual(found, [
    ['C1: a tag moves', 'C1'],
    ['… shows it (H1, F4)', 'H1', 'F4'],
  ])
})
