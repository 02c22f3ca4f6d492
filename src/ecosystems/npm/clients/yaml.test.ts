import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkMapping } from './yaml.ts'

test('checkMapping() takes the forms that yarn and people write', () => {
  for (const text of [
    '# only a comment\n',
    'a: [1, "]", {b: c}] # [ not counted\n',
    'a: [\n  1, # a comment with ]\n  2\n  ]\nb: 1\n',
    'a:\n  - b: {c: [d]}\nb: "with [ in it"\n',
    'a: |\n  text with [ and {\nb: 1\n',
    "a: 'it''s [fine'\n",
  ]) {
    assert.doesNotThrow(() => checkMapping(text, '/x'), text)
  }
})

test('checkMapping() refuses brackets that are never closed, or never opened', () => {
  for (const text of ['a: [1\nb: }\n', 'a: {b: 1\n', 'a: [1]]\n', 'a: [1}\n', 'b: ]\n', 'a: [\n  1\nb: 2\n']) {
    assert.throws(() => checkMapping(text, '/x'), { code: 'usage.config' }, text)
  }
})
