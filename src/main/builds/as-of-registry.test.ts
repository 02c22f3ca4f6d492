import assert from 'node:assert/strict'
import { createHash, hash } from 'node:crypto'
import { test } from 'node:test'
import { sampleEntries, signerOf } from '../../../test/kit/sample-entries.ts'
import { steppedClock } from '../../../test/kit/stepped-clock.ts'
import { blobIdOf, digestBytes, sriOf } from '../../base/digest.ts'
import { encodeEntry, type VerdictEntry } from '../../base/entries/entry.ts'
import { indexKeys } from '../../base/entries/index-keys.ts'
import { AppError } from '../../base/errors.ts'
import { parsePurl } from '../../base/purl.ts'
import { collect } from '../../base/streams.ts'
import type { RecordedRegistry } from '../../build/rebuild/parts.ts'
import { npm } from '../../ecosystems/npm/npm.ts'
import { createMemoryWriter } from '../../log/memory.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { createMemoryUpstream, type MemoryUpstream } from '../../upstream/memory.ts'
import { runJob } from '../transform-worker.ts'
import { openAsOfRegistry } from './as-of-registry.ts'

const RELEASED = { '1.0.0': '2024-01-01T00:00:00Z', '1.1.0': '2024-06-01T00:00:00Z', '2.0.0': '2025-01-01T00:00:00Z' }
const MAY_2024 = Date.parse('2024-05-01T00:00:00Z') / 1000
const JULY_2024 = Date.parse('2024-07-01T00:00:00Z') / 1000
const life = new AbortController().signal

const tarballOf = (version: string): Buffer => Buffer.from(`tarball of nails ${version}`)

function packument(latest = '2.0.0'): string {
  const versions = Object.fromEntries(
    Object.keys(RELEASED).map((version) => {
      const bytes = tarballOf(version)
      const tarball = `https://registry.example/nails/-/nails-${version}.tgz`
      const dist = { tarball, integrity: sriOf(digestBytes('sha512', bytes)), shasum: hash('sha1', bytes) }
      return [version, { name: 'nails', version, dist }]
    }),
  )
  return JSON.stringify({ name: 'nails', 'dist-tags': { latest }, versions, time: RELEASED })
}

interface Opened {
  readonly registry: RecordedRegistry
  readonly upstream: MemoryUpstream
}

async function open(entries: readonly Uint8Array[] = [], index = 1_000): Promise<Opened> {
  const clock = steppedClock()
  const store = createMemoryStore({ limitBytes: 1_000_000_000 }, { clock })
  const upstreams = [{ name: 'npm', url: 'https://registry.example', share: 'network', source: 'flag' }] as const
  const upstream = createMemoryUpstream({ upstreams, offline: false }, { clock })
  upstream.route('npm', '/nails', { headers: { 'content-type': 'application/json' }, body: packument() })
  for (const version of Object.keys(RELEASED)) {
    upstream.route('npm', `/nails/-/nails-${version}.tgz`, { body: tarballOf(version) })
  }
  const log = createMemoryWriter({ origin: 'log.example/x', keysOf: indexKeys }, signerOf('log'))
  if (entries.length > 0) await log.append(entries)
  const asked = { purl: parsePurl('pkg:npm/house@1.0.0'), index, requestedAtSeconds: JULY_2024 }
  const transform = async ({
    ecosystem,
    load,
    facts,
    variant,
  }: Parameters<Parameters<typeof openAsOfRegistry>[2]['transform']>[0]) =>
    runJob({ ecosystem, facts, variant, body: await load(life) })
  const context = { upstreams: ['npm'], freshSeconds: 60 }
  return { registry: openAsOfRegistry(npm, asked, { store, upstream, clock, log, transform, context }), upstream }
}

async function get(registry: RecordedRegistry, path: string, asOfSeconds: number, headers = {}) {
  const reply = await registry.answer({ method: 'GET', path, headers, body: undefined, asOfSeconds }, life)
  const body = reply.body instanceof Uint8Array ? Buffer.from(reply.body) : await collect(reply.body, 1_000_000)
  return { status: reply.status, body, text: body.toString() }
}

