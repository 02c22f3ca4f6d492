import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Purl } from '../../base/purl.ts'
import { auditBody } from './audit.ts'

const mayName = (purl: Purl): boolean => !purl.startsWith('pkg:npm/%40acme/')
const JSON_HEADERS = { 'content-type': 'application/json' }

function kept(document: object, packed = true): unknown {
  const plain = Buffer.from(JSON.stringify(document))
  const sent = packed
    ? { headers: { ...JSON_HEADERS, 'content-encoding': 'gzip' }, body: gzipSync(plain) }
    : { headers: JSON_HEADERS, body: plain }
  const { headers, body } = auditBody(sent, mayName)
  assert.deepEqual(headers, JSON_HEADERS)
  return JSON.parse(Buffer.from(body).toString())
}

test('auditBody() takes private names out of the bulk form, packed or not', () => {
  for (const packed of [true, false]) {
    assert.deepEqual(kept({ '@acme/x': ['1.0.0'], express: ['4.0.0'] }, packed), { express: ['4.0.0'] })
  }
})

test('auditBody() takes private names out of every level of the older form', () => {
  const document = {
    name: 'project',
    requires: { '@acme/x': '1', a: '1' },
    dependencies: {
      '@acme/x': { version: '1' },
      a: { version: '1', requires: { '@acme/y': '1' }, dependencies: { '@acme/y': { version: '1' } } },
    },
  }
  assert.deepEqual(kept(document), {
    name: 'project',
    requires: { a: '1' },
    dependencies: { a: { version: '1', requires: {}, dependencies: {} } },
  })
})

test('auditBody() does not pass on what it cannot read', () => {
  for (const body of [Buffer.from('{'), Buffer.from('[]'), Buffer.from([0x1f, 0x8b])]) {
    for (const headers of [JSON_HEADERS, { 'content-encoding': 'gzip' }]) {
      assert.throws(() => auditBody({ headers, body }, mayName), { code: 'usage.request' })
    }
  }
})
