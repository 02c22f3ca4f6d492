import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase64, encodeBase64 } from './base64.ts'

test('decodeBase64() gives back what encodeBase64() wrote', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(decodeBase64(encodeBase64(bytes)), bytes)))
})

test('decodeBase64() takes one text per byte string: no other alphabet, no missing padding, no stray bits, no spaces', () => {
  for (const text of ['_-_-', 'AA', 'AA=', 'AB==', 'AAB=', ' AAAA', 'AAAA\n', 'A', '====', 'A=AA']) {
    assert.equal(decodeBase64(text), undefined, text)
  }
  assert.deepEqual(decodeBase64(''), new Uint8Array(0))
})
