import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { countKind, durationKind, rateKind, sizeKind, upstreamKind } from './kinds.ts'

test('a size is read back as it was formatted', () => {
  fc.assert(fc.property(fc.nat(2 ** 31), (bytes) => sizeKind.parse(sizeKind.format(bytes)) === bytes))
})

test('a time is read back as it was formatted', () => {
  fc.assert(fc.property(fc.nat(999_999_999), (seconds) => durationKind.parse(durationKind.format(seconds)) === seconds))
})

test('a rate has a unit per second or is unlimited', () => {
  assert.equal(rateKind.parse('unlimited'), undefined)
  assert.equal(rateKind.parse('1KiB/s'), 1024)
  assert.throws(() => rateKind.parse('0MB/s'), { code: 'usage.config' })
})

test('no kind throws anything but usage.config', () => {
  const kinds = [sizeKind, durationKind, rateKind, upstreamKind, countKind('N', 1, 5)]
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(...kinds), (text, kind) => {
      try {
        kind.parse(text)
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'usage.config')
      }
    }),
  )
})
