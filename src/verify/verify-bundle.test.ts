import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { logVerdict, ProofLog, TEST_SECONDS, testNetwork, testOffer, votedChange } from '../../test/kit/proof-log.ts'
import { sampleResult } from '../../test/kit/sample-entries.ts'
import type { Digest } from '../base/digest.ts'
import { AppError, isKind } from '../base/errors.ts'
import type { Purl } from '../base/purl.ts'
import { PROOF_ENTRIES_MAX, parseProofBundle } from './proof-bundle.ts'
import { CHECKPOINTS_MAX, type ProofQuestion, verifyProofBundle } from './verify-bundle.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const FIVE = NAMES.slice(0, 5)
const network = testNetwork(NAMES)
const PURL = 'pkg:toy/toy@1.0' as Purl
const OTHER = 'pkg:toy/other@1.0' as Purl
const now = { nowSeconds: TEST_SECONDS + 200 }
const shaOf = (purl: string): Digest => `sha256:${sampleResult(purl).files[0]?.sha256}` as Digest

const log = new ProofLog()
log.append(Buffer.from('{"kind":"of tomorrow","v":9}'))
const built = logVerdict(log, PURL, ['a', 'b', 'c', 'd', 'e'])
const other = logVerdict(log, OTHER, ['a', 'b', 'c', 'd', 'e'])
const all = [built.request, built.selection, ...built.reveals, built.verdict]
const whole = log.bundle(all, { by: FIVE }, built.envelopes)
const ask = (bytes: Uint8Array, question: Partial<ProofQuestion> = {}) =>
  verifyProofBundle(bytes, network, { ...now, ...question })

test('verifyProofBundle() says yes to a whole proof: what was agreed, by whom it was built and cosigned, when', () => {
  const found = ask(whole, { purl: PURL, digests: [shaOf(PURL)], needBuilders: true, ageSecondsMax: 3600 })
  assert.equal(found.size, log.entries.length)
  assert.equal(found.timeSeconds, TEST_SECONDS + 100)
  assert.equal(found.solo, false)
  assert.deepEqual([...found.cosigners.keys()], FIVE)
  assert.deepEqual(found.quorum, { k: 5, of: 7 })
  assert.equal(found.subject?.verdict?.outcome, 'rebuilt')
  assert.deepEqual(found.subject?.digests, [shaOf(PURL)])
  assert.deepEqual(
    found.builders?.map(({ organisation, stated }) => [organisation, stated]),
    ['a', 'b', 'c', 'd', 'e'].map((name) => [name, true]),
  )
})

test('verifyProofBundle() proves any entry, of kinds that it does not know too, and then says nothing of a package', () => {
  const found = ask(log.bundle([0], { by: FIVE }))
  assert.deepEqual([found.entries[0]?.index, found.entries[0]?.entry, found.subject], [0, undefined, undefined])
  assert.throws(() => ask(log.bundle([0], { by: FIVE }), { purl: PURL }), { code: 'untrusted.subject' })
})

test('a verdict alone is proven by the authorities’ word, and not enough where its builders are demanded', () => {
  const alone = log.bundle([built.verdict], { by: FIVE })
  assert.equal(ask(alone, { purl: PURL }).builders, undefined)
  assert.throws(() => ask(alone, { purl: PURL, needBuilders: true }), { code: 'untrusted.builders' })
})

test('attack G5, another package’s valid proof, is refused by purl and by digest', () => {
  for (const question of [
    { purl: OTHER },
    { digests: [shaOf(OTHER)] },
    { purl: PURL, digests: [shaOf(OTHER)] },
    { purl: OTHER, digests: [shaOf(PURL)] },
  ]) {
    assert.throws(() => ask(whole, question), { code: 'untrusted.subject' }, JSON.stringify(question))
  }
  const both = log.bundle([built.verdict, other.verdict], { by: FIVE })
  assert.equal(ask(both, { digests: [shaOf(OTHER)] }).subject?.purl, OTHER)
  assert.throws(() => ask(both, { purl: PURL, digests: [shaOf(OTHER)] }), { code: 'untrusted.subject' })
})

test('any changed bit of the artefact’s digest is refused', () => {
  const good = shaOf(PURL)
  for (let at = 'sha256:'.length; at < good.length; at += 1) {
    for (const bit of [1, 2, 4, 8]) {
      const digit = (Number.parseInt(good[at] ?? '', 16) ^ bit).toString(16)
      const changed = `${good.slice(0, at)}${digit}${good.slice(at + 1)}` as Digest
      assert.throws(() => ask(whole, { purl: PURL, digests: [changed] }), { code: 'untrusted.subject' })
    }
  }
})

