/** The read flow with a log: what a client gets of a file on which the log says something. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDispute, testHead, testRevocation, testVerdict } from '../../../test/kit/log-entries.ts'
import { bodyOf, readFlow } from '../../../test/kit/read-flow.ts'
import { type TestLogOptions, testLog } from '../../../test/kit/test-log.ts'
import { silentLogger } from '../../base/clock.ts'
import { blobIdOf, digestBytes } from '../../base/digest.ts'
import type { Entry } from '../../base/entries/entry.ts'
import { AppError } from '../../base/errors.ts'
import type { Located } from '../../base/located.ts'
import { type Purl, parsePurl } from '../../base/purl.ts'
import type { LogQuery, LogReader } from '../../log/log.ts'
import type { PolicyException } from '../../policy/policy.ts'
import { readRules } from '../../policy/read-rules.ts'
import { createRulePolicy } from '../../policy/rule-policy.ts'
import { createVerdicts, staleness } from './verdicts.ts'

const PURL = 'pkg:bare/blocks@1'
const BYTES = Buffer.from('the bytes of upstream '.repeat(20))
const ROW = { name: 'blocks', bytes: BYTES }
/** The kit's clock begins here. */
const START_SECONDS = 1_700_000_000
const ENFORCE = '[[rule]]\nverified = "enforce"'
const NEVER = new AbortController().signal

/** A node whose log holds these entries, with a file `blocks` of the purl. */
async function world(
  entries: readonly Entry[],
  options: {
    readonly rules?: string
    readonly log?: Partial<TestLogOptions>
    readonly exceptions?: readonly PolicyException[]
  } = {},
) {
  const log = testLog({ cosignedSeconds: [START_SECONDS, START_SECONDS, START_SECONDS], ...options.log })
  if (entries.length > 0) await log.append(...entries)
  const rules = readRules(options.rules ?? '', 'policy.toml', ['bare'])
  const policy = createRulePolicy({
    revision: () => '1',
    rules: () => rules,
    exceptions: () => options.exceptions ?? [],
    advisories: () => [],
  })
  const flow = readFlow({ policy, log })
  flow.file('blocks', BYTES, { purl: parsePurl(PURL) })
  return {
    log,
    flow,
    text: async () => String(await bodyOf(await flow.get('/file/blocks'))),
    get: () => flow.get('/file/blocks'),
  }
}

const SERVED = String(BYTES)

test('a file on which the log says nothing is served, and refused where verdicts are enforced', async () => {
  assert.equal(await (await world([])).text(), SERVED)
  assert.equal(await (await world([testHead()])).text(), SERVED)
  const { text, flow } = await world([testHead()], { rules: ENFORCE })
  assert.match(await text(), /^denied: blocks has no verdict in the log, and this node serves only what was rebuilt/)
  assert.equal(flow.serve.state().denials, 1)
})

test('a file that was rebuilt and found equal is served where verdicts are enforced', async () => {
  const { text, flow } = await world([testVerdict({ purl: PURL, files: [ROW] })], { rules: ENFORCE })
  assert.equal(await text(), SERVED)
  const [fact] = flow.serve.why(parsePurl(PURL))
  assert.equal(fact?.id, blobIdOf(BYTES))
})

test('a revoked file is refused with the reason on the client side, whoever asks for it under whatever name', async () => {
  const { text, flow } = await world([testRevocation(PURL, [blobIdOf(BYTES)], 'steals keys')])
  assert.match(await text(), /^denied: blocks is revoked: entry 0 of the log log\.example\/test.*steals keys/)
  flow.file('other', BYTES, { purl: parsePurl('pkg:bare/other@2') })
  assert.match(String(await bodyOf(await flow.get('/file/other'))), /^denied: other is revoked/)
  flow.file('nameless', BYTES, { purl: undefined })
  assert.match(String(await bodyOf(await flow.get('/file/nameless'))), /^denied: .* is revoked/)
})

test('a file is refused from the request on after which its revocation was logged, although it is stored', async () => {
  const { log, text } = await world([testVerdict({ purl: PURL, files: [ROW] })])
  assert.equal(await text(), SERVED)
  await log.append(testRevocation(PURL))
  assert.match(await text(), /is revoked/)
})

