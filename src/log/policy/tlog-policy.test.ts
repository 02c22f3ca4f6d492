import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { signerOfSeed } from '../../base/crypto/ed25519.ts'
import { isKind } from '../../base/errors.ts'
import { formatVkey, makeVkey, type Vkey } from '../../base/network/vkey.ts'
import { formatCheckpoint } from '../note/checkpoint.ts'
import { cosign } from '../note/cosignature.ts'
import { formatNote, signNote } from '../note/note.ts'
import { leafHash } from '../tree/hash.ts'
import { checkCheckpoint, medianSeconds } from './check-checkpoint.ts'
import { keysOf, satisfies } from './quorum.ts'
import { POLICY_BYTES_MAX, POLICY_LINES_MAX, parseTlogPolicy } from './tlog-policy.ts'

const signer = (at: number) => signerOfSeed(new Uint8Array(32).fill(at))
const log = signer(100)
const logKey = makeVkey('example.com/log', 'ed25519', log.publicKey)
const witnessKey = (at: number): Vkey => makeVkey(`w${at}.example`, 'cosignature', signer(at).publicKey)
const vkey = (at: number): string => formatVkey(witnessKey(at))
const bytes = (text: string): Uint8Array => Buffer.from(text)

/** The example of tlog-policy: two of X1 to X3, and any of Y1 to Y3 (here 4 to 6). */
const EXAMPLE = `log ${formatVkey(logKey)}

witness X1 ${vkey(1)}
witness X2 ${vkey(2)}
witness X3 ${vkey(3)}
group X-witnesses 2 X1 X2 X3

witness Y1 ${vkey(4)}
witness Y2 ${vkey(5)}
witness Y3 ${vkey(6)}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`

const BODY = formatCheckpoint({ origin: logKey.name, size: 3, root: leafHash(bytes('root')), extensions: [] })

function checkpointBy(witnesses: readonly number[], body: string = BODY): Uint8Array {
  return formatNote({
    text: body,
    signatures: [
      signNote(body, logKey.name, log),
      ...witnesses.map((at) => cosign(body, `w${at}.example`, signer(at), 1_700_000_000 + at)),
    ],
  })
}

test('the example policy of tlog-policy accepts exactly the sets of witnesses that its text describes', () => {
  const policy = parseTlogPolicy(bytes(EXAMPLE))
  for (let set = 0; set < 64; set += 1) {
    const witnesses = [1, 2, 3, 4, 5, 6].filter((_, at) => set & (1 << at))
    const wanted = witnesses.filter((at) => at <= 3).length >= 2 && witnesses.some((at) => at > 3)
    const check = (): void => void checkCheckpoint(checkpointBy(witnesses), policy)
    if (wanted) check()
    else assert.throws(check, { code: 'untrusted.quorum' }, String(witnesses))
  }
})

test('checkCheckpoint() refuses attack F4 "one key": one witness that signs often, or under the names of others, counts once', () => {
  const policy = parseTlogPolicy(bytes(EXAMPLE))
  const often = formatNote({
    text: BODY,
    signatures: [
      signNote(BODY, logKey.name, log),
      ...[10, 20, 30].map((time) => cosign(BODY, 'w1.example', signer(1), time)),
      ...[2, 3, 4].map((at) => cosign(BODY, `w${at}.example`, signer(1), 40)),
    ],
  })
  assert.throws(() => checkCheckpoint(often, policy), { code: 'untrusted.quorum', data: { found: 1, of: 6 } })
})

test('checkCheckpoint() refuses another origin, a log that did not sign, and a signature that is wrong, each by its code', () => {
  const policy = parseTlogPolicy(bytes(EXAMPLE))
  const other = BODY.replace('example.com/log', 'example.com/other')
  assert.throws(() => checkCheckpoint(checkpointBy([1, 2, 4], other), policy), { code: 'untrusted.origin' })
  assert.throws(() => checkCheckpoint(checkpointBy([1]), { logs: [], cosigners: [], quorum: { kind: 'none' } }), {
    code: 'untrusted.origin',
  })
  const unsigned = formatNote({
    text: BODY,
    signatures: [1, 2, 4].map((at) => cosign(BODY, `w${at}.example`, signer(at), 9)),
  })
  assert.throws(() => checkCheckpoint(unsigned, policy), { code: 'untrusted.signature' })
  const wrong = cosign(BODY, 'w3.example', signer(3), 9)
  wrong.signature[20] = (wrong.signature[20] ?? 0) ^ 1
  const spoiled = Buffer.concat([checkpointBy([1, 2, 4]), formatNote({ text: 'x\n', signatures: [wrong] }).subarray(3)])
  assert.throws(() => checkCheckpoint(spoiled, policy), { code: 'untrusted.signature', data: { name: 'w3.example' } })
})

test('a policy with quorum none needs the log alone, and one with a witness as quorum that witness', () => {
  const none = parseTlogPolicy(bytes(`log ${formatVkey(logKey)}\nquorum none\n`))
  assert.deepEqual(checkCheckpoint(checkpointBy([1]), none).cosignatures, [])
  const one = parseTlogPolicy(bytes(`log ${formatVkey(logKey)}\nwitness w ${vkey(2)} https://w.example/\nquorum w\n`))
  assert.equal(one.parties.witnesses[0]?.url, 'https://w.example/')
  assert.throws(() => checkCheckpoint(checkpointBy([1]), one), { code: 'untrusted.quorum' })
  assert.equal(checkCheckpoint(checkpointBy([1, 2]), one).cosignatures.length, 1)
})

