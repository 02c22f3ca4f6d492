import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReleases } from '../../../base/releases.ts'
import { npm } from '../npm.ts'

const TIME = '2026-01-01T00:00:00.000Z'
const INTEGRITY = `sha512-${Buffer.alloc(64).toString('base64')}`
const PACKUMENT = Buffer.from(
  JSON.stringify({
    name: 'thing',
    'dist-tags': { latest: '2.0.0', next: '3.0.0-rc.1', old: '1.0.0' },
    versions: {
      '1.0.0': { name: 'thing', version: '1.0.0', dist: { shasum: 'a'.repeat(40), integrity: INTEGRITY } },
      '1.5.0': { name: 'thing', version: '1.5.0', dist: { shasum: 'a'.repeat(40) } },
      '2.0.0': { name: 'thing', version: '2.0.0' },
      '3.0.0-rc.1': { name: 'thing', version: '3.0.0-rc.1' },
    },
    time: { created: TIME, '1.0.0': TIME, '1.5.0': TIME, '2.0.0': 'never', '3.0.0-rc.1': TIME },
  }),
)
const FACTS = { mediaType: 'application/json', headers: {} }
const HIDDEN = [
  { version: '2.0.0', reason: 'too young' },
  { version: '3.0.0-rc.1', reason: 'blocked' },
]

function made(variant: string): { [key: string]: Record<string, unknown> } {
  const { bytes } = npm.transform(PACKUMENT, { ...FACTS, hidden: HIDDEN }, variant)
  return JSON.parse(Buffer.from(bytes).toString())
}

test('the releases of a packument have the times that it states', () => {
  const { bytes } = npm.transform(PACKUMENT, FACTS, npm.releases?.view ?? '')
  const releases = new Map(parseReleases(bytes).map(({ version, releasedAtMs }) => [version, releasedAtMs]))
  assert.deepEqual([...releases.keys()], ['1.0.0', '1.5.0', '2.0.0', '3.0.0-rc.1'])
  assert.equal(releases.get('1.0.0'), Date.parse(TIME))
  assert.equal(releases.get('2.0.0'), undefined)
})

test('the releases of a packument have the best digest that it states', () => {
  const { bytes } = npm.transform(PACKUMENT, FACTS, npm.releases?.view ?? '')
  assert.deepEqual(
    parseReleases(bytes).map(({ files }) => files),
    [[`sha512:${'0'.repeat(128)}`], [`sha1:${'a'.repeat(40)}`], undefined, undefined],
  )
})

test('hidden releases leave every form of a packument, and latest moves to the best that is left', () => {
  for (const variant of ['', 'full|1||http://node.example.com|', 'short|1|||']) {
    const document = made(variant)
    assert.deepEqual(Object.keys(document.versions ?? {}), ['1.0.0', '1.5.0'], variant)
    assert.deepEqual(document['dist-tags'], { latest: '1.5.0', old: '1.0.0' })
    assert.deepEqual(Object.keys(document.time ?? {}).sort(), ['1.0.0', '1.5.0', 'created'])
  }
  assert.deepEqual(made('tags|1|||'), { latest: '1.5.0', old: '1.0.0' })
  assert.equal(made('version|1|||latest').version, '1.5.0')
})

test('without hidden releases the packument of upstream is passed on as it is', () => {
  assert.equal(npm.transform(PACKUMENT, { ...FACTS, hidden: [] }, '').bytes, PACKUMENT)
})

test('the subject of a want is its package, attestations included, and a search has none', () => {
  const subjects = (path: string) => {
    for (const { methods, pattern, want } of npm.routes) {
      const found = methods.includes('GET') ? pattern.exec(path) : null
      const request = { method: 'GET', path, query: {}, headers: {}, base: '' }
      if (found !== null) return npm.subject?.(want({ ...found.groups }, request))
    }
    return assert.fail(path)
  }
  for (const path of [
    '/@acme%2fx',
    '/@acme/x/-/x-1.0.0.tgz',
    '/@acme%2fx/1.0.0',
    '/-/npm/v1/attestations/@acme%2fx@1.0.0',
  ]) {
    assert.equal(subjects(path), 'pkg:npm/%40acme/x', path)
  }
  assert.equal(subjects('/-/v1/search'), undefined)
})

test('the index of a purl is the packument that installs ask for', () => {
  const context = { upstreams: ['npm'], freshSeconds: 60 }
  const request = npm.releases?.index('pkg:npm/%40acme/x@1.0.0' as never, 'npm', context)
  assert.equal(request?.path, '/@acme%2fx')
})
