import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { steppedClock } from '../../../test/kit/stepped-clock.ts'
import { makeZip } from '../../../test/kit/zip.ts'
import { openAdvisories } from '../../advisories/sqlite.ts'
import { type Logger, silentLogger } from '../../base/clock.ts'
import { parsePurl } from '../../base/purl.ts'
import { precedenceOf } from '../../ecosystems/ecosystem.ts'
import { ecosystems } from '../../ecosystems/index.ts'
import { POLICY_ROUTES } from '../../http/api/policy-routes.ts'
import { match } from '../../serve/routing.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { advisoriesPath, importOsv, osvState } from './import-osv.ts'
import { createNodePolicy, readPolicyFile } from './node-policy.ts'

const BAD = {
  id: 'GHSA-1',
  modified: '2026-01-01T00:00:00Z',
  summary: 'bad',
  affected: [
    {
      package: { ecosystem: 'npm', name: '@acme/left' },
      ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '1.2.0' }] }],
    },
  ],
}
const ELSEWHERE = { ...BAD, id: 'X-1', affected: [{ package: { ecosystem: 'Elsewhere', name: 'x' } }] }

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'policy-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

async function world(t: TestContext, text: string | undefined, logger: Logger = silentLogger) {
  const directory = scratch(t)
  if (text !== undefined) writeFileSync(join(directory, 'policy.toml'), text)
  const clock = steppedClock()
  const { notebook } = createMemoryStore({ limitBytes: 1_000 }, { clock })
  const advisories = openAdvisories(':memory:')
  const file = await readPolicyFile(undefined, directory)
  const read = () => readPolicyFile(undefined, directory)
  const make = () => createNodePolicy(file, read, { notebook, advisories, clock, logger })
  const made = make()
  t.after(() => made.close())
  const door = made.door({ decide: async () => ({ kind: 'allow', notes: ['look out'] }), conflicts: () => [] })
  return { made, door, clock, advisories, directory, make }
}

test('readPolicyFile() takes policy.toml of the data directory, and a named file must be there', async (t) => {
  const directory = scratch(t)
  assert.equal((await readPolicyFile(undefined, directory)).present, false)
  writeFileSync(join(directory, 'policy.toml'), 'default = "deny"')
  const { present, rules } = await readPolicyFile(undefined, directory)
  assert.deepEqual([present, rules.fallback], [true, 'deny'])
  await assert.rejects(readPolicyFile(join(directory, 'other.toml'), directory), { code: 'usage.config' })
})

test('an exception is recorded, shown after it ended, kept across a restart, and never endless', async (t) => {
  const warned: unknown[] = []
  const logger = { ...silentLogger, warn: (facts: unknown) => void warned.push(facts) }
  const { made, door, clock, make } = await world(t, '[[rule]]\nmin-age = "7d"', logger)
  const purl = parsePurl('pkg:npm/left@1.0.0')
  const untilMs = clock.nowMs() + 60_000
  const before = made.policy.revision
  const exception = door.allow({ purl, untilMs, reason: 'outage' })
  assert.notEqual(made.policy.revision, before)
  assert.equal(warned.length, 1)
  assert.deepEqual(make().policy.exceptionFor(purl, clock.nowMs()), exception)
  clock.advance(60_000)
  assert.equal(made.policy.exceptionFor(purl, clock.nowMs()), undefined)
  assert.deepEqual(door.view().exceptions, [exception])
  for (const end of [clock.nowMs(), clock.nowMs() + 400 * 86_400_000]) {
    assert.throws(() => door.allow({ purl, untilMs: end, reason: 'x' }), { code: 'usage.request' })
  }
  assert.throws(() => door.allow({ purl: 'pkg:cobol/x@1', untilMs, reason: 'x' }), { code: 'usage.request' })
})

