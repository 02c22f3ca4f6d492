import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestBytes } from '../base/digest.ts'
import { integrityPolicy } from './integrity.ts'

const bytes = new TextEncoder().encode('a file')
const question = { ecosystem: 'toy', purl: undefined, label: 'a-1.0.0.bin' }

test('integrityPolicy denies a file for which nobody states a digest', () => {
  const answer = integrityPolicy.decide({ ...question, evidence: [] })
  assert.equal(answer.kind, 'deny')
  assert.match(answer.kind === 'deny' ? answer.reason.message : '', /a-1\.0\.0\.bin: nobody states a digest/)
})

test('integrityPolicy allows a file with a strong digest without a note', () => {
  const digest = digestBytes('sha512', bytes)
  const weak = digestBytes('sha1', bytes)
  const answer = integrityPolicy.decide({
    ...question,
    evidence: [
      { kind: 'index', digest: weak, statedBy: 'the index' },
      { kind: 'index', digest, statedBy: 'the index' },
    ],
  })
  assert.deepEqual(answer, { kind: 'allow', notes: [] })
})

test('integrityPolicy notes who states what when all digests are weak', () => {
  const digest = digestBytes('sha1', bytes)
  const answer = integrityPolicy.decide({ ...question, evidence: [{ kind: 'index', digest, statedBy: 'the index' }] })
  assert.equal(answer.kind, 'allow')
  assert.match(answer.kind === 'allow' ? (answer.notes[0] ?? '') : '', /only weak digests.*sha1:.*the index/)
})
