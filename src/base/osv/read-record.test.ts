import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readOsvRecord } from './read-record.ts'

const RECORD = {
  schema_version: '1.6.0',
  id: 'GHSA-xxxx-yyyy-zzzz',
  modified: '2026-01-02T00:00:00Z',
  aliases: ['CVE-2026-1'],
  summary: 'Everything burns',
  details: 'long',
  severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N' }],
  affected: [
    {
      package: { ecosystem: 'Toys:2', name: 'blocks', purl: 'pkg:toy/blocks' },
      ranges: [
        { type: 'GIT', repo: 'https://example.com', events: [{ introduced: 'abc' }] },
        {
          type: 'ECOSYSTEM',
          events: [{ introduced: '0' }, { fixed: '2' }, { introduced: '3' }, { last_affected: '4' }],
        },
      ],
      versions: ['7'],
    },
    { ranges: [] },
  ],
  database_specific: { severity: 'MEDIUM' },
}

test('readOsvRecord() takes packages, ranges and versions, and leaves commits alone', () => {
  const found = readOsvRecord(RECORD)
  assert.deepEqual(found?.affected, [
    {
      ecosystem: 'Toys',
      name: 'blocks',
      advisory: {
        id: 'GHSA-xxxx-yyyy-zzzz',
        summary: 'Everything burns',
        severity: 'moderate',
        aliases: ['CVE-2026-1'],
        modified: '2026-01-02T00:00:00Z',
        versions: ['7'],
        ranges: [
          [
            { kind: 'introduced', version: '0' },
            { kind: 'fixed', version: '2' },
            { kind: 'introduced', version: '3' },
            { kind: 'lastAffected', version: '4' },
          ],
        ],
      },
    },
  ])
  assert.equal('details' in (found?.shown ?? {}), false)
})

test('readOsvRecord() passes over what was withdrawn and what is no record', () => {
  assert.equal(readOsvRecord({ ...RECORD, withdrawn: '2026-01-03T00:00:00Z' }), undefined)
  for (const other of [undefined, null, 7, [], {}, { id: 7 }, { id: 'x', affected: 'all' }]) {
    assert.equal(readOsvRecord(other), undefined)
  }
})

test('readOsvRecord() takes a malicious package for critical, and an unstated severity for unknown', () => {
  const { database_specific: _, ...unstated } = RECORD
  assert.equal(readOsvRecord({ ...unstated, id: 'MAL-2026-1' })?.affected[0]?.advisory.severity, 'critical')
  assert.equal(readOsvRecord(unstated)?.affected[0]?.advisory.severity, 'unknown')
})
