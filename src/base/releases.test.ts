import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blobIdOf, digestOf } from './digest.ts'
import { formatReleases, parseReleases, releaseTime } from './releases.ts'

test('a list of releases is read as it was written, without what no client could ask for', () => {
  const releases = [
    { version: '1.0.0', releasedAtMs: 1_700_000_000_000 },
    { version: '2.0.0', releasedAtMs: undefined },
    {
      version: '3.0.0',
      releasedAtMs: undefined,
      files: [digestOf('sha1', 'a'.repeat(40)), blobIdOf(Buffer.from('x'))],
    },
  ]
  const bytes = formatReleases([...releases, { version: 'a\tb', releasedAtMs: 1 }, { version: '', releasedAtMs: 1 }])
  assert.deepEqual(parseReleases(bytes), releases)
})

test('of a release whose digests cannot be read nothing is known but its version', () => {
  const [release] = parseReleases(Buffer.from('1.0.0\t\tsha256:short\n'))
  assert.deepEqual(release, { version: '1.0.0', releasedAtMs: undefined })
})

test('releaseTime() takes dates and nothing else', () => {
  assert.equal(releaseTime('1970-01-01T00:00:01.000Z'), 1000)
  for (const text of ['', 'yesterday', 7, undefined, null]) assert.equal(releaseTime(text), undefined)
})