test('attack F4 "one key": fewer than the quorum of organisations is refused, whoever else signs', () => {
  assert.throws(() => ask(log.bundle(all, { by: ['a', 'b', 'c', 'd'] })), { code: 'untrusted.quorum' })
  assert.throws(() => ask(log.bundle(all, { by: ['a', 'a', 'a', 'a', 'a', 'b', 'x', 'y'] })), {
    code: 'untrusted.quorum',
  })
})

test('attack F4 "revoked keys": after a member was removed its cosignature makes no quorum, and older proofs hold', () => {
  const changed = new ProofLog()
  const early = logVerdict(changed, PURL, FIVE)
  const size = changed.entries.length
  const change = changed.append(votedChange({ action: 'remove', organisation: 'g', serial: 1 }, FIVE))
  const removal = changed.append(votedChange({ action: 'remove', organisation: 'f', serial: 1 }, ['a', 'b', 'c', 'd']))
  const late = logVerdict(changed, OTHER, ['a', 'b', 'c', 'd'])
  const signed = { by: ['a', 'b', 'f', 'g'] }
  assert.throws(() => ask(changed.bundle([change, removal, late.verdict], { ...signed, log: 'a' })), {
    code: 'untrusted.quorum',
  })
  const found = ask(changed.bundle([change, removal, late.verdict], { by: ['a', 'b', 'c', 'd'] }))
  assert.deepEqual([found.changes, found.quorum], [2, { k: 4, of: 5 }])
  assert.equal(ask(changed.bundle([early.verdict], { by: ['a', 'b', 'c', 'f', 'g'], size })).size, size)
})

test('a change of members is refused unless the quorum before it voted, and unless the log holds it where it claims', () => {
  const changed = new ProofLog()
  changed.append(Buffer.from('"first"'))
  const few = changed.append(votedChange({ action: 'admit', offer: testOffer('x') }, ['a', 'b', 'c', 'd']))
  const full = changed.append(votedChange({ action: 'admit', offer: testOffer('y') }, FIVE))
  assert.throws(() => ask(changed.bundle([few], { by: FIVE })), { code: 'untrusted.quorum' })
  assert.equal(ask(changed.bundle([full], { by: [...FIVE, 'f'] })).changes, 1)
  const moved = JSON.parse(Buffer.from(changed.bundle([full], { by: NAMES })).toString())
  moved.entries[0].proof = moved.entries[0].proof.replace('index 2', 'index 0')
  assert.throws(() => ask(Buffer.from(JSON.stringify(moved))), { code: 'untrusted.proof' })
  const foreign = testOffer('z', { network: 'another.example/log' })
  const wrong = changed.append(votedChange({ action: 'admit', offer: foreign }, FIVE))
  assert.throws(() => ask(changed.bundle([wrong], { by: NAMES })), { code: 'untrusted.change' })
})

test('attack F6, a swapped key id: a cosignature under the id of another key is refused', () => {
  const bundle = JSON.parse(Buffer.from(log.bundle([built.verdict], { by: FIVE })).toString())
  const lines = (bundle.entries[0].proof as string).split('\n')
  const at = lines.findIndex((line) => line.startsWith('\u2014 a.example '))
  const from = lines[at]?.split(' ')[2] ?? ''
  const to = lines[at + 1]?.split(' ')[2] ?? ''
  const swapped = Buffer.concat([Buffer.from(to, 'base64').subarray(0, 4), Buffer.from(from, 'base64').subarray(4)])
  lines[at] = `\u2014 b.example ${swapped.toString('base64')}`
  bundle.entries[0].proof = lines.join('\n')
  assert.throws(() => ask(Buffer.from(JSON.stringify(bundle))), { code: 'untrusted.signature' })
})

test('attack G4, an entry rewritten after it was logged, has no proof', () => {
  const bundle = JSON.parse(Buffer.from(whole).toString())
  bundle.entries.at(-1).entry.outcome = 'witnessed'
  assert.throws(() => ask(Buffer.from(JSON.stringify(bundle))), { code: 'untrusted.proof' })
})

test('a proof of another network’s log, and one by a log key that is not the network’s, are refused', () => {
  assert.throws(() => verifyProofBundle(whole, testNetwork(NAMES, { origin: 'other/log' }), now), {
    code: 'untrusted.origin',
  })
  assert.throws(() => ask(log.bundle(all, { by: FIVE, log: 'x' })), { code: 'untrusted.signature' })
})

