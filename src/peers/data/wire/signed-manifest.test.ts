import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { blobIdOf } from '../../../base/digest.ts'
import { isKind } from '../../../base/errors.ts'
import { PIECE_BYTES, PIECE_HASH_BYTES, type PieceManifest } from '../../../base/pieces.ts'
import { identityOfSeed } from '../../identity.ts'
import { openManifest, signedManifestBytes, signManifest } from './signed-manifest.ts'

const SIGNER = identityOfSeed(new Uint8Array(32).fill(7))
const MANIFEST: PieceManifest = {
  id: blobIdOf(new Uint8Array([1])),
  sizeBytes: PIECE_BYTES + 1,
  algorithm: 'blake3',
  hashes: new Uint8Array(2 * PIECE_HASH_BYTES).fill(9),
}

test('openManifest() gives back what was signed, and by whom', () => {
  for (const algorithm of ['blake3', 'sha256'] as const) {
    const signed = signManifest({ ...MANIFEST, algorithm }, SIGNER)
    assert.equal(signed.byteLength, signedManifestBytes(MANIFEST.sizeBytes))
    const opened = openManifest(signed, MANIFEST.id, MANIFEST.sizeBytes)
    assert.deepEqual(opened, { manifest: { ...MANIFEST, algorithm }, signer: SIGNER.peerId })
  }
})

test('openManifest() refuses a manifest of another blob, of another size, or cut short, as malformed', () => {
  const signed = signManifest(MANIFEST, SIGNER)
  const other = blobIdOf(new Uint8Array([2]))
  assert.throws(() => openManifest(signed, other, MANIFEST.sizeBytes), { code: 'usage.manifest' })
  assert.throws(() => openManifest(signed, MANIFEST.id, MANIFEST.sizeBytes + 1), { code: 'usage.manifest' })
  assert.throws(() => openManifest(signed.subarray(1), MANIFEST.id, MANIFEST.sizeBytes), { code: 'usage.manifest' })
  assert.throws(() => openManifest(new Uint8Array(), MANIFEST.id, 0), { code: 'usage.manifest' })
})

test('openManifest() refuses a manifest with any bit flipped', () => {
  const signed = signManifest(MANIFEST, SIGNER)
  fc.assert(
    fc.property(fc.nat(signed.byteLength * 8 - 1), (bit) => {
      const flipped = Uint8Array.from(signed)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.throws(
        () => openManifest(flipped, MANIFEST.id, MANIFEST.sizeBytes),
        (error) => isKind(error, 'usage') || isKind(error, 'untrusted'),
      )
    }),
    { numRuns: 100 },
  )
})

test('openManifest() refuses another signer under the same signature with untrusted.signature', () => {
  const signed = signManifest(MANIFEST, SIGNER)
  const impostor = identityOfSeed(new Uint8Array(32).fill(8))
  signed.set(impostor.publicKey, signed.byteLength - 64 - 32)
  assert.throws(() => openManifest(signed, MANIFEST.id, MANIFEST.sizeBytes), { code: 'untrusted.signature' })
})