test('what only tells of a file is given as that file is, and its bytes are its own', async () => {
  const about = { name: 'blocks', digests: [blobIdOf(BYTES)] }
  const beside = Buffer.from('what it needs')
  const { flow, log } = await world([testVerdict({ purl: PURL, files: [ROW] })], { rules: ENFORCE })
  flow.file('blocks.about', beside, { purl: parsePurl(PURL), tellsOf: about })
  const told = async () => String(await bodyOf(await flow.get('/file/blocks.about')))
  assert.equal(await told(), String(beside))
  await log.append(testRevocation(PURL, [blobIdOf(BYTES)]))
  assert.match(await told(), /^denied: .* is revoked/)
  const { flow: strict } = await world([testHead()], { rules: ENFORCE })
  strict.file('blocks.about', beside, { purl: parsePurl(PURL), tellsOf: about })
  assert.match(String(await bodyOf(await strict.get('/file/blocks.about'))), /^denied: .* has no verdict/)
})

test('a disputed verdict makes a file refused, a dismissed dispute does not', async () => {
  const verdict = testVerdict({ purl: PURL, files: [ROW] })
  assert.match(await (await world([verdict, testDispute(PURL, 'upheld')])).text(), /^denied: blocks is disputed/)
  assert.equal(await (await world([verdict, testDispute(PURL, 'dismissed')])).text(), SERVED)
})

test('where a node only observes, a revoked file is served with a warning', async () => {
  const { get } = await world([testRevocation(PURL)], { rules: '[[rule]]\nverified = "observe"' })
  const reply = await get()
  assert.equal(String(await bodyOf(reply)), SERVED)
  assert.match(reply.headers['x-notice'] ?? '', /is revoked.*served, since this node only observes/)
})

test('upstream with other bytes than those agreed upon is refused by name, whichever digest it states', async () => {
  const agreed = { name: 'blocks', bytes: Buffer.from('as built') }
  const { text } = await world([testVerdict({ purl: PURL, files: [agreed] })])
  assert.match(await text(), /^denied: blocks has other bytes than those that were rebuilt and agreed upon/)
})

test('a file whose stated digests cannot be compared is held to the agreed one while it is fetched', async () => {
  const packed = {
    name: 'blocks',
    bytes: Buffer.from('as built'),
    upstream: Buffer.from('of another time'),
    level: 'container',
  } as const
  const { flow, text } = await world([testVerdict({ purl: PURL, files: [packed] })])
  const sha512 = digestBytes('sha512', BYTES)
  flow.file('blocks', BYTES, {
    purl: parsePurl(PURL),
    digests: [sha512],
    evidence: [{ kind: 'index', digest: sha512, statedBy: 'the index' }],
  })
  assert.match(await text(), /^untrusted: /)
  assert.equal(flow.store.lookup(sha512), undefined)
})

test('builders who agree on something else than upstream has are a loud warning, and a refusal where verdicts are enforced', async () => {
  const entries = [
    testVerdict({ purl: PURL, files: [{ name: 'blocks', bytes: Buffer.from('as built'), upstream: BYTES }] }),
  ]
  const { get } = await world(entries)
  const reply = await get()
  assert.equal(String(await bodyOf(reply)), SERVED)
  assert.match(reply.headers['x-notice'] ?? '', /^WARNING: blocks is rebuilt, and what upstream has is something else/)
  assert.match(await (await world(entries, { rules: ENFORCE })).text(), /^denied/)
})

test('a solo network built once, whatever its entries say, and that is enough only if the user says so', async () => {
  const entries = [testVerdict({ purl: PURL, files: [ROW], outcome: 'rebuilt' })]
  const log = { authorities: 1, cosignedSeconds: [START_SECONDS] }
  assert.equal(await (await world(entries, { log })).text(), SERVED)
  assert.match(await (await world(entries, { log, rules: ENFORCE })).text(), /^denied: blocks is built once, by you/)
  const accepting = `${ENFORCE}\naccept = ["built-once"]`
  assert.equal(await (await world(entries, { log, rules: accepting })).text(), SERVED)
})

test('where verdicts are enforced, a log that is too old or of an expired network proves nothing', async () => {
  const entries = [testVerdict({ purl: PURL, files: [ROW] })]
  const old = { freshnessSeconds: 3600, cosignedSeconds: [START_SECONDS, START_SECONDS - 3601, START_SECONDS - 9999] }
  assert.match(await (await world(entries, { rules: ENFORCE, log: old })).text(), /^denied: .*older than the 3600 s/)
  assert.equal(await (await world(entries, { log: old })).text(), SERVED)
  const expired = { expires: START_SECONDS }
  assert.match(await (await world(entries, { rules: ENFORCE, log: expired })).text(), /^denied: .*has expired/)
})