test('reload() takes the rules that stand in the file now, and keeps those from before if it is broken', async (t) => {
  const failed: unknown[] = []
  const logger = { ...silentLogger, error: (facts: unknown) => void failed.push(facts) }
  const { made, door, clock, directory } = await world(t, '[[rule]]\nnames = ["evil"]\naccess = "block"', logger)
  const purl = parsePurl('pkg:npm/evil')
  const isBlocked = () =>
    made.policy.admit({ ecosystem: 'npm', purl, name: 'evil', nowMs: clock.nowMs() }).kind === 'deny'
  const [startedAtMs, revision] = [clock.nowMs(), made.policy.revision]
  clock.advance(1_000)
  const file = join(directory, 'policy.toml')
  writeFileSync(file, '[[rule]]\nnames = ["evil"]\naccess = "nonsense"')
  await assert.rejects(door.reload(), { code: 'usage.config' })
  assert.equal(isBlocked(), true)
  assert.equal(made.policy.revision, revision)
  assert.equal(failed.length, 1)
  const { broken, readAtMs } = door.view()
  assert.match(broken?.reason ?? '', /policy\.toml/)
  assert.deepEqual([broken?.atMs, readAtMs], [clock.nowMs(), startedAtMs])
  writeFileSync(file, '[[rule]]\nnames = ["other"]\naccess = "block"')
  const view = await door.reload()
  assert.equal(isBlocked(), false)
  assert.notEqual(made.policy.revision, revision)
  assert.deepEqual([view.broken, view.readAtMs, view.rules.length], [undefined, clock.nowMs(), 1])
  rmSync(file)
  assert.equal((await door.reload()).present, false)
})

test('the view shows the rules as they were written, and what they ask for in vain', async (t) => {
  const { door } = await world(
    t,
    '[[rule]]\ntitle = "wait"\nmin-age = "7d"\n[[rule]]\nvulnerable = "block"\nverified = "enforce"',
  )
  const view = door.view()
  assert.deepEqual(view.rules[0], { title: 'wait', text: 'min-age = "7d"' })
  assert.match(view.remarks.join('\n'), /min-age is applied to docker.* only where a file states its time/)
  assert.match(view.remarks.join('\n'), /no advisories were imported/)
})

test('a decision is asked of the read flow', async (t) => {
  const { door } = await world(t, undefined)
  const found = await door.check('pkg:npm/left@1.0.0', AbortSignal.abort())
  assert.deepEqual(found, { purl: 'pkg:npm/left@1.0.0', allowed: true, notes: ['look out'] })
})

test('importOsv() reads zips, records and folders, and passes over what concerns no ecosystem of the node', async (t) => {
  const directory = scratch(t)
  const mirror = join(directory, 'mirror')
  mkdirSync(join(mirror, 'npm'), { recursive: true })
  writeFileSync(join(mirror, 'npm', 'all.zip'), makeZip({ 'GHSA-1.json': JSON.stringify(BAD), 'README.txt': 'x' }))
  writeFileSync(join(mirror, 'X-1.json'), JSON.stringify(ELSEWHERE))
  writeFileSync(join(mirror, 'broken.json'), '{')
  const done = await importOsv({ paths: [mirror], add: false, data: undefined }, directory, 7)
  assert.deepEqual([done.taken, done.passedOver, done.state.packages], [1, 2, 1])
  const empty = join(directory, 'empty')
  mkdirSync(empty)
  for (const path of [empty, join(directory, 'nowhere')]) {
    await assert.rejects(importOsv({ paths: [path], add: false, data: undefined }, directory, 8), {
      code: 'usage.request',
    })
  }
  assert.equal((await osvState(directory)).importedAtMs, 7, 'a failed import changes nothing')
  const advisories = openAdvisories(advisoriesPath(directory))
  assert.equal(advisories.of(parsePurl('pkg:npm/%40acme/left@1.0.0')).length, 1)
  advisories.close()
})

test('the OSV endpoint answers by name, by purl and in batches', async (t) => {
  const { door, directory, advisories } = await world(t, undefined)
  const file = join(directory, 'GHSA-1.json')
  writeFileSync(file, JSON.stringify(BAD))
  await importOsv({ paths: [file], add: false, data: undefined }, directory, 7)
  const held = openAdvisories(advisoriesPath(directory))
  const purl = parsePurl('pkg:npm/%40acme/left')
  const affected = held.of(purl).map((advisory) => ({ purl, advisory }))
  advisories.importAll([{ id: 'GHSA-1', shown: held.record('GHSA-1') ?? {}, affected }], {
    source: '',
    nowMs: 0,
    keep: false,
  })
  held.close()
  const call = (path: string, body: object) => {
    const route = POLICY_ROUTES.find((each) => each.path === path && each.method === 'POST')
    const parts = { policy: door } as never
    return route?.handle({ parts, query: {}, body: { ...body }, signal: AbortSignal.abort() } as never)
  }
  const named = { package: { name: '@acme/left', ecosystem: 'npm' } }
  const found = call('/v1/query', { ...named, version: '1.1.0' }) as { vulns: Array<{ id: string; summary: string }> }
  assert.deepEqual([found.vulns[0]?.id, found.vulns[0]?.summary], ['GHSA-1', 'bad'])
  assert.deepEqual(call('/v1/query', { ...named, version: '1.2.0' }), {})
  assert.deepEqual(call('/v1/query', { package: { name: 'x', ecosystem: 'Elsewhere' } }), {})
  assert.throws(() => call('/v1/query', { package: { purl: 'nonsense' } }), { code: 'usage.request' })
  const queries = [{ package: { purl: 'pkg:npm/%40acme/left@1.0.0' } }, {}]
  assert.deepEqual(call('/v1/querybatch', { queries }), {
    results: [{ vulns: [{ id: 'GHSA-1', modified: '2026-01-01T00:00:00Z' }] }, {}],
  })
})

