import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { unifiedDiff } from './unified-diff.ts'

test('unifiedDiff() shows changed lines with three lines around them', () => {
  const before = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map((line) => `${line}\n`).join('')
  assert.equal(
    unifiedDiff('/x', before, before.replace('e', 'E')),
    '--- /x\n+++ /x\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n',
  )
})

test('unifiedDiff() of a new and of a removed file names /dev/null', () => {
  assert.equal(unifiedDiff('/x', undefined, 'a\n'), '--- /dev/null\n+++ /x\n@@ -0,0 +1,1 @@\n+a\n')
  assert.equal(unifiedDiff('/x', 'a\n', undefined), '--- /x\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n')
  assert.equal(unifiedDiff('/x', 'a\n', 'a\n'), '')
})

test('unifiedDiff() masks secrets in the lines around a change', () => {
  const before = '//registry.example.com/:_authToken=abc123\n"theirAuthToken": "abc123"\n  password: abc123\n'
  const diff = unifiedDiff('/x', before, `${before}c=d\n`)
  assert.ok(!diff.includes('abc123'), diff)
  assert.match(diff, /:_authToken=\*\*\*\n[^+]*\n\+c=d\n/)
  assert.ok(unifiedDiff('/x', before, `${before}c=d\n`, { secrets: 'shown' }).includes('=abc123'))
})

test('unifiedDiff() can be applied: its lines and counts lead from one text to the other', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 30 })
  fc.assert(
    fc.property(text, text, (before, after) => {
      const join = (lines: string[]) => lines.map((line) => `${line}\n`).join('')
      assert.deepEqual(applied(before, unifiedDiff('/x', join(before), join(after))), after)
    }),
  )
})

function applied(before: readonly string[], diff: string): string[] {
  const result: string[] = []
  let at = 0
  for (const line of diff.split('\n').slice(2, -1)) {
    const hunk = /^@@ -(\d+),(\d+) \+(\d+),\d+ @@$/.exec(line)
    if (hunk !== null) {
      const start = Number(hunk[1]) - (Number(hunk[2]) === 0 ? 0 : 1)
      result.push(...before.slice(at, start))
      at = start
    } else if (line.startsWith('+')) {
      result.push(line.slice(1))
    } else {
      assert.equal(before[at], line.slice(1))
      if (line.startsWith(' ')) result.push(line.slice(1))
      at += 1
    }
  }
  return [...result, ...before.slice(at)]
}
