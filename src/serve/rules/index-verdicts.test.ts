/** The read flow with a log: what is left of an index of which the log says something. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDispute, testHead, testRevocation, testVerdict } from '../../../test/kit/log-entries.ts'
import { bodyOf, HUB, readFlow } from '../../../test/kit/read-flow.ts'
import { steppedClock } from '../../../test/kit/stepped-clock.ts'
import { type TestLogOptions, testLog } from '../../../test/kit/test-log.ts'
import { silentLogger } from '../../base/clock.ts'
import { type Digest, digestBytes } from '../../base/digest.ts'
import type { Entry } from '../../base/entries/entry.ts'
import { AppError } from '../../base/errors.ts'
import type { Purl } from '../../base/purl.ts'
import { formatReleases, type Release } from '../../base/releases.ts'
import type { LogQuery, LogReader } from '../../log/log.ts'
import { readRules } from '../../policy/read-rules.ts'
import { createRulePolicy } from '../../policy/rule-policy.ts'
import { judgeIndex } from './index-verdicts.ts'
import { createPackageVerdicts } from './package-verdicts.ts'

const PACKAGE = 'pkg:bare/a'
const START_SECONDS = 1_700_000_000
const COSIGNED = { cosignedSeconds: [START_SECONDS, START_SECONDS, START_SECONDS] }
const NEVER = new AbortController().signal

function bytesOf(version: string): Buffer {
  return Buffer.from(`the bytes of a ${version}`)
}

function digestOf(version: string): Digest {
  return digestBytes('sha256', bytesOf(version))
}

function verdictOn(version: string, more: Partial<Parameters<typeof testVerdict>[0]> = {}) {
  return testVerdict({
    purl: `${PACKAGE}@${version}`,
    files: [{ name: `a-${version}`, bytes: bytesOf(version) }],
    ...more,
  })
}

const LISTED: readonly Release[] = ['1', '2', '3'].map((version) => ({
  version,
  releasedAtMs: 0,
  files: [digestOf(version)],
}))

/** A node with these rules and entries in its log, whose index of the package lists these releases. */
async function world(
  rules: string,
  entries: readonly Entry[],
  options: { readonly log?: Partial<TestLogOptions>; readonly listed?: readonly Release[] } = {},
) {
  const log = testLog({ ...COSIGNED, ...options.log })
  if (entries.length > 0) await log.append(...entries)
  const read = readRules(rules, 'policy.toml', ['bare'])
  const policy = createRulePolicy({
    revision: () => '1',
    rules: () => read,
    exceptions: () => [],
    advisories: () => [],
  })
  const flow = readFlow({ policy, log })
  const index = formatReleases(options.listed ?? LISTED)
  flow.upstream.route(HUB, '/doc/a', { body: index })
  flow.documentDefaults.freshSeconds = 10_000_000
  /** The versions that are left out; `all` if nothing is left, with the reason. */
  const left = async (): Promise<string> => {
    const text = String(await bodyOf(await flow.get('/doc/a')))
    return /^without ([^:]*):/.exec(text)?.[1] ?? (text.startsWith('denied') ? text : '')
  }
  return { log, flow, left }
}

const ENFORCE = '[[rule]]\nverified = "enforce"'

test('H2: where verdicts are enforced, releases without one that suffices leave the index, so that ranges resolve to verified ones', async () => {
  const { left, flow } = await world(ENFORCE, [
    verdictOn('1'),
    verdictOn('2', { outcome: 'repackaged' }),
    verdictOn('3', { outcome: 'disagreed', files: [] }),
  ])
  assert.equal(await left(), '3,2')
  const reply = await flow.get('/doc/a')
  assert.match(
    reply.headers['x-notice'] ?? '',
    /held back by the policy of this node: a is what builders disagreed on, and this node serves only what was rebuilt.*entry 2 of the log.*also 2/,
  )
})

test('an index of which no release has a verdict is refused where they are enforced, with the reason of the newest', async () => {
  const { left } = await world(ENFORCE, [testHead()])
  assert.match(
    await left(),
    /^denied: every release of a is held back by the policy of this node: a has no verdict in the log/,
  )
})

