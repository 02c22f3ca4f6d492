import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import fc from 'fast-check'
import { checkPublicKey, signerOfSeed, verifyEd25519 } from './ed25519.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))

interface Wycheproof {
  readonly numberOfTests: number
  readonly testGroups: ReadonlyArray<{
    readonly publicKey: { readonly pk: string }
    readonly tests: ReadonlyArray<{
      readonly tcId: number
      readonly msg: string
      readonly sig: string
      readonly result: 'valid' | 'invalid'
    }>
  }>
}

test('verifyEd25519() agrees with every case of Wycheproof', () => {
  const file = new URL('../../../test/vectors/wycheproof/ed25519_test.json', import.meta.url)
  const { testGroups, numberOfTests } = JSON.parse(readFileSync(file, 'utf8')) as Wycheproof
  let count = 0
  for (const { publicKey, tests } of testGroups) {
    checkPublicKey(hex(publicKey.pk))
    for (const { tcId, msg, sig, result } of tests) {
      assert.equal(verifyEd25519(hex(publicKey.pk), hex(msg), hex(sig)), result === 'valid', `case ${tcId}`)
      count += 1
    }
  }
  assert.equal(count, numberOfTests)
})

test('signerOfSeed() signs as RFC 8032, 7.1, has it', () => {
  const cases = [
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ] as const
  for (const [seed, publicKey, message, signature] of cases) {
    const signer = signerOfSeed(hex(seed))
    assert.deepEqual(signer.publicKey, hex(publicKey))
    assert.deepEqual(signer.sign(hex(message)), hex(signature))
    assert.equal(verifyEd25519(hex(publicKey), hex(message), hex(signature)), true)
  }
})

test('verifyEd25519() says no to any changed bit of key, message or signature, and never throws', () => {
  const signer = signerOfSeed(new Uint8Array(32).fill(7))
  const message = Buffer.from('a statement of ours')
  const whole = Buffer.concat([signer.publicKey, signer.sign(message), message])
  const check = (bytes: Uint8Array): boolean =>
    verifyEd25519(bytes.subarray(0, 32), bytes.subarray(96), bytes.subarray(32, 96))
  assert.equal(check(whole), true)
  for (let bit = 0; bit < whole.byteLength * 8; bit += 1) {
    const changed = Uint8Array.from(whole)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(check(changed), false, `bit ${bit}`)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 80 }), (key, signature) => {
      assert.equal(verifyEd25519(key, message, signature), false)
    }),
  )
})

test('checkPublicKey() refuses keys of low order, other encodings of a point, points off the curve or with a torsion part, and other lengths', () => {
  const bad = [
    // The eight points of low order that have a canonical encoding, by y: 1, -1, 0, and the four of order 8.
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0000000000000000000000000000000000000000000000000000000000000080',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    // y = p and y = p + 1 instead of 0 and 1; x = 0 with a sign.
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0100000000000000000000000000000000000000000000000000000000000080',
    // No point has y = 2.
    '0200000000000000000000000000000000000000000000000000000000000000',
    '01',
    '',
  ]
  for (const key of bad) assert.throws(() => checkPublicKey(hex(key)), { code: 'usage.key' }, key)
  // The base point plus a point of order 8: on the curve, canonical, of high order, and verifiers disagree on it.
  const mixed = ed25519.Point.BASE.add(ed25519.Point.fromHex(bad[4] ?? ''))
  assert.throws(() => checkPublicKey(mixed.toBytes()), { code: 'usage.key', message: /prime-order/ })
  checkPublicKey(ed25519.Point.BASE.toBytes())
  checkPublicKey(signerOfSeed(new Uint8Array(32)).publicKey)
})

test('verifyEd25519() answers right with more keys than it keeps', () => {
  for (let round = 0; round < 2; round += 1) {
    for (let at = 0; at < 1100; at += 1) {
      const seed = new Uint8Array(32)
      new DataView(seed.buffer).setUint32(0, at)
      const signer = signerOfSeed(seed)
      if (at % 50 === 0) assert.equal(verifyEd25519(signer.publicKey, seed, signer.sign(seed)), true)
      else verifyEd25519(signer.publicKey, seed, new Uint8Array(64))
    }
  }
})

test('signerOfSeed() refuses a seed that is not 32 bytes long', () => {
  assert.throws(() => signerOfSeed(new Uint8Array(31)), { code: 'usage.key' })
})
