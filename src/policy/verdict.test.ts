import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Acceptable,
  judgeVerdict,
  type VerdictEvidence,
  type VerdictStatus,
  type VerifiedLevel,
  WORDS,
} from './verdict.ts'

/** What becomes of a file with a verdict of this status: `yes`, `bound` to the agreed bytes, `warned`, or `no`. */
function judged(
  level: VerifiedLevel,
  status: VerdictStatus | undefined,
  over: Partial<VerdictEvidence> = {},
  accept: readonly Acceptable[] = [],
  stale?: string,
): string {
  const evidence =
    status === undefined ? undefined : ({ status, file: 'named', level: 'exact', says: 'entry 1', ...over } as const)
  const answer = judgeVerdict({ label: 'blocks@1', evidence, stale }, { level, accept, because: ' (policy: mine)' })
  if (answer.kind === 'deny') {
    assert.match(answer.reason.message, /^blocks@1.*\(policy: mine\)$/)
    return 'no'
  }
  if (answer.notes.length > 0) return 'warned'
  return answer.binds ? 'bound' : 'yes'
}

test('judgeVerdict() follows the table of what a verdict does to serving', () => {
  const table: Readonly<Record<VerdictStatus, readonly [observe: string, prefer: string, enforce: string]>> = {
    'rebuilt-equal': ['yes', 'bound', 'bound'],
    'rebuilt-differs': ['warned', 'warned', 'no'],
    witnessed: ['yes', 'yes', 'no'],
    repackaged: ['yes', 'yes', 'no'],
    'built-once': ['yes', 'yes', 'no'],
    disagreed: ['warned', 'warned', 'no'],
    unbuildable: ['yes', 'yes', 'no'],
    expired: ['yes', 'yes', 'no'],
    malformed: ['warned', 'warned', 'no'],
    disputed: ['warned', 'no', 'no'],
    revoked: ['warned', 'no', 'no'],
  }
  for (const status of Object.keys(WORDS) as VerdictStatus[]) {
    const found = (['observe', 'prefer', 'enforce'] as const).map((level) => judged(level, status))
    assert.deepEqual(found, table[status], status)
  }
  assert.deepEqual(
    [judged('observe', undefined), judged('prefer', undefined), judged('enforce', undefined)],
    ['yes', 'yes', 'no'],
  )
})

test('judgeVerdict() lets an owner who enforces take witnesses and own builds for enough, and nothing else', () => {
  assert.equal(judged('enforce', 'witnessed', {}, ['witnessed']), 'bound')
  assert.equal(judged('enforce', 'built-once', {}, ['built-once']), 'bound')
  assert.equal(judged('enforce', 'witnessed', {}, ['built-once']), 'no')
  assert.equal(judged('enforce', 'repackaged', {}, ['witnessed', 'built-once']), 'no')
  assert.equal(judged('enforce', 'built-once', { file: 'differs', level: 'mismatch' }, ['built-once']), 'no')
})

test('judgeVerdict() refuses other bytes than the agreed ones under an agreed name', () => {
  assert.equal(judged('prefer', 'rebuilt-equal', { file: 'other' }), 'no')
  assert.equal(judged('observe', 'rebuilt-equal', { file: 'other' }), 'warned')
  assert.equal(judged('prefer', 'witnessed', { file: 'other' }), 'yes', 'only what was built restricts')
})

test('judgeVerdict() enforces the file itself, an equality without metadata rules, and a log that is up to date', () => {
  assert.equal(judged('enforce', 'rebuilt-equal', { file: 'unnamed' }), 'no')
  assert.equal(judged('prefer', 'rebuilt-equal', { level: 'metadata' }), 'bound')
  assert.equal(judged('enforce', 'rebuilt-equal', { level: 'metadata' }), 'no')
  assert.equal(judged('enforce', 'rebuilt-equal', {}, [], 'too old'), 'no')
  assert.equal(judged('prefer', 'rebuilt-equal', {}, [], 'too old'), 'bound')
})

test('judgeVerdict() says what the strictest level would do, whatever the level', () => {
  const answer = judgeVerdict(
    { label: 'a@1', evidence: undefined, stale: undefined },
    { level: 'observe', accept: [], because: '' },
  )
  assert.ok(answer.kind === 'allow')
  assert.match(answer.would ?? '', /a@1 has no verdict in the log, and this node serves only what was rebuilt/)
})

test('judgeVerdict() lets what its owner keeps for offline use outlive the freshness of the log, its age shown', () => {
  const evidence = { status: 'rebuilt-equal', file: 'named', level: 'exact', says: 'entry 1' } as const
  const rule = { level: 'enforce', accept: [], because: '' } as const
  const answer = judgeVerdict({ label: 'a@1', evidence, stale: 'it is old', kept: true }, rule)
  assert.ok(answer.kind === 'allow')
  assert.deepEqual(answer.notes, ['a@1 is kept here and given although it is old'])
  assert.equal(judgeVerdict({ label: 'a@1', evidence: undefined, stale: 'it is old', kept: true }, rule).kind, 'deny')
})