test('an advisory for 2.0.0 finds the release 2.0, and a rule for 1.0 the release 1.0.0, in each order of versions', () => {
  for (const [id, a, b] of [
    ['pypi', '2.0', '2.0.0'],
    ['maven', '2.0', '2.0.0'],
    ['gem', '2.0', '2.0.0'],
    ['npm', '2.0.0', '2.0.0+build.1'],
  ] as const) {
    const ecosystem = ecosystems.find((each) => each.id === id)
    assert.ok(ecosystem)
    assert.equal(precedenceOf(ecosystem)(a, b), 0, id)
    assert.notEqual(ecosystem.compareVersions(a, b), 0, id)
  }
})

test('a rule means a package however its owner spells the name', async (t) => {
  const { made, clock } = await world(
    t,
    '[[rule]]\nnames = ["Acme_Tools", "ruamel.yaml", "acme.*", "alpine", "docker.io/acme/tool"]\naccess = "block"',
  )
  const isBlocked = (ecosystem: string, name: string) => {
    const purl = ecosystems.find(({ id }) => id === ecosystem)?.coordinates.toPurl(name)
    assert.ok(purl)
    return made.policy.admit({ ecosystem, purl, name, nowMs: clock.nowMs() }).kind === 'deny'
  }
  for (const name of ['acme-tools', 'ruamel-yaml', 'acme-secret']) assert.equal(isBlocked('pypi', name), true, name)
  for (const name of ['library/alpine', 'acme/tool']) assert.equal(isBlocked('docker', name), true, name)
  assert.equal(isBlocked('npm', 'acme-tools'), false)
  assert.equal(isBlocked('npm', 'alpine'), true)
})

test('a path that can be read in two ways names each package that it may be about', () => {
  const readings = (id: string, path: string) => {
    const ecosystem = ecosystems.find((each) => each.id === id)
    assert.ok(ecosystem)
    const want = match({ ecosystem, method: 'GET', path, query: {}, headers: {}, base: '' })
    return [ecosystem.subject?.(want), ...(ecosystem.readings?.(want) ?? [])]
  }
  const folder = `/packages/00/11/${'2'.repeat(60)}`
  assert.deepEqual(readings('pypi', `${folder}/acme-3d-1.0.tar.gz`), ['pkg:pypi/acme@3d-1.0', 'pkg:pypi/acme-3d'])
  assert.deepEqual(readings('gem', '/gems/acme-2-1.0.gem'), ['pkg:gem/acme-2@1.0', 'pkg:gem/acme'])
  assert.deepEqual(readings('maven', '/com/acme/maven-metadata.xml'), [
    'pkg:maven/com/acme',
    'pkg:maven/com.acme/maven-metadata.xml',
  ])
})

test('a tarball that a lockfile names by a path of its own is of each package that the path names', () => {
  const npm = ecosystems.find(({ id }) => id === 'npm')
  assert.ok(npm)
  const readings = (path: string) => {
    const headers = { 'pacote-integrity': `sha512-${Buffer.alloc(64).toString('base64')}` }
    const want = match({ ecosystem: npm, method: 'GET', path, query: {}, headers, base: '' })
    assert.equal(npm.subject?.(want), undefined)
    return npm.readings?.(want)
  }
  for (const [path, purl] of [
    ['/download/@acme/secret/1.0.0/abc', 'pkg:npm/%40acme/secret'],
    ['/download/%40acme%2fsecret/1.0.0/abc', 'pkg:npm/%40acme/secret'],
    ['/files/a/evil-2.0.0.tgz', 'pkg:npm/evil'],
  ] as const) {
    const found: readonly string[] = readings(path) ?? []
    assert.ok(found.includes(purl), path)
  }
})
