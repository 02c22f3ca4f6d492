import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logLine } from './log-line.ts'

test('logLine() makes one readable line of a structured one', () => {
  const atMs = new Date(2026, 0, 2, 3, 4, 5).getTime()
  const json = JSON.stringify({
    level: 40,
    time: atMs,
    part: 'store',
    blobs: 3,
    error: ['no room', 'ENOSPC'],
    msg: 'disk full',
  })
  assert.equal(logLine(json), '03:04:05 warning store: disk full (blobs: 3, error: no room: ENOSPC)\n')
  assert.equal(logLine(JSON.stringify({ level: 30, time: atMs, msg: 'stopped' })), '03:04:05 stopped\n')
})

test('logLine() lets no control character of a peer or a registry reach the terminal', () => {
  const line = logLine(JSON.stringify({ level: 50, time: 0, msg: 'a\u001b[2Jb', name: 'c\nd' }))
  assert.match(line, / error a.\[2Jb \(name: c.d\)\n$/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  assert.doesNotMatch(line.slice(0, -1), /[\u0000-\u001f]/)
})

test('logLine() passes on what is no structured line', () => {
  assert.equal(logLine('plain words\n'), 'plain words\n')
})
