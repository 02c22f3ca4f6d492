import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openFileSource } from './file-source.ts'

test('openFileSource() reads any part of a file, and says what it cannot', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pyrsia-source-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'file')
  writeFileSync(path, 'abcdef')
  const source = openFileSource(path)
  assert.equal(source.sizeBytes, 6)
  assert.equal(Buffer.from(source.read(2, 3)).toString(), 'cde')
  truncateSync(path, 3)
  assert.throws(() => source.read(2, 3), { code: 'untrusted.archive' })
  source.close()
  assert.throws(() => openFileSource(folder), { code: 'usage.request' })
  assert.throws(() => openFileSource(join(folder, 'none')), { code: 'usage.request' })
})
