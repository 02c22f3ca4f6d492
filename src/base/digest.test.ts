import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  ALGORITHMS,
  algorithmOf,
  blobIdOf,
  createHasher,
  digestBytes,
  digestOf,
  digestsOfSri,
  hexOf,
  isBlobId,
  isStrong,
  parseBlobId,
  parseDigest,
  sriOf,
} from './digest.ts'
import { isKind } from './errors.ts'

/** FIPS 180-2, appendix B.1 and C.1, and RFC 1321, A.5: the digests of "abc". */
const ABC = new TextEncoder().encode('abc')
const ABC_SHA256 = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
const ABC_MD5 = 'md5:900150983cd24fb0d6963f7d28e17f72'

test('parseDigest() takes each algorithm at its own length and gives its parts back', () => {
  for (const algorithm of ALGORITHMS) {
    const digest = digestBytes(algorithm, ABC)
    assert.equal(parseDigest(digest), digest)
    assert.equal(digestOf(algorithm, hexOf(digest).toUpperCase()), digest)
    assert.equal(algorithmOf(digest), algorithm)
  }
})

test('parseDigest() refuses other lengths, upper case, unknown algorithms and text around it', () => {
  const hex = ABC_SHA256.slice(7)
  const bad = ['', 'sha256', 'sha256:', hex, `sha256:${hex}0`, `sha256:${hex.toUpperCase()}`, `sha512:${hex}`]
  for (const text of [...bad, `sha224:${hex}`, ` sha256:${hex}`, `sha256:${hex}\n`, `toString:${hex}`]) {
    assert.throws(() => parseDigest(text), { code: 'usage.digest' }, JSON.stringify(text))
  }
})

test('parseDigest() throws nothing but usage.digest', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        assert.equal(parseDigest(text), text)
      } catch (error) {
        assert.ok(isKind(error, 'usage'))
      }
    }),
  )
})

test('parseBlobId() takes sha256 alone', () => {
  assert.ok(isBlobId(parseBlobId(ABC_SHA256)))
  assert.throws(() => parseBlobId(digestBytes('sha512', ABC)), { code: 'usage.digest' })
})

test('isStrong() is true for sha256 and sha512 alone', () => {
  assert.deepEqual(
    ALGORITHMS.map((algorithm) => isStrong(digestBytes(algorithm, ABC))),
    [true, true, false, false],
  )
})

test('blobIdOf() and digestBytes() give the published digests of "abc"', () => {
  assert.equal(blobIdOf(ABC), ABC_SHA256)
  assert.equal(digestBytes('md5', ABC), ABC_MD5)
})

test('digestsOfSri() sorts by strength and leaves out what it does not know or what has the wrong length', () => {
  const sha1 = digestBytes('sha1', ABC)
  const sha512 = digestBytes('sha512', ABC)
  const sri = `sha1-AAAA sha384-${'A'.repeat(64)} ${sriOf(sha1)} ${sriOf(sha512)}?option nonsense`
  assert.deepEqual(digestsOfSri(sri), [sha512, sha1])
  assert.deepEqual(digestsOfSri(''), [])
})

test('sriOf() and digestsOfSri() are inverse', () => {
  fc.assert(
    fc.property(fc.constantFrom(...ALGORITHMS), fc.uint8Array(), (algorithm, bytes) => {
      const digest = digestBytes(algorithm, bytes)
      assert.deepEqual(digestsOfSri(sriOf(digest)), [digest])
    }),
    { numRuns: 50 },
  )
})

test('createHasher() hashes what passes with several functions at once, however it is cut', () => {
  const hasher = createHasher(['sha256', 'md5', 'md5'])
  hasher.update(ABC.subarray(0, 1))
  hasher.update(ABC.subarray(1))
  assert.deepEqual([...hasher.digests().values()], [ABC_SHA256, ABC_MD5])
})
