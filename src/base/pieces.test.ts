import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PIECE_BYTES, pieceCount, pieceSize } from './pieces.ts'

test('pieceCount() of an empty blob is none, and of a full piece one', () => {
  assert.deepEqual([0, 1, PIECE_BYTES, PIECE_BYTES + 1].map(pieceCount), [0, 1, 1, 2])
})

test('pieceSize() sums up to the size of the blob, and only the last piece is short', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 * PIECE_BYTES }), (sizeBytes) => {
      const sizes = Array.from({ length: pieceCount(sizeBytes) }, (_, index) => pieceSize(sizeBytes, index))
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        sizeBytes,
      )
      assert.ok(sizes.slice(0, -1).every((size) => size === PIECE_BYTES))
      assert.ok(sizes.every((size) => size > 0))
    }),
  )
})
