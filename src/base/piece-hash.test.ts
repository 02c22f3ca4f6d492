import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blobIdOf } from './digest.ts'
import { hashPiece, manifestOf, PIECE_ALGORITHM, pieceAgrees } from './piece-hash.ts'
import { PIECE_BYTES } from './pieces.ts'

test('hashPiece() agrees with the published hashes of the empty input', () => {
  assert.equal(
    hashPiece('sha256', new Uint8Array()).toString('hex'),
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  )
  if (PIECE_ALGORITHM === 'blake3') {
    assert.equal(
      hashPiece('blake3', new Uint8Array()).toString('hex'),
      'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
    )
  }
})

test('pieceAgrees() accepts each piece at its own place and no changed, short or misplaced one', () => {
  const bytes = Buffer.alloc(2 * PIECE_BYTES + 3, 'abc')
  const manifest = manifestOf(blobIdOf(bytes), bytes)
  const first = bytes.subarray(0, PIECE_BYTES)
  const last = bytes.subarray(2 * PIECE_BYTES)
  assert.ok(pieceAgrees(manifest, 0, first))
  assert.ok(pieceAgrees(manifest, 2, last))
  assert.ok(!pieceAgrees(manifest, 1, first))
  assert.ok(!pieceAgrees(manifest, 2, last.subarray(1)))
  const changed = Buffer.from(first)
  changed[17] = (changed[17] ?? 0) ^ 1
  assert.ok(!pieceAgrees(manifest, 0, changed))
})
