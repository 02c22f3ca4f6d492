import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../errors.ts'
import { domainHash, encodeParts, type HashPart } from './domain-hash.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 8 })

test('encodeParts() writes each part behind its length, numbers in eight bytes', () => {
  const bytes = Buffer.from(encodeParts('ab', [Uint8Array.of(0xff), 'é', 258])).toString('hex')
  assert.equal(
    bytes,
    ['00000002', '6162', '00000001', 'ff', '00000002', 'c3a9', '00000008', '0000000000000102'].join(''),
  )
})

test('domainHash() is the SHA-256 of encodeParts()', () => {
  const wanted = createHash('sha256')
    .update(encodeParts('d', ['x', 1]))
    .digest('hex')
  assert.equal(Buffer.from(domainHash('d', ['x', 1])).toString('hex'), wanted)
})

test('encodeParts() gives no two lists of text the same bytes', () => {
  const lists = fc.array(text, { maxLength: 4 })
  fc.assert(
    fc.property(text, lists, text, lists, (domain, parts, otherDomain, others) => {
      const same = JSON.stringify([domain, parts]) === JSON.stringify([otherDomain, others])
      assert.equal(Buffer.compare(encodeParts(domain, parts), encodeParts(otherDomain, others)) === 0, same)
    }),
  )
  assert.notDeepEqual(encodeParts('d', ['ab', 'c']), encodeParts('d', ['a', 'bc']))
  assert.notDeepEqual(encodeParts('d', ['a', '']), encodeParts('d', ['', 'a']))
})

test('encodeParts() refuses what it could only write inexactly', () => {
  const refused = (part: HashPart) =>
    assert.throws(
      () => encodeParts('d', [part]),
      (error) => error instanceof AppError && error.code === 'bug.assertion',
    )
  for (const part of [-1, 1.5, 2 ** 53, Number.NaN, '\ud800']) refused(part)
})
