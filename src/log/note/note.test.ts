import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase64 } from '../../base/crypto/base64.ts'
import { signerOfSeed } from '../../base/crypto/ed25519.ts'
import { isKind } from '../../base/errors.ts'
import { formatVkey, makeVkey, readVkey } from '../../base/network/vkey.ts'
import { cosign, cosignatureMessage, verifyCosignature } from './cosignature.ts'
import { formatNote, NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX, openNote, parseNote, signNote } from './note.ts'
import { formatSignatureLine, parseSignatureLine } from './signature-line.ts'

interface Vector {
  readonly from: string
  readonly vkeys: readonly string[]
  readonly note: string
  readonly signers?: readonly string[]
  readonly error?: string
  readonly seed?: string
  /** Seconds since 1970; 0 for a signature without a time. */
  readonly timestamps?: readonly number[]
}

const VECTORS = JSON.parse(
  readFileSync(new URL('../../../test/vectors/signed-note/notes.json', import.meta.url), 'utf8'),
) as readonly Vector[]
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

test('openNote() agrees with every published note, good and bad', () => {
  for (const { from, vkeys, note, signers, error, timestamps } of VECTORS) {
    const open = () => openNote(parseNote(bytes(note)), vkeys.map(readVkey))
    if (error !== undefined) assert.throws(open, { code: error }, `${from}: ${note}`)
    else {
      assert.deepEqual(
        open().map(({ key }) => key.name),
        signers,
        from,
      )
    }
    if (timestamps !== undefined)
      assert.deepEqual(
        open().map(({ timestampSeconds }) => timestampSeconds ?? 0),
        timestamps,
      )
  }
})

test('signNote() and formatNote() write the published notes byte for byte', () => {
  const vector = VECTORS.find(({ seed }) => seed !== undefined)
  assert.ok(vector?.seed !== undefined)
  const [, , name = '', , seed = ''] = vector.seed.split('+')
  // The last part holds plus signs of base64 too: take everything behind the fourth.
  const secret = decodeBase64(vector.seed.split('+').slice(4).join('+') || seed)
  const signer = signerOfSeed((secret ?? new Uint8Array(0)).subarray(1))
  const { text } = parseNote(bytes(vector.note))
  assert.equal(Buffer.from(formatNote({ text, signatures: [signNote(text, name, signer)] })).toString(), vector.note)
  assert.equal(formatVkey(makeVkey(name, 'ed25519', signer.publicKey)), vector.vkeys[0])
})

const log = signerOfSeed(new Uint8Array(32).fill(1))
const witness = signerOfSeed(new Uint8Array(32).fill(2))
const stranger = signerOfSeed(new Uint8Array(32).fill(3))
const logKey = makeVkey('example.com/log', 'ed25519', log.publicKey)
const witnessKey = makeVkey('witness.example', 'cosignature', witness.publicKey)
const TEXT = 'example.com/log\n7\n5Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=\n'
const signed = {
  text: TEXT,
  signatures: [signNote(TEXT, logKey.name, log), cosign(TEXT, witnessKey.name, witness, 1_700_000_000)],
}

test('openNote() gives each known key once, with the newest time of its cosignatures', () => {
  const older = cosign(TEXT, witnessKey.name, witness, 1_600_000_000)
  const newer = cosign(TEXT, witnessKey.name, witness, 1_800_000_000)
  const note = { text: TEXT, signatures: [...signed.signatures, newer, older] }
  assert.deepEqual(openNote(parseNote(formatNote(note)), [witnessKey, logKey]), [
    { key: logKey, timestampSeconds: undefined },
    { key: witnessKey, timestampSeconds: 1_800_000_000 },
  ])
})