test('an exception lets through what the log denies, and says so', async () => {
  const exception = { purl: parsePurl(PURL), reason: 'outage', madeAtMs: 0, untilMs: 2e12 }
  const { get } = await world([testRevocation(PURL)], { exceptions: [exception] })
  const reply = await get()
  assert.equal(String(await bodyOf(reply)), SERVED)
  assert.match(reply.headers['x-notice'] ?? '', /is revoked.*let through by an exception: outage/)
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

const FILE = { purl: PURL as Purl, digests: [blobIdOf(BYTES)] as const, path: '/blocks' }

test('verdicts are asked of the log once for as long as it does not grow, and never of an empty one', async () => {
  const log = testLog({ cosignedSeconds: [START_SECONDS] })
  const { asking, queries } = counted(log.reader)
  const clock = { nowMs: () => START_SECONDS * 1000 } as Parameters<typeof createVerdicts>[1]['clock']
  const verdicts = createVerdicts({ ...log, reader: asking }, { clock, logger: silentLogger })
  await verdicts.of(FILE, false, NEVER)
  assert.equal(queries.length, 0)
  await log.append(testVerdict({ purl: PURL, files: [ROW] }))
  await verdicts.of(FILE, false, NEVER)
  const asked = queries.length
  assert.ok(asked > 0)
  assert.equal((await verdicts.of(FILE, false, NEVER)).finding?.evidence.status, 'rebuilt-equal')
  assert.equal(queries.length, asked)
  await log.append(testRevocation(PURL))
  assert.equal((await verdicts.of(FILE, false, NEVER)).finding?.evidence.status, 'revoked')
})

test('a light log is asked for revocations alone, unless a verdict is demanded', async () => {
  const log = testLog({ cosignedSeconds: [START_SECONDS] })
  await log.append(testVerdict({ purl: PURL, files: [ROW] }))
  const { asking, queries } = counted(log.reader, { mode: 'light' })
  const clock = { nowMs: () => START_SECONDS * 1000 } as Parameters<typeof createVerdicts>[1]['clock']
  const verdicts = createVerdicts({ ...log, reader: asking }, { clock, logger: silentLogger })
  assert.equal((await verdicts.of(FILE, false, NEVER)).finding, undefined)
  assert.equal(queries.filter(({ kind }) => kind !== 'revocation').length, 0)
  assert.equal((await verdicts.of(FILE, true, NEVER)).finding?.evidence.status, 'rebuilt-equal')
  await log.append(testRevocation('pkg:bare/other@9'), testRevocation(PURL))
  assert.equal((await verdicts.of(FILE, false, NEVER)).finding?.evidence.status, 'revoked')
})

test('a log that cannot be asked says nothing, and is no proof', async () => {
  const log = testLog({ cosignedSeconds: [START_SECONDS] })
  await log.append(testVerdict({ purl: PURL, files: [ROW] }))
  const broken = async () => {
    throw new AppError('damaged.blob', 'a tile is damaged')
  }
  const { asking } = counted(log.reader, { find: broken })
  const clock = { nowMs: () => START_SECONDS * 1000 } as Parameters<typeof createVerdicts>[1]['clock']
  const verdicts = createVerdicts({ ...log, reader: asking }, { clock, logger: silentLogger })
  const { finding, stale } = await verdicts.of(FILE, false, NEVER)
  assert.equal(finding, undefined)
  assert.match(stale ?? '', /could not be asked: a tile is damaged/)
})

test('staleness() wants a cosigned checkpoint of an age that the network allows, and none of the future', () => {
  const network = { origin: 'log.example/test', expires: 2_000, freshnessSeconds: 100 }
  assert.equal(staleness(network, 1_000, 1_100), undefined)
  assert.match(staleness(network, 1_000, 1_101) ?? '', /older than the 100 s/)
  assert.match(staleness(network, undefined, 1_000) ?? '', /no cosigned checkpoint/)
  assert.match(staleness(network, 1_000, 2_000) ?? '', /expired/)
  assert.equal(staleness(network, 1_600, 1_000), undefined)
  assert.match(staleness(network, 1_601, 1_000) ?? '', /601 s ahead of the clock/)
})

test('where verdicts are enforced, a file that its owner keeps for offline use stays usable when the log is too old', async () => {
  const log = { freshnessSeconds: 3600, cosignedSeconds: [START_SECONDS, START_SECONDS, START_SECONDS] }
  const { flow, get } = await world([testVerdict({ purl: PURL, files: [ROW] })], { rules: ENFORCE, log })
  assert.equal(String(await bodyOf(await get())), SERVED)
  flow.store.pin(blobIdOf(BYTES), 'sync')
  flow.clock.advance(7_200_000)
  const reply = await get()
  assert.equal(String(await bodyOf(reply)), SERVED)
  assert.match(reply.headers['x-notice'] ?? '', /is kept here and given although the newest checkpoint/)
  flow.store.unpin(blobIdOf(BYTES), 'sync')
  assert.match(String(await bodyOf(await get())), /^denied: /)
})

test('pyrsia policy check says what the log does to a release', async () => {
  const { flow } = await world([testRevocation(PURL)])
  const answer = await flow.serve.decide(parsePurl(PURL), NEVER)
  assert.ok(answer.kind === 'deny')
  assert.match(answer.reason.message, /is revoked/)
  assert.equal((await flow.serve.decide(parsePurl('pkg:bare/other@1'), NEVER)).kind, 'allow')
  const verified = await world([testVerdict({ purl: PURL, files: [ROW] })], { rules: ENFORCE })
  assert.equal((await verified.flow.serve.decide(parsePurl(PURL), NEVER)).kind, 'allow')
})

test('the bytes of a revoked release are refused under the name that lock data gives them', async () => {
  const { flow, log, text } = await world([testHead()])
  assert.equal(await text(), SERVED)
  await log.append(testRevocation(PURL))
  flow.file('harmless', BYTES, {
    purl: parsePurl('pkg:bare/harmless@1'),
    evidence: [{ kind: 'client', digest: blobIdOf(BYTES), statedBy: 'the lockfile' }],
  })
  assert.match(
    String(await bodyOf(await flow.get('/file/harmless'))),
    /^denied: .*known here as pkg:bare\/blocks@1.*is revoked/,
  )
})

test('a remembered verdict expires in its time', async () => {
  const log = testLog({ cosignedSeconds: [START_SECONDS] })
  const expiresSeconds = START_SECONDS + 10
  await log.append(testVerdict({ purl: PURL, files: [ROW], outcome: 'witnessed', expiresSeconds }))
  let nowSeconds = START_SECONDS
  const clock = { nowMs: () => nowSeconds * 1000 } as Parameters<typeof createVerdicts>[1]['clock']
  const verdicts = createVerdicts(log, { clock, logger: silentLogger })
  const status = async () => (await verdicts.of(FILE, false, NEVER)).finding?.evidence.status
  assert.equal(await status(), 'witnessed')
  nowSeconds = expiresSeconds
  assert.equal(await status(), 'expired')
})

test("what clients ask for and the log lacks is passed on, unless its name or its upstream is nobody else's business", async () => {
  const log = testLog({ cosignedSeconds: [START_SECONDS, START_SECONDS, START_SECONDS] })
  await log.append(testVerdict({ purl: PURL, files: [ROW] }))
  const read = readRules(
    '[[rule]]\nnames = ["own"]\naccess = "private"\nupstreams = ["hub.example.com"]',
    'policy.toml',
    [],
  )
  const policy = createRulePolicy({
    revision: () => '1',
    rules: () => read,
    exceptions: () => [],
    advisories: () => [],
  })
  const told = async (share: 'none' | 'lan' | 'network', name: string, over: Partial<Located> = {}) => {
    const wanted: string[] = []
    const flow = readFlow({ policy, log, share, lacking: (release) => void wanted.push(release) })
    const bytes = name === 'blocks' ? BYTES : Buffer.from(name)
    flow.file(name, bytes, { purl: parsePurl(`pkg:bare/${name}@1`), ...over })
    assert.equal((await flow.get(`/file/${name}`)).status, 200)
    return wanted
  }
  assert.deepEqual(await told('network', 'new'), ['pkg:bare/new@1'])
  assert.deepEqual(await told('network', 'blocks'), [], 'it has a verdict')
  assert.deepEqual(await told('none', 'new'), [])
  assert.deepEqual(await told('lan', 'new'), [])
  assert.deepEqual(await told('network', 'own'), [])
  assert.deepEqual(await told('network', 'new', { unshared: true }), [])
  assert.deepEqual(await told('network', 'new', { purl: parsePurl('pkg:bare/new') }), [])
})