test('E4: the index has no release that came later, and its tags point at what there was', async () => {
  const { registry } = await open()
  const then = JSON.parse((await get(registry, '/nails', MAY_2024)).text)
  assert.deepEqual([Object.keys(then.versions), then['dist-tags'].latest], [['1.0.0'], '1.0.0'])
  const later = JSON.parse((await get(registry, '/nails', JULY_2024)).text)
  assert.deepEqual([Object.keys(later.versions), later['dist-tags'].latest], [['1.0.0', '1.1.0'], '1.1.0'])
  assert.match(later.versions['1.1.0'].dist.tarball, /^http:\/\/127\.0\.0\.1:4873\/nails\/-\/nails-1\.1\.0\.tgz$/)
})

test('E4: a file of a release that came later is refused, unless a lock in the source names its digest', async () => {
  const { registry } = await open()
  assert.equal((await get(registry, '/nails/-/nails-2.0.0.tgz', JULY_2024)).status, 404)
  assert.deepEqual(registry.records(), [])
  const integrity = { 'pacote-integrity': sriOf(digestBytes('sha512', tarballOf('2.0.0'))) }
  assert.equal((await get(registry, '/nails/-/nails-2.0.0.tgz', JULY_2024, integrity)).status, 200)
})

test('a release whose time nobody states is not there', async () => {
  const { registry, upstream } = await open()
  const { time, ...timeless } = JSON.parse(packument())
  upstream.route('npm', '/nails', { body: JSON.stringify({ ...timeless, time: { '1.0.0': time['1.0.0'] } }) })
  assert.deepEqual(Object.keys(JSON.parse((await get(registry, '/nails', JULY_2024)).text).versions), ['1.0.0'])
})

test('each file is recorded once with its digest, and a dependency that is also a tool is a dependency', async () => {
  const { registry } = await open()
  const asked = { requestPath: '/nails/-/nails-1.0.0.tgz', digests: [], asOfSeconds: JULY_2024 }
  const given = await registry.input({ ...asked, tool: true }, life)
  assert.equal(
    given.kind === 'bytes' && (await collect(given.bytes as AsyncIterable<Uint8Array>, 1_000)).toString(),
    'tarball of nails 1.0.0',
  )
  assert.equal(registry.records()[0]?.tool, true)
  assert.equal((await get(registry, '/nails/-/nails-1.0.0.tgz', JULY_2024)).text, 'tarball of nails 1.0.0')
  assert.deepEqual(registry.records(), [
    {
      purl: 'pkg:npm/nails@1.0.0',
      name: 'nails-1.0.0.tgz',
      sha256: hash('sha256', tarballOf('1.0.0')),
      sizeBytes: 22,
      tool: false,
      level: 'none',
    },
  ])
})

test('E1: a dependency whose bytes are not those that the registry states is not given', async () => {
  const { registry, upstream } = await open()
  upstream.route('npm', '/nails/-/nails-1.0.0.tgz', { body: 'tarball of nails evil!' })
  const { status, text } = await get(registry, '/nails/-/nails-1.0.0.tgz', JULY_2024)
  assert.ok(status >= 400 && !text.includes('evil'), `${status} ${text}`)
  assert.deepEqual(registry.records(), [])
})

test('an input with another digest than was asked for is not given', async () => {
  const { registry } = await open()
  const digests = [blobIdOf(Buffer.from('other bytes'))]
  const asked = { requestPath: '/nails/-/nails-1.0.0.tgz', digests, asOfSeconds: JULY_2024, tool: false }
  assert.equal((await registry.input(asked, life)).kind, 'nothing')
})

test('an index can be an input too, as it was then, and is no dependency', async () => {
  const { registry } = await open()
  const asked = { requestPath: '/nails', digests: [], asOfSeconds: MAY_2024, tool: true }
  const given = await registry.input(asked, life)
  assert.ok(given.kind === 'bytes' && given.bytes instanceof Uint8Array)
  assert.deepEqual(Object.keys(JSON.parse(Buffer.from(given.bytes).toString()).versions), ['1.0.0'])
  assert.deepEqual(registry.records(), [])
})

