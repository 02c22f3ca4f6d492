import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TransferState } from '../serve/serve.ts'
import { progressLine } from './progress.ts'

const transfer: TransferState = {
  label: 'library/x:latest',
  upstream: 'u',
  bytes: 5_000_000,
  totalBytes: 20_000_000,
  source: 'peer',
  clients: 1,
  startedAtMs: 0,
}

test('progressLine() shows share, size, source and rate of the longest transfer', () => {
  assert.equal(progressLine([transfer], 2000), 'library/x:latest: 25% 5.0 MB from peer at 2.5 MB/s')
  const younger = { ...transfer, startedAtMs: 500, label: 'b', totalBytes: undefined }
  assert.match(progressLine([younger, transfer], 2000) ?? '', /^library.*, 1 more$/)
  assert.equal(progressLine([younger], 2500), 'b: 5.0 MB from peer at 2.5 MB/s')
})

test('progressLine() keeps quiet about transfers that are just beginning', () => {
  assert.equal(progressLine([transfer], 999), undefined)
  assert.equal(progressLine([], 5000), undefined)
})
