import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { blobIdOf, digestBytes } from '../../../base/digest.ts'
import { isKind } from '../../../base/errors.ts'
import {
  logFilePath,
  parseDocument,
  parseDocumentRequest,
  parseLeadRequest,
  parseLogFilePath,
  parseLookupReply,
  parseNames,
  parseSignedDocument,
} from './messages.ts'

const bytes = Buffer.from('bytes')
const id = blobIdOf(bytes)
const sha512 = digestBytes('sha512', bytes)
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

test('parseNames() reads digests and refuses more than its bound', () => {
  assert.deepEqual(parseNames(json({ names: [id, sha512] }), 2), [id, sha512])
  assert.throws(() => parseNames(json({ names: [id, sha512] }), 1), { code: 'usage.message' })
  assert.throws(() => parseNames(json({ names: ['sha256:00'] }), 2), { code: 'usage.digest' })
})

test('parseLookupReply() takes a holding found by another name', () => {
  const holding = { name: sha512, id, sizeBytes: 5 }
  const reply = parseLookupReply(json({ holdings: [holding], providers: ['p'] }), [sha512])
  assert.deepEqual(reply, { holdings: [{ ...holding, mediaType: undefined }], providers: ['p'] })
})

test('parseLookupReply() refuses a holding that was not asked for or that contradicts its name', () => {
  const other = blobIdOf(Buffer.from('other'))
  for (const holding of [
    { name: other, id: other, sizeBytes: 5 },
    { name: id, id: other, sizeBytes: 5 },
    { name: id, id, sizeBytes: -1 },
  ]) {
    assert.throws(() => parseLookupReply(json({ holdings: [holding], providers: [] }), [id]), { code: 'usage.message' })
  }
})

test('parseLeadRequest() refuses a URL in place of a path', () => {
  const request = { ecosystem: 'e', upstream: 'u', id, requestPath: '/a' }
  assert.deepEqual(parseLeadRequest(json(request)), request)
  const url = { ...request, requestPath: 'https://registry.example.com/a' }
  assert.throws(() => parseLeadRequest(json(url)), { code: 'usage.message' })
})

test('the parsers of messages throw nothing but usage errors', () => {
  const parsers = [
    (body: Buffer) => parseNames(body, 10),
    (body: Buffer) => parseLookupReply(body, [id]),
    parseDocumentRequest,
    parseSignedDocument,
    (body: Buffer) => parseDocument(body.toString()),
    parseLeadRequest,
  ]
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      for (const parse of parsers) {
        try {
          parse(Buffer.from(text))
        } catch (error) {
          assert.ok(isKind(error, 'usage'))
        }
      }
    }),
  )
})

test('parseLogFilePath() reads what logFilePath() wrote, and nothing that climbs out of a log', () => {
  const originHash = 'ab'.repeat(32)
  for (const path of ['checkpoint', 'tile/0/x001/000', 'tile/entries/000.p/17']) {
    assert.deepEqual(parseLogFilePath(logFilePath({ originHash, path })), { originHash, path })
  }
  for (const path of ['other', 'tile/', 'tile/%2e%2e', 'tile/A', `tile/${'0'.repeat(121)}`, 'checkpoint?x']) {
    assert.throws(() => parseLogFilePath(logFilePath({ originHash, path })), { code: 'usage.request' })
  }
  assert.throws(() => parseLogFilePath(logFilePath({ originHash: 'ab', path: 'checkpoint' })), {
    code: 'usage.request',
  })
})