test('where verdicts are preferred, only what was disputed or revoked leaves the index', async () => {
  const { left } = await world('', [
    verdictOn('1', { outcome: 'disagreed', files: [] }),
    verdictOn('2'),
    testDispute(`${PACKAGE}@2`, 'upheld'),
    testRevocation(`${PACKAGE}@3`, [], 'steals keys'),
  ])
  assert.equal(await left(), '3,2')
})

test('a node that only observes leaves nothing out', async () => {
  const { left } = await world('[[rule]]\nverified = "observe"', [testRevocation(`${PACKAGE}@3`)])
  assert.equal(await left(), '')
})

test('an index is renewed by a new verdict, and made once for as long as the log says nothing new of the package', async () => {
  const { left, log, flow } = await world(ENFORCE, [verdictOn('1')])
  assert.equal(await left(), '3,2')
  await log.append(verdictOn('2'))
  assert.equal(await left(), '3')
  const made = flow.transforms.length
  await log.append(testVerdict({ purl: 'pkg:bare/other@1', files: [] }))
  assert.equal(await left(), '3')
  assert.equal(flow.transforms.length, made, 'nothing is made for what is said of others')
  await log.append(testRevocation(`${PACKAGE}@1`))
  assert.equal(await left(), '3,1')
})

test('a release leaves the index when its verdict expires', async () => {
  const { left, flow } = await world(`${ENFORCE}\naccept = ["witnessed"]`, [
    verdictOn('1'),
    verdictOn('2', { outcome: 'witnessed', expiresSeconds: START_SECONDS + 100 }),
  ])
  assert.equal(await left(), '3')
  flow.clock.advance(100_000)
  assert.equal(await left(), '3,2')
})

test('H5: with a log that is too old only what its owner keeps stays in the index, and the reason is said', async () => {
  const entries = [verdictOn('1'), verdictOn('2')]
  const { left, flow } = await world(ENFORCE, entries, { log: { freshnessSeconds: 3_600 } })
  assert.equal(await left(), '3')
  flow.clock.advance(3_700_000)
  assert.match(await left(), /^denied: every release of a .*older than the 3600 s that its network allows/)
  const writer = await flow.store.begin({ digests: [], aliases: [], sizeBytes: undefined, bytesMax: 1_000 })
  await writer.write(bytesOf('1'))
  const blob = await writer.commit({ mediaType: undefined, share: 'none', origin: { kind: 'local' } })
  flow.store.pin(blob.id, 'sync')
  flow.clock.advance(10_000)
  assert.equal(await left(), '3,2')
})

test('files of a release are judged one by one, and those without a verdict are named', async () => {
  const listed = [{ version: '1', releasedAtMs: 0, files: [digestOf('1'), digestOf('of another platform')] }]
  const log = testLog(COSIGNED)
  await log.append(verdictOn('1'))
  const packages = createPackageVerdicts(log, { clock: steppedClock(), logger: silentLogger })
  const findings = await packages.of(PACKAGE as Purl, true, NEVER)
  const { hidden, would } = await judgeIndex(
    { package: PACKAGE as Purl, level: 'enforce', releases: listed, findings, compare: (a, b) => (a < b ? -1 : 1) },
    {
      labelOf: (purl) => purl,
      isKept: () => false,
      judge: (_purl, { evidence }) =>
        evidence?.file === 'named'
          ? { kind: 'allow', notes: [], binds: true, would: undefined }
          : { kind: 'deny', reason: { code: 'denied', message: `it is ${evidence?.file}` } },
      clock: steppedClock(),
    },
    NEVER,
  )
  assert.deepEqual(hidden, [{ version: '1', reason: 'it is unnamed', files: [digestOf('of another platform')] }])
  assert.equal(would, 0)
})

test('a file of which the index states a digest that the log does not is listed, and held to the agreed one when it is given', async () => {
  const packed = { name: 'a-1', bytes: Buffer.from('as built'), upstream: bytesOf('1'), level: 'container' } as const
  const listed = [
    { version: '1', releasedAtMs: 0, files: [digestBytes('sha512', bytesOf('1'))] },
    { version: '2', releasedAtMs: 0, files: [digestOf('2')] },
  ]
  const { left } = await world(ENFORCE, [verdictOn('1', { files: [packed] })], { listed })
  assert.equal(await left(), '2')
})

