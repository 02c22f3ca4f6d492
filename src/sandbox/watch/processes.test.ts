import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureNameless, measureProcesses, shareOfMemory } from './processes.ts'

test('a step that is not in its own tree yet is not measured: its /proc is still that of the whole machine', () => {
  // As this process is, which is in no tree of its own.
  assert.equal(measureProcesses(process.pid), undefined)
  assert.equal(shareOfMemory(process.pid), 0)
  assert.deepEqual(measureNameless(process.pid, 0), { diskBytes: 0, memoryBytes: 0 })
})