test('an expired network verifies nothing', () => {
  assert.throws(() => ask(whole, { nowSeconds: network.expires }), { code: 'untrusted.expired' })
})

test('age is judged by the median time of those who count, in both directions, and only when it is asked', () => {
  const nowSeconds = TEST_SECONDS + 100 + 3600
  assert.equal(ask(whole, { nowSeconds }).timeSeconds, TEST_SECONDS + 100)
  assert.equal(ask(whole, { nowSeconds, ageSecondsMax: 3600 }).timeSeconds, TEST_SECONDS + 100)
  assert.throws(() => ask(whole, { nowSeconds: nowSeconds + 1, ageSecondsMax: 3600 }), { code: 'untrusted.stale' })
  assert.throws(() => ask(whole, { nowSeconds: TEST_SECONDS - 600, ageSecondsMax: 3600 }), { code: 'untrusted.stale' })
})

test('a verdict that has expired is refused as stale', () => {
  const expiring = new ProofLog()
  const { verdict } = logVerdict(expiring, PURL, FIVE)
  const entry = JSON.parse(Buffer.from(expiring.entries[verdict] ?? []).toString())
  const at = expiring.append(Buffer.from(JSON.stringify({ ...entry, expiresSeconds: now.nowSeconds })))
  assert.throws(() => ask(expiring.bundle([at], { by: FIVE })), { code: 'untrusted.stale' })
  assert.equal(ask(expiring.bundle([at], { by: FIVE }), { nowSeconds: now.nowSeconds - 1 }).subject?.index, at)
})

test('a revocation or an upheld dispute in the file turns the answer to no', () => {
  const doubted = new ProofLog()
  const { verdict, request } = logVerdict(doubted, PURL, FIVE)
  const at = { heightBlock: 9, timeSeconds: TEST_SECONDS + 90 }
  const about = { v: 1, at, purl: PURL } as const
  const name = JSON.parse(Buffer.from(doubted.entries[verdict] ?? []).toString()).request as string
  const upheld = doubted.append({
    kind: 'dispute',
    ...about,
    step: 'upheld',
    verdictOf: name,
    request: 'ab'.repeat(32),
  })
  const revoked = doubted.append({
    kind: 'revocation',
    ...about,
    step: 'effective',
    digests: [shaOf(OTHER)],
    reason: 'malicious',
    votes: [],
    place: 0,
  })
  assert.throws(() => ask(doubted.bundle([verdict, upheld], { by: FIVE })), { code: 'untrusted.revoked' })
  assert.throws(() => ask(doubted.bundle([verdict, revoked], { by: FIVE })), { code: 'untrusted.revoked' })
  // Another file of the same package was revoked.
  const question = { purl: PURL, digests: [shaOf(PURL)] }
  assert.equal(ask(doubted.bundle([verdict, revoked, request], { by: FIVE }), question).subject?.index, verdict)
})

test('an entry that names its package or files in no readable way is malformed, and not passed over', () => {
  const odd = new ProofLog()
  const { verdict } = logVerdict(odd, PURL, FIVE)
  const at = { heightBlock: 9, timeSeconds: TEST_SECONDS + 90 }
  const about = { kind: 'revocation', v: 1, at, step: 'effective', reason: 'x', votes: [], place: 0 } as const
  const digest = odd.append({ ...about, purl: PURL, digests: ['sha256:short'] })
  const name = odd.append({ ...about, purl: 'pkg:toy/@%', digests: [] })
  assert.throws(() => ask(odd.bundle([verdict, digest], { by: FIVE })), { code: 'untrusted.malformed' })
  assert.throws(() => ask(odd.bundle([verdict, name], { by: FIVE })), { code: 'untrusted.malformed' })
})

test('two checkpoints of one size with different roots are refused, though each carries the quorum', () => {
  const fork = new ProofLog()
  for (const entry of log.entries) fork.append(entry)
  fork.entries[1] = Buffer.from('"forked"')
  const one = JSON.parse(Buffer.from(log.bundle([built.verdict], { by: FIVE })).toString())
  const two = JSON.parse(Buffer.from(fork.bundle([other.verdict], { by: NAMES })).toString())
  const both = { ...one, entries: [...one.entries, ...two.entries] }
  assert.throws(() => ask(Buffer.from(JSON.stringify(both))), { code: 'untrusted.proof', message: /different roots/ })
})

