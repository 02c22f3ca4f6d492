/** A proof made from a log with three of four cosignatures, judged from files alone: yes, and the exact reason for each kind of no. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type TestVerdict, testDispute, testHead, testRevocation, testVerdict } from '../../../test/kit/log-entries.ts'
import { sampleNetwork } from '../../../test/kit/sample-network.ts'
import { cosignedLog } from '../../../test/kit/test-log.ts'
import type { Entry } from '../../base/entries/entry.ts'
import { formatNetwork, type Network } from '../../base/network/network.ts'
import { parsePurl } from '../../base/purl.ts'
import type { VerifyRequest } from '../../cli/context.ts'
import { proveEntry, provePackage } from './make-proof.ts'
import { checkOwnLog, verifyFile } from './verify-file.ts'

const PURL = 'pkg:toy/blocks@1.0'
const BYTES = Buffer.from('the artefact')
const NOW = 1_750_000_000
const SIGNAL = new AbortController().signal

interface Case {
  readonly entries?: readonly Entry[]
  readonly network?: Partial<Network>
  readonly authorities?: number
  readonly cosigners?: number
  readonly repeats?: number
  readonly verdict?: Partial<TestVerdict>
  /** Proves this entry instead of the package. */
  readonly index?: number
}

/** Files in a directory of their own: artefact, proof, network.json. */
async function filesOf(
  t: TestContext,
  { entries, network: over, authorities = 4, cosigners = 3, repeats, verdict, index }: Case,
) {
  const directory = mkdtempSync(join(tmpdir(), 'pyrsia-verify-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const network = { ...sampleNetwork({ authorities, expires: NOW + 1000 }), ...over }
  const own = testVerdict({ purl: PURL, files: [{ name: 'blocks-1.0.toy', bytes: BYTES }], ...verdict })
  const log = await cosignedLog({
    network,
    cosigners,
    repeats,
    timeSeconds: NOW - 100,
    entries: entries ?? [testHead(), own],
  })
  const made =
    index === undefined ? await provePackage(log, parsePurl(PURL), SIGNAL) : await proveEntry(log, index, SIGNAL)
  const file = join(directory, 'blocks-1.0.toy')
  const proof = join(directory, 'proof.json')
  const networkFile = join(directory, 'network.json')
  writeFileSync(file, BYTES)
  writeFileSync(proof, made.bytes)
  writeFileSync(networkFile, formatNetwork(network))
  const request: VerifyRequest = { file, proof, purl: PURL, network: networkFile, latest: false, data: undefined }
  const verify = (change: Partial<VerifyRequest> = {}, nowSeconds = NOW) =>
    verifyFile({ ...request, ...change }, '/nowhere', nowSeconds)
  return { verify, file, proof, networkFile, network, made }
}

const no = (code: string, message: RegExp) => ({ code: `untrusted.${code}`, message })
const NOT_FOR_IT = 'untrusted.verdict'

test('verifyFile() says yes to the artefact of a proven verdict, with who cosigned and what is not said', async (t) => {
  const { verify, made } = await filesOf(t, {})
  const found = await verify()
  assert.equal(found.subject?.purl, PURL)
  assert.match(
    found.subject?.says ?? '',
    /^entry 1 of the log log\.example\/test of 2023-11-14: rebuilt, exact, 3 of 4/,
  )
  assert.deepEqual(found.cosigners.map(({ organisation }) => organisation).sort(), ['org-0', 'org-1', 'org-2'])
  assert.deepEqual([found.size, found.solo, found.timeSeconds], [2, false, NOW - 100])
  assert.equal(found.digests.length, 2)
  assert.match(found.remarks.join(), /whether it was revoked after the list of entry 0 is not known/)
  assert.deepEqual(found.notRevoked, { index: 0, count: 0, asOfSeconds: 1_700_000_000 })
  assert.deepEqual(made.indexes, [0, 1])
  assert.match((await verify({ latest: true })).remarks.join(), /^what the builders signed is not in the file/)
})

test('verifyFile() says no to an artefact that was changed', async (t) => {
  const { verify, file } = await filesOf(t, {})
  writeFileSync(file, 'the artefacT')
  await assert.rejects(verify(), no('subject', /wanted one about sha256:.*of which it names sha256:/))
})

test("G5: verifyFile() says no to another package's valid proof", async (t) => {
  const { verify } = await filesOf(t, {})
  const other = no('subject', /wanted one about pkg:toy\/other@1\.0, found one about pkg:toy\/blocks@1\.0/)
  await assert.rejects(verify({ purl: 'pkg:toy/other@1.0' }), other)
})

test('verifyFile() says no to the proof of an entry that is about something else', async (t) => {
  const { verify } = await filesOf(t, { index: 0 })
  await assert.rejects(verify(), no('subject', /found one about no package/))
})

test('verifyFile() says no to a proof of another network, and to one whose own network has expired', async (t) => {
  const { verify, networkFile, network } = await filesOf(t, {})
  await assert.rejects(verify({}, NOW + 1000), no('expired', /the network example expired at 2025/))
  writeFileSync(
    networkFile,
    formatNetwork(sampleNetwork({ authorities: 4, origin: 'other.example/log', expires: network.expires })),
  )
  await assert.rejects(
    verify(),
    no('origin', /wanted other\.example\/log, found "log\.example\/test"|wanted one of other/),
  )
})

test('F4: verifyFile() says no below the quorum, also when one key signed several times', async (t) => {
  for (const repeats of [0, 3]) {
    const { verify } = await filesOf(t, { cosigners: 2, repeats })
    await assert.rejects(verify(), no('quorum', /wanted cosignatures by a quorum .* found org-0\S+, org-1\S+$/))
  }
})

test('verifyFile() says no to a checkpoint that the log did not sign', async (t) => {
  const { verify, proof } = await filesOf(t, {})
  const text = readFileSync(proof, 'utf8')
  const unsigned = text.replace(/\\n— log\.example\/test [^\\]*/, '')
  assert.notEqual(unsigned, text)
  writeFileSync(proof, unsigned)
  await assert.rejects(verify(), no('signature', /wanted a signature of the log log\.example\/test/))
})

test('verifyFile() says no to a proof of which any part was changed', async (t) => {
  const { verify, proof } = await filesOf(t, {})
  const text = readFileSync(proof, 'utf8')
  writeFileSync(proof, text.replace('"attempt":1', '"attempt":2'))
  await assert.rejects(verify(), no('proof', /./))
  writeFileSync(proof, text.replace('index 1', 'index 0'))
  await assert.rejects(verify(), no('proof', /./))
  writeFileSync(proof, text.slice(0, -1))
  await assert.rejects(verify(), no('malformed', /./))
})

test('a proof of a package carries the newest complete list of revocations, which speaks against the package when nothing else does', async (t) => {
  const verdict = testVerdict({ purl: PURL, files: [{ name: 'blocks-1.0.toy', bytes: BYTES }] })
  const other = testRevocation('pkg:toy/other@1.0')
  const list = [{ purl: other.purl, digests: [] }]
  const good = await filesOf(t, { entries: [testHead(), verdict, other, testHead(list)] })
  assert.deepEqual(good.made.indexes, [1, 3])
  assert.equal((await good.verify()).notRevoked?.count, 1)
  // The list names the package, and its revocation is not in the file.
  const own = { ...testRevocation(PURL), place: 1 }
  const both = [...list, { purl: PURL, digests: [] }]
  const { verify, proof } = await filesOf(t, { entries: [verdict, other, own, testHead(both)] })
  const bundle = JSON.parse(readFileSync(proof, 'utf8')) as { entries: { entry: { kind: string } }[] }
  const without = { ...bundle, entries: bundle.entries.filter(({ entry }) => entry.kind !== 'revocation') }
  writeFileSync(proof, JSON.stringify(without))
  await assert.rejects(verify(), no('revoked', /number 1 on the list of revocations of entry 3/))
})

test('a proof from a log whose revocations are not those of its head carries no list, and the answer says so', async (t) => {
  const verdict = testVerdict({ purl: PURL, files: [{ name: 'blocks-1.0.toy', bytes: BYTES }] })
  const { verify, made } = await filesOf(t, {
    entries: [verdict, testHead([{ purl: 'pkg:toy/other@1.0', digests: [] }])],
  })
  assert.deepEqual(made.indexes, [0])
  const found = await verify()
  assert.equal(found.notRevoked, undefined)
  assert.match(found.remarks.join(), /the file carries no list of revocations/)
})

test('verifyFile() says no to a revoked package, and to one whose verdict was overturned', async (t) => {
  const verdict = testVerdict({ purl: PURL, files: [{ name: 'blocks-1.0.toy', bytes: BYTES }] })
  const revoked = await filesOf(t, { entries: [verdict, testRevocation(PURL, [], 'steals keys')] })
  await assert.rejects(revoked.verify(), no('revoked', /was revoked by entry 1: TEST ENTRY: steals keys/))
  assert.deepEqual(revoked.made.indexes, [0, 1])
  const disputed = await filesOf(t, { entries: [verdict, testDispute(PURL, 'upheld')] })
  await assert.rejects(disputed.verify(), no('revoked', /overturned by entry 1/))
})

test('verifyFile() says no to a proof that is too old for "latest", and yes to it as of then', async (t) => {
  const { verify } = await filesOf(t, { network: { freshnessSeconds: 60 } })
  await assert.rejects(verify({ latest: true }), no('stale', /wanted a checkpoint of the last 60 s.*100 s ago/))
  assert.equal((await verify()).subject?.purl, PURL)
})

test('verifyFile() says no to an artefact that is named by a verdict as something else than what was built', async (t) => {
  const files = [{ name: 'blocks-1.0.toy', bytes: Buffer.from('as built'), upstream: BYTES }]
  const { verify } = await filesOf(t, { verdict: { files } })
  await assert.rejects(verify(), {
    code: NOT_FOR_IT,
    message: /is rebuilt, and what upstream has is something else|not the artefact/,
  })
})

test('verifyFile() says no to a verdict that has expired', async (t) => {
  const { verify } = await filesOf(t, { verdict: { outcome: 'witnessed', expiresSeconds: NOW - 1 } })
  await assert.rejects(verify(), no('stale', /the verdict on pkg:toy\/blocks@1\.0 expired/))
})

test('verifyFile() says of a solo network that it built once', async (t) => {
  const { verify } = await filesOf(t, { authorities: 1, cosigners: 1 })
  const found = await verify()
  assert.equal(found.solo, true)
  assert.match(found.remarks.join(), /built once, by its owner/)
})

test('verifyFile() without an artefact says what the proof says, and that nothing was compared', async (t) => {
  const { verify } = await filesOf(t, { index: 0 })
  const found = await verify({ file: undefined, purl: undefined })
  assert.deepEqual([found.subject, found.digests, found.entries.length], [undefined, [], 1])
})

test('verifyFile() and checkOwnLog() name the network that is missing', async (t) => {
  const { verify } = await filesOf(t, {})
  await assert.rejects(verify({ network: undefined }), { code: 'absent.network', message: /--network/ })
  await assert.rejects(checkOwnLog('/nowhere'), { code: 'absent.network' })
  await assert.rejects(verify({ proof: '/nowhere/proof' }), { code: 'usage.request' })
})
