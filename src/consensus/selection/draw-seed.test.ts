import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { AppError } from '../../base/errors.ts'
import { type DrawInputs, drawSeed } from './draw-seed.ts'

const INPUTS: DrawInputs = {
  network: 'example.org/pyrsia',
  chainHash: new Uint8Array(32).fill(1),
  round: 1000,
  randomness: new Uint8Array(32).fill(2),
  requestLeafHash: new Uint8Array(32).fill(3),
  attempt: 1,
  membershipRoot: new Uint8Array(32).fill(4),
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('drawSeed() is the SHA-256 of the domain and the inputs in order, each behind its length', () => {
  const field = (bytes: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return Buffer.concat([length, bytes])
  }
  const number = (value: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(BigInt(value))
    return bytes
  }
  const byHand = createHash('sha256')
  for (const bytes of [
    Buffer.from('pyrsia/draw/1'),
    Buffer.from('example.org/pyrsia'),
    Buffer.alloc(32, 1),
    number(1000),
    Buffer.alloc(32, 2),
    Buffer.alloc(32, 3),
    number(1),
    Buffer.alloc(32, 4),
  ]) {
    byHand.update(field(bytes))
  }
  assert.equal(hex(drawSeed(INPUTS)), byHand.digest('hex'))
})

test('drawSeed() changes with every one of its inputs', () => {
  const other = new Uint8Array(32).fill(9)
  const changes: Partial<DrawInputs>[] = [
    { network: 'example.org/pyrsia2' },
    { chainHash: other },
    { round: 1001 },
    { randomness: other },
    { requestLeafHash: other },
    { attempt: 2 },
    { membershipRoot: other },
  ]
  const seeds = new Set(
    [INPUTS, ...changes.map((change) => ({ ...INPUTS, ...change }))].map((one) => hex(drawSeed(one))),
  )
  assert.equal(seeds.size, changes.length + 1)
})

test('drawSeed() refuses hashes that have not 32 bytes', () => {
  for (const name of ['chainHash', 'randomness', 'requestLeafHash', 'membershipRoot']) {
    assert.throws(
      () => drawSeed({ ...INPUTS, [name]: new Uint8Array(31) }),
      (error) => error instanceof AppError && error.code === 'bug.assertion',
    )
  }
})