test('unknown signatures and the unauthenticated extra data change nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 5, maxLength: 5000 }), fc.uint8Array(), (signature, extra) => {
      const bundle = JSON.parse(Buffer.from(whole).toString())
      for (const entry of bundle.entries) {
        entry.proof = `${entry.proof}\u2014 nobody.example ${Buffer.from(signature).toString('base64')}\n`.replace(
          '\nindex ',
          `\nextra ${Buffer.from(extra).toString('base64')}\nindex `,
        )
      }
      assert.equal(ask(Buffer.from(JSON.stringify(bundle)), { purl: PURL, needBuilders: true }).builders?.length, 5)
    }),
    { numRuns: 20 },
  )
})

test('any changed bit of a proof file is refused: entry, index, hashes, checkpoint body, needed signatures, all the rest', () => {
  const small = log.bundle([built.verdict], { by: FIVE })
  const text = Buffer.from(small).toString()
  assert.equal(ask(small, { purl: PURL }).subject?.purl, PURL)
  fc.assert(
    fc.property(fc.nat(small.byteLength * 8 - 1), (bit) => {
      const changed = Uint8Array.from(small)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.throws(
        () => ask(changed, { purl: PURL }),
        (error) => isKind(error, 'untrusted'),
        `bit ${bit}: ${text.slice(Math.max(0, (bit >> 3) - 30), (bit >> 3) + 10)}`,
      )
    }),
    { numRuns: 2000 },
  )
})

test('verifyProofBundle() throws nothing but untrusted errors, whatever it is given', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.jsonValue(), fc.nat(whole.byteLength - 1), fc.nat(255), (bytes, json, at, byte) => {
      const changed = Uint8Array.from(whole)
      changed[at] = byte
      const inside = Buffer.from(JSON.stringify({ format: 'pyrsia.proof/1', entries: [{ entry: json, proof: '' }] }))
      for (const each of [bytes, Buffer.from(JSON.stringify(json)), inside, changed]) {
        try {
          ask(each)
        } catch (error) {
          assert.ok(error instanceof AppError && error.kind === 'untrusted', String(error))
        }
      }
    }),
  )
})

test('verifyProofBundle() judges a bounded number of checkpoints', () => {
  const files = Array.from({ length: CHECKPOINTS_MAX + 1 }, (_, at) => {
    return JSON.parse(Buffer.from(log.bundle([0], { by: FIVE, size: log.entries.length - at })).toString())
  })
  const of = (count: number): Buffer => {
    const entries = files.slice(0, count).flatMap((file) => file.entries)
    return Buffer.from(JSON.stringify({ entries, envelopes: [], format: 'pyrsia.proof/1' }))
  }
  assert.throws(() => ask(of(CHECKPOINTS_MAX + 1)), { code: 'untrusted.malformed' })
  assert.equal(ask(of(CHECKPOINTS_MAX - 1)).size, log.entries.length)
})

test('parseProofBundle() keeps to its bounds and to its members', () => {
  const bundle = JSON.parse(Buffer.from(whole).toString())
  const bytes = (value: object): Buffer => Buffer.from(JSON.stringify(value))
  assert.equal(parseProofBundle(bytes(bundle)).entries.length, all.length)
  const [entry] = bundle.entries
  const [envelope] = bundle.envelopes
  for (const bad of [
    { ...bundle, format: 'pyrsia.proof/2' },
    { ...bundle, entries: [] },
    { ...bundle, entries: Array(PROOF_ENTRIES_MAX + 1).fill(entry) },
    { ...bundle, envelopes: Array(33).fill(envelope) },
    { ...bundle, envelopes: [{ ...envelope, payload: Buffer.alloc(16_384).toString('base64') }] },
    { ...bundle, envelopes: 7 },
    { ...bundle, zzz: 1 },
    { ...bundle, entries: [{ ...entry, zzz: 1 }] },
    { ...bundle, entries: [{ entry: entry.entry }] },
    { ...bundle, entries: [{ proof: entry.proof }] },
    { ...bundle, entries: [{ ...entry, proof: 'c2sp.org/tlog-proof@v2' }] },
  ]) {
    assert.throws(() => parseProofBundle(bytes(bad)), { code: 'untrusted.malformed' })
  }
  assert.throws(() => parseProofBundle(Buffer.concat([whole, Buffer.from('\n')])), { code: 'untrusted.malformed' })
})