/** A reader that counts what it is asked. */
function counted(reader: LogReader, over: Partial<LogReader> = {}) {
  const queries: LogQuery[] = []
  const asking: LogReader = Object.assign(Object.create(reader), {
    find(query: LogQuery, signal?: AbortSignal) {
      queries.push(query)
      return reader.find(query, signal)
    },
    ...over,
  })
  return { asking, queries }
}

test('the log is asked once for a package of thousands of releases, and then for what is new', async () => {
  const log = testLog(COSIGNED)
  const versions = Array.from({ length: 2_000 }, (_, at) => `1.0.${at}`)
  await log.append(...versions.map((version) => verdictOn(version)))
  const { asking, queries } = counted(log.reader)
  const packages = createPackageVerdicts({ ...log, reader: asking }, { clock: steppedClock(), logger: silentLogger })
  const first = await packages.of(PACKAGE as Purl, true, NEVER)
  assert.equal(first.versions.size, 2_000)
  assert.equal(queries.length, 8, 'pages of 256')
  assert.equal(await packages.of(PACKAGE as Purl, true, NEVER), first)
  assert.equal(queries.length, 8)
  await log.append(testRevocation(`${PACKAGE}@1.0.7`))
  const second = await packages.of(PACKAGE as Purl, true, NEVER)
  assert.deepEqual(queries.at(-1), { package: PACKAGE, from: 2_000, before: 2_001, limit: 256 })
  assert.equal(second.of('1.0.7', [])?.evidence.status, 'revoked')
  assert.equal(second.of('1.0.8', [])?.evidence.status, 'rebuilt-equal')
  assert.equal(first.of('1.0.7', [])?.evidence.status, 'rebuilt-equal', 'what was given does not change')
  assert.notEqual(first.revision, second.revision)
})

test('a light log is asked for its revocations alone, and for a page of decisions where they are demanded', async () => {
  const log = testLog(COSIGNED)
  await log.append(verdictOn('1'), testRevocation(`${PACKAGE}@2`), testRevocation('pkg:bare/b@2'))
  const { asking, queries } = counted(log.reader, { mode: 'light' })
  const packages = createPackageVerdicts({ ...log, reader: asking }, { clock: steppedClock(), logger: silentLogger })
  const found = await packages.of(PACKAGE as Purl, false, NEVER)
  assert.deepEqual([found.of('1', []), found.of('2', [])?.evidence.status], [undefined, 'revoked'])
  assert.equal(queries.filter((query) => query.package !== undefined).length, 0)
  const demanded = await packages.of(PACKAGE as Purl, true, NEVER)
  assert.equal(demanded.of('1', [])?.evidence.status, 'rebuilt-equal')
  assert.deepEqual(queries.at(-1), { package: PACKAGE, from: 0, before: 3, limit: 64 })
})

test('a log that cannot be asked proves nothing, and that is the reason that is given', async () => {
  const log = testLog(COSIGNED)
  await log.append(verdictOn('1'))
  const { asking } = counted(log.reader, {
    find: async () => {
      throw new AppError('unavailable.peer', 'nobody can be asked')
    },
  })
  const packages = createPackageVerdicts({ ...log, reader: asking }, { clock: steppedClock(), logger: silentLogger })
  const { stale, versions } = await packages.of(PACKAGE as Purl, true, NEVER)
  assert.match(stale ?? '', /could not be asked: nobody can be asked/)
  assert.equal(versions.size, 0)
})

test('of an index, the newest release that is left out because the log says nothing of it is passed on, as what a user would have got', async () => {
  const log = testLog(COSIGNED)
  await log.append(verdictOn('1'), verdictOn('3', { outcome: 'disagreed', files: [] }))
  const read = readRules(ENFORCE, 'policy.toml', ['bare'])
  const policy = createRulePolicy({
    revision: () => '1',
    rules: () => read,
    exceptions: () => [],
    advisories: () => [],
  })
  const wanted: string[] = []
  const flow = readFlow({ policy, log, lacking: (release) => void wanted.push(release) })
  flow.upstream.route(HUB, '/doc/a', { body: formatReleases(LISTED) })
  for (let times = 0; times < 2; times++) await bodyOf(await flow.get('/doc/a'))
  assert.deepEqual(wanted, ['pkg:bare/a@2'])
})
