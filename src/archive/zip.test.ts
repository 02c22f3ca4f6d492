import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeZip } from '../../test/kit/zip.ts'
import { AppError } from '../base/errors.ts'
import { readZip } from './zip.ts'

const FILES = { 'a.json': '{"a":1}', 'folder/b.json': 'b'.repeat(10_000), 'ünïcode.txt': '' }
const LIMITS = { entriesMax: 10, entryBytesMax: 20_000, totalBytesMax: 30_000 }

function sourceOf(bytes: Uint8Array) {
  return { sizeBytes: bytes.byteLength, read: (at: number, length: number) => bytes.subarray(at, at + length) }
}

function texts(bytes: Uint8Array, limits = LIMITS): Record<string, string> {
  const entries = [...readZip(sourceOf(bytes), limits)]
  return Object.fromEntries(entries.map((entry) => [entry.name, Buffer.from(entry.bytes()).toString()]))
}

test('readZip() reads plain and zip64 archives', () => {
  assert.deepEqual(texts(makeZip(FILES)), FILES)
  assert.deepEqual(texts(makeZip(FILES, { wide: true })), FILES)
  assert.deepEqual(texts(makeZip({})), {})
})

test('readZip() keeps to its limits', () => {
  assert.throws(() => texts(makeZip(FILES), { ...LIMITS, entriesMax: 2 }), { code: 'exhausted.size' })
  assert.throws(() => texts(makeZip(FILES), { ...LIMITS, entryBytesMax: 9_999 }), { code: 'exhausted.size' })
  assert.throws(() => texts(makeZip(FILES), { ...LIMITS, totalBytesMax: 10_006 }), { code: 'exhausted.size' })
  assert.deepEqual(texts(makeZip(FILES), { ...LIMITS, totalBytesMax: 10_007 }), FILES)
})

test('readZip() throws nothing but typed errors, whichever byte is changed', () => {
  const good = makeZip({ 'a.json': '{"a":1}', b: 'bb' })
  for (let at = 0; at < good.byteLength; at++) {
    const bad = Buffer.from(good)
    bad[at] = (bad[at] ?? 0) ^ 0xff
    try {
      texts(bad)
    } catch (error) {
      assert.ok(
        error instanceof AppError && ['untrusted.reply', 'exhausted.size'].includes(error.code),
        `${at}: ${error}`,
      )
    }
  }
  for (let end = 0; end < good.byteLength; end++) {
    assert.throws(() => texts(good.subarray(0, end)), { code: 'untrusted.reply' }, String(end))
  }
})

test('readZip() refuses an entry whose bytes were changed', () => {
  const bytes = makeZip({ a: 'x'.repeat(100) })
  const at = bytes.indexOf('a') + 1
  bytes[at] = (bytes[at] ?? 0) ^ 1
  assert.throws(() => texts(bytes), { code: 'untrusted.reply' })
})
