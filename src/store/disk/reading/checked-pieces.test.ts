import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steppedClock } from '../../../../test/kit/stepped-clock.ts'
import { blobIdOf } from '../../../base/digest.ts'
import { CheckedPieces } from './checked-pieces.ts'

const MIB = 1_048_576
const idOf = (name: string) => blobIdOf(Buffer.from(name))

test('CheckedPieces gives a copy of what was put, by blob and piece', () => {
  const kept = new CheckedPieces(steppedClock())
  const piece = Buffer.from('first')
  kept.put(idOf('a'), 3, piece)
  // A reader's buffer is used again for other bytes.
  piece.fill(0)
  assert.equal(kept.get(idOf('a'), 3)?.toString(), 'first')
  assert.equal(kept.get(idOf('a'), 2), undefined)
  assert.equal(kept.get(idOf('b'), 3), undefined)
})

test('CheckedPieces forgets what was not asked for within a minute, and keeps what was', () => {
  const clock = steppedClock()
  const kept = new CheckedPieces(clock)
  for (const name of ['idle', 'asked']) kept.put(idOf(name), 0, Buffer.from(name))
  for (let at = 0; at < 4; at += 1) {
    clock.advance(30_000)
    assert.ok(kept.get(idOf('asked'), 0))
  }
  assert.equal(kept.get(idOf('idle'), 0), undefined)
})

test('CheckedPieces stays within its bytes: the pieces that were asked for last are the ones that stay', () => {
  const kept = new CheckedPieces(steppedClock())
  const piece = Buffer.alloc(MIB)
  for (let at = 0; at < 200; at += 1) {
    kept.put(idOf('long'), at, piece)
    kept.get(idOf('long'), 0)
  }
  const count = Array.from({ length: 200 }, (_, at) => kept.get(idOf('long'), at)).filter(Boolean).length
  assert.ok(count >= 15 && count <= 32, `wanted at most 32 pieces of 1 MiB, found ${count}`)
  assert.ok(kept.get(idOf('long'), 199))
  assert.ok(kept.get(idOf('long'), 0))
})

test('CheckedPieces is empty after clear()', () => {
  const kept = new CheckedPieces(steppedClock())
  kept.put(idOf('a'), 0, Buffer.from('a'))
  kept.clear()
  assert.equal(kept.get(idOf('a'), 0), undefined)
})
