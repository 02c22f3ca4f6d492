import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { blobIdOf } from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import { manifestOf } from '../../../base/piece-hash.ts'
import { identityOfSeed } from '../../identity.ts'
import { openManifest, signedManifestBytes, signManifest } from './signed-manifest.ts'

const blob = randomBytes(1_048_577)
const id = blobIdOf(blob)
const identity = identityOfSeed(randomBytes(32))
const signed = signManifest(manifestOf(id, blob), identity)

test('openManifest() gives back what was signed, and who signed it', () => {
  assert.equal(signed.byteLength, signedManifestBytes(blob.byteLength))
  const { manifest, signer } = openManifest(signed, id, blob.byteLength)
  assert.deepEqual(
    { ...manifest, hashes: Buffer.from(manifest.hashes) },
    {
      ...manifestOf(id, blob),
      hashes: Buffer.from(manifestOf(id, blob).hashes),
    },
  )
  assert.equal(signer, identity.peerId)
})

test('openManifest() refuses every flipped bit', () => {
  fc.assert(
    fc.property(fc.nat(signed.byteLength * 8 - 1), (bit) => {
      const mutated = Buffer.from(signed)
      mutated[bit >> 3] = (mutated[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.throws(
        () => openManifest(mutated, id, blob.byteLength),
        (error) =>
          error instanceof AppError && ['usage.manifest', 'untrusted.signature', 'usage.message'].includes(error.code),
      )
    }),
    { numRuns: 200 },
  )
})

test('openManifest() refuses the manifest of another blob and one of another length', () => {
  assert.throws(() => openManifest(signed, blobIdOf(Buffer.from('other')), blob.byteLength), { code: 'usage.manifest' })
  assert.throws(() => openManifest(signed, id, 1), { code: 'usage.manifest' })
  assert.throws(() => openManifest(signed.subarray(0, -1), id, blob.byteLength), { code: 'usage.manifest' })
})