test('openNote() ignores signatures of unknown keys, whatever they hold and whatever part of a known key they share', () => {
  const [first, second] = signed.signatures as [(typeof signed.signatures)[0], (typeof signed.signatures)[0]]
  const unknown = [
    signNote(TEXT, logKey.name, stranger),
    { ...first, name: 'example.com/other' },
    { ...second, keyId: first.keyId },
    { name: 'post-quantum', keyId: Uint8Array.of(1, 2, 3, 4), signature: new Uint8Array(4627) },
    { name: 'x', keyId: Uint8Array.of(0, 0, 0, 0), signature: Uint8Array.of(0) },
  ]
  const note = { text: TEXT, signatures: [...unknown, ...signed.signatures, ...unknown] }
  assert.equal(openNote(parseNote(formatNote(note)), [logKey, witnessKey]).length, 2)
  assert.throws(() => openNote({ text: TEXT, signatures: unknown }, [logKey]), { code: 'untrusted.signature' })
})

test('openNote() refuses attack F6, a swapped key id: the signature of one key under the id of another', () => {
  const [first, second] = signed.signatures as [(typeof signed.signatures)[0], (typeof signed.signatures)[0]]
  for (const swapped of [
    [{ ...first, signature: second.signature }, second],
    [first, { ...second, signature: first.signature }],
    [{ ...signNote(TEXT, logKey.name, stranger), keyId: logKey.keyId }],
  ]) {
    assert.throws(() => openNote({ text: TEXT, signatures: swapped }, [logKey, witnessKey]), {
      code: 'untrusted.signature',
    })
  }
})

test('openNote() lets nobody spoil the notes of a key by making another with the same name and id', () => {
  const alike = { ...makeVkey(logKey.name, 'ed25519', stranger.publicKey), keyId: logKey.keyId }
  assert.deepEqual(
    openNote(signed, [alike, logKey]).map(({ key }) => key),
    [logKey],
  )
})

test('a change of any bit of a signed note is noticed: refused, or the signature belongs to nobody', () => {
  const note = formatNote(signed)
  for (let bit = 0; bit < note.byteLength * 8; bit += 1) {
    const changed = Uint8Array.from(note)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    try {
      const good = openNote(parseNote(changed), [logKey, witnessKey])
      assert.ok(good.length < 2, `bit ${bit}`)
    } catch (error) {
      assert.ok(isKind(error, 'usage') || isKind(error, 'untrusted'), String(error))
    }
  }
})

test('parseNote() gives back what formatNote() wrote', () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((text) => !/[\p{White_Space}+\p{Cc}]/u.test(text))
  const line = fc.record({
    name,
    keyId: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    signature: fc.uint8Array({ minLength: 1, maxLength: 80 }),
  })
  const text = fc
    .array(fc.string({ unit: 'grapheme' }))
    .map((lines) => `${lines.join('\n').replaceAll(/[^\n\P{Cc}]/gu, '')}x\n`)
  fc.assert(
    fc.property(text, fc.array(line, { minLength: 1, maxLength: 5 }), (body, signatures) => {
      const note = parseNote(formatNote({ text: body, signatures }))
      assert.equal(note.text, body)
      assert.equal(note.signatures.map(formatSignatureLine).join(''), signatures.map(formatSignatureLine).join(''))
    }),
  )
})

test('parseNote() keeps to its bounds, and reads at least the 16 signatures that signed-note demands', () => {
  const [one] = signed.signatures as [(typeof signed.signatures)[0]]
  const large = { ...one, name: 'post-quantum', signature: new Uint8Array(4627) }
  assert.equal(parseNote(formatNote({ text: TEXT, signatures: Array(16).fill(large) })).signatures.length, 16)
  const many = (count: number): Uint8Array => bytes(`${TEXT}\n${formatSignatureLine(one).repeat(count)}`)
  assert.equal(parseNote(many(NOTE_SIGNATURES_MAX)).signatures.length, NOTE_SIGNATURES_MAX)
  assert.throws(() => parseNote(many(NOTE_SIGNATURES_MAX + 1)), { code: 'usage.log' })
  const long = bytes(`${'x'.repeat(NOTE_BYTES_MAX)}\n\n${formatSignatureLine(one)}`)
  assert.throws(() => parseNote(long), { code: 'usage.log' })
})

