import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../../../base/errors.ts'
import { parseResponseHead } from './response-head.ts'

const good = 'HTTP/1.1 206 Partial Content\r\nContent-Length: 12\r\nContent-Range: bytes 0-11/12'

test('parseResponseHead() reads status, length and headers', () => {
  const head = parseResponseHead(good)
  assert.deepEqual([head.status, head.contentLengthBytes, head.keepAlive], [206, 12, true])
  assert.equal(head.headers.get('content-range'), 'bytes 0-11/12')
  assert.equal(parseResponseHead(`${good}\r\nConnection: close`).keepAlive, false)
})

for (const [what, text] of [
  ['no length', 'HTTP/1.1 200 OK'],
  ['two lengths', `${good}\r\nContent-Length: 12`],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: 1e3'],
  ['a transfer encoding', `${good}\r\nTransfer-Encoding: chunked`],
  ['another protocol version', good.replace('1.1', '1.0')],
  ['a folded header', `${good}\r\n folded: yes`],
  ['a space before the colon', `${good}\r\nname : value`],
] as const) {
  test(`parseResponseHead() refuses ${what}`, () => {
    assert.throws(() => parseResponseHead(text), { code: 'untrusted.reply' })
  })
}

test('parseResponseHead() throws nothing but untrusted.reply', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(good.length), (noise, at) => {
      try {
        parseResponseHead(good.slice(0, at) + noise + good.slice(at))
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === 'untrusted.reply')
      }
    }),
  )
})