test('searches, audits, logins and paths that lead elsewhere are refused', async () => {
  const { registry } = await open()
  const post = (path: string) =>
    registry.answer({ method: 'POST', path, headers: {}, body: Buffer.from('{}'), asOfSeconds: JULY_2024 }, life)
  assert.notEqual((await post('/-/npm/v1/security/advisories/bulk')).status, 200)
  assert.notEqual((await post('/-/user/org.couchdb.user:me')).status, 200)
  for (const path of ['/../nails', '/-/v1/search?text=x', '/nails%00', '/no-such-package']) {
    assert.ok((await get(registry, path, JULY_2024)).status >= 400, path)
  }
})

test('documents are asked of upstream once for a job', async () => {
  const { registry, upstream } = await open()
  await Promise.all([1, 2, 3].map(() => get(registry, '/nails', JULY_2024)))
  await get(registry, '/nails/-/nails-1.0.0.tgz', JULY_2024)
  assert.equal(upstream.requests.filter(({ path }) => path === '/nails').length, 1)
})

function verdictOn(version: string, sha256: string, over: Partial<VerdictEntry> = {}): Uint8Array {
  const verdict = sampleEntries().find((entry) => entry.kind === 'verdict')
  if (verdict?.kind !== 'verdict' || verdict.agreed?.outcome !== 'built') throw new Error('wanted a sample verdict')
  const bytes = { sha256, sha512: createHash('sha512').update(sha256).digest('hex'), sha1: hash('sha1', sha256) }
  const file = { name: `nails-${version}.tgz`, ...bytes, sizeBytes: 1, canonical: sha256 }
  const agreed = { ...verdict.agreed, files: [{ ...file, upstream: { sha256, level: 'exact', rules: [] } }] } as const
  return encodeEntry({ ...verdict, purl: `pkg:npm/nails@${version}`, agreed, ...over })
}

test('each dependency has the level that the log gave it before the request, not what came later', async () => {
  const rebuilt = verdictOn('1.0.0', hash('sha256', tarballOf('1.0.0')), { outcome: 'rebuilt', relation: 'equal' })
  const levelAt = async (index: number): Promise<string | undefined> => {
    const { registry } = await open([rebuilt], index)
    await get(registry, '/nails/-/nails-1.0.0.tgz', JULY_2024)
    return registry.records()[0]?.level
  }
  assert.deepEqual([await levelAt(1), await levelAt(0)], ['rebuilt', 'none'])
})

test('E2: bytes other than those of the verdict on a dependency are an objection, also if upstream itself has changed', async () => {
  const { registry } = await open([verdictOn('1.0.0', hash('sha256', 'what it was'))])
  await get(registry, '/nails/-/nails-1.0.0.tgz', JULY_2024)
  assert.equal(registry.records()[0]?.level, 'contradicted')
  assert.match(registry.objection() ?? '', /the log knows other bytes of nails-1\.0\.0\.tgz/)
})

test('a dependency that was withdrawn is an objection', async () => {
  const revocation = sampleEntries().find((entry) => entry.kind === 'revocation' && entry.step === 'effective')
  assert.ok(revocation?.kind === 'revocation' && revocation.step === 'effective')
  const { registry } = await open([encodeEntry({ ...revocation, purl: 'pkg:npm/nails@1.0.0' })])
  await get(registry, '/nails/-/nails-1.0.0.tgz', JULY_2024)
  assert.match(registry.objection() ?? '', /withdrawn/)
})

test('a registry that cannot be reached is an error of this machine, not an answer', async () => {
  const { registry, upstream } = await open()
  upstream.fault('npm', 'refused')
  const input = registry.input({ requestPath: '/nails', digests: [], asOfSeconds: JULY_2024, tool: false }, life)
  await assert.rejects(input, (error) => error instanceof AppError && error.kind === 'unavailable')
})