test('parseNote() and parseSignatureLine() throw nothing but usage.log', () => {
  const note = formatNote(signed)
  fc.assert(
    fc.property(fc.nat(note.byteLength - 1), fc.nat(255), fc.string(), (at, byte, garbage) => {
      const changed = Uint8Array.from(note)
      changed[at] = byte
      for (const run of [
        () => parseNote(changed),
        () => parseNote(bytes(garbage)),
        () => parseSignatureLine(garbage),
        () => parseSignatureLine(`\u2014 ${garbage}`),
      ]) {
        try {
          run()
        } catch (error) {
          assert.ok(isKind(error, 'usage') && error.code === 'usage.log', String(error))
        }
      }
    }),
  )
})

test('formatNote() writes nothing that is read as another note', () => {
  const { signatures } = signed
  for (const text of ['no newline', 'a\n\n\u2014 x AAAAAAA=', '', '\u0001\n']) {
    assert.throws(() => formatNote({ text, signatures }), { code: 'usage.log' }, text)
  }
  const [one] = signatures as [(typeof signatures)[0]]
  assert.throws(() => formatNote({ text: TEXT, signatures: [{ ...one, name: 'a b' }] }), { code: 'usage.log' })
  assert.throws(() => formatNote({ text: TEXT, signatures: [] }), { code: 'usage.log' })
})

test('cosign() signs the message of tlog-cosignature, and only its time and text verify', () => {
  const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'
  assert.equal(
    Buffer.from(cosignatureMessage(text, 1_679_315_147)).toString(),
    `cosignature/v1\ntime 1679315147\n${text}`,
  )
  const { signature } = cosign(text, witnessKey.name, witness, 1_679_315_147)
  assert.equal(Buffer.from(signature.subarray(0, 8)).toString('hex'), '00000000641850cb')
  assert.equal(verifyCosignature(text, witnessKey, signature), 1_679_315_147)
  assert.equal(verifyCosignature(`${text}x\n`, witnessKey, signature), undefined)
  assert.equal(verifyCosignature(text, makeVkey('w', 'cosignature', stranger.publicKey), signature), undefined)
  // The same key as a plain Ed25519 one has another id and signs other bytes.
  assert.equal(verifyCosignature(text, makeVkey(witnessKey.name, 'ed25519', witness.publicKey), signature), undefined)
  for (let bit = 0; bit < signature.byteLength * 8; bit += 1) {
    const changed = Uint8Array.from(signature)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(verifyCosignature(text, witnessKey, changed), undefined, `bit ${bit}`)
  }
  assert.equal(verifyCosignature(text, witnessKey, signature.subarray(1)), undefined)
})

test('parseNote() reads the example of tlog-cosignature, its key ids and its time, though its keys are not published', () => {
  const note = parseNote(
    bytes(
      'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n' +
        '\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n' +
        '\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n',
    ),
  )
  const [, cosignature] = note.signatures
  assert.equal(cosignature?.name, 'witness.example.com/w1')
  assert.equal(Buffer.from(cosignature.keyId).toString('hex'), '8d66cf3f')
  assert.equal(cosignature.signature.byteLength, 72)
  assert.equal(Buffer.from(cosignature.signature).readBigUInt64BE(), 1_679_315_147n)
})

test('cosign() refuses times that are no whole seconds', () => {
  for (const time of [-1, 1.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => cosign(TEXT, 'w', witness, time), { code: 'usage.log' })
  }
})

test('makeVkey() refuses names that no note can carry, and readVkey() keys whose id is not theirs', () => {
  for (const name of ['', 'a b', 'a+b', 'a\n', 'a\u00a0b']) {
    assert.throws(() => makeVkey(name, 'ed25519', log.publicKey), { code: 'usage.network' }, name)
  }
  assert.throws(() => makeVkey('a', 'ed25519', new Uint8Array(31)), { code: 'usage.network' })
  assert.throws(() => readVkey(formatVkey(logKey).replace('log+', 'lag+')), { code: 'usage.network' })
})

test('readVkey() reads the verifier key of the cosigner in the published examples of its format', () => {
  const key = readVkey('remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2')
  assert.equal(key.type, 'cosignature')
  assert.equal(formatVkey(key), 'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2')
})