test('parseTlogPolicy() takes spaces, tabs, comments and names of any octets as tlog-policy has them', () => {
  const name = Buffer.from([0xff, 0xe2, 0x84, 0xaa])
  const file = Buffer.concat([
    bytes(`# comment \t\n \t\n\tlog  ${formatVkey(logKey)}\t\n  # witness x\nwitness `),
    name,
    bytes(` ${vkey(1)}\ngroup K 1 `),
    name,
    bytes('\nquorum\tK \n'),
  ])
  assert.equal(checkCheckpoint(checkpointBy([1]), parseTlogPolicy(file)).size, 3)
})

test('parseTlogPolicy() refuses what tlog-policy does not allow', () => {
  const w1 = `witness a ${vkey(1)}\n`
  const w2 = `witness b ${vkey(2)}\n`
  for (const text of [
    '',
    w1,
    `${w1}quorum a`,
    `${w1}quorum a\nquorum a\n`,
    `${w1}quorum b\n`,
    `quorum a\n${w1}`,
    `${w1}quorum a b\n`,
    `${w1}quorum\n`,
    `${w1}witness a ${vkey(2)}\nquorum a\n`,
    `${w1}witness c ${vkey(1)}\nquorum a\n`,
    `${w1}witness c ${formatVkey(makeVkey('other.name', 'cosignature', signer(1).publicKey))}\nquorum a\n`,
    `witness none ${vkey(1)}\nquorum none\n`,
    `witness a ${formatVkey(logKey)}\nquorum a\n`,
    `log ${vkey(1)}\nquorum none\n`,
    `log ${formatVkey(logKey)}\nlog ${formatVkey(logKey)}\nquorum none\n`,
    `log ${formatVkey(logKey)} https://a b\nquorum none\n`,
    `log x\nquorum none\n`,
    `${w1}group g all\nquorum g\n`,
    `${w1}group g 0 a\nquorum g\n`,
    `${w1}group g 2 a\nquorum g\n`,
    `${w1}group g 01 a\nquorum g\n`,
    `${w1}group g some a\nquorum g\n`,
    `${w1}group g any none\nquorum g\n`,
    `${w1}group g any g\nquorum g\n`,
    `${w1}group g any a a\nquorum g\n`,
    `${w1}${w2}group g any a b\ngroup h any a\nquorum g\n`,
    `${w1}group a any a\nquorum a\n`,
    `${w1}unknown\nquorum a\n`,
    `${w1}quorum a\r\n`,
    `${w1}quorum a\u0000\n`,
    `${w1}quorum a\u007f\n`,
  ]) {
    assert.throws(() => parseTlogPolicy(bytes(text)), { code: 'usage.log' }, text)
  }
})

test('parseTlogPolicy() reads 32 logs, 32 witnesses and 32 groups, and keeps to its bounds', () => {
  const witnesses = Array.from({ length: 32 }, (_, at) => `witness w${at} ${vkey(at)}\n`).join('')
  const logs = Array.from({ length: 32 }, (_, at) => {
    return `log ${formatVkey(makeVkey(`l${at}`, 'ed25519', signer(at + 40).publicKey))}\n`
  }).join('')
  let groups = 'group g0 any w0\n'
  for (let at = 1; at < 32; at += 1) groups += `group g${at} all g${at - 1} w${at}\n`
  const policy = parseTlogPolicy(bytes(`${logs}${witnesses}${groups}quorum g31\n`))
  assert.equal(policy.logs.length, 32)
  const keys = keysOf(policy.quorum)
  assert.equal(keys.length, 32)
  assert.equal(satisfies(policy.quorum, new Set(keys)), true)
  assert.equal(satisfies(policy.quorum, new Set(keys.slice(1))), false)
  const deeper = `${groups}group g32 any g31\nquorum g32\n`
  assert.throws(() => parseTlogPolicy(bytes(`${witnesses}${deeper}`)), { code: 'usage.log' })
  assert.throws(() => parseTlogPolicy(bytes(`#${'x'.repeat(POLICY_BYTES_MAX)}\nquorum none\n`)), { code: 'usage.log' })
  const many = Array.from({ length: POLICY_LINES_MAX + 1 }, (_, at) => {
    const key = new Uint8Array(32)
    new DataView(key.buffer).setUint32(0, at)
    return `witness w${at} ${formatVkey(makeVkey('w', 'cosignature', key))}\n`
  })
  assert.throws(() => parseTlogPolicy(bytes(`${many.join('')}quorum none\n`)), { code: 'usage.log' })
})

test('parseTlogPolicy() throws nothing but usage.log', () => {
  const whole = bytes(EXAMPLE)
  fc.assert(
    fc.property(fc.nat(whole.byteLength - 1), fc.nat(255), fc.uint8Array(), (at, byte, garbage) => {
      const changed = Uint8Array.from(whole)
      changed[at] = byte
      for (const each of [changed, garbage]) {
        try {
          parseTlogPolicy(each)
        } catch (error) {
          assert.ok(isKind(error, 'usage') && error.code === 'usage.log', String(error))
        }
      }
    }),
  )
})

test("medianSeconds() is nobody's own time: of an odd number the middle one, of an even number the earlier of the two", () => {
  const at = (times: readonly number[]): number | undefined =>
    medianSeconds(times.map((timestampSeconds) => ({ key: logKey, timestampSeconds })))
  assert.equal(at([]), undefined)
  assert.equal(at([7]), 7)
  assert.equal(at([9, 1, 5]), 5)
  assert.equal(at([9, 1, 5, 7]), 5)
})
