import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hexOf, keyOf, SAMPLE_PURL, sampleEntries, sampleResult } from '../../../test/kit/sample-entries.ts'
import { canonicalJson, type Json } from '../crypto/canonical-json.ts'
import { AppError } from '../errors.ts'
import { packageOf } from '../purl.ts'
import { type Entry, encodeEntry, parseEntry } from './entry.ts'
import { entryKeys } from './entry-keys.ts'

const refused = (error: unknown) => error instanceof AppError && error.code === 'usage.entry'

test('parseEntry() reads back what encodeEntry() wrote, for every kind and step', () => {
  const kinds = new Set<string>()
  for (const entry of sampleEntries()) {
    kinds.add(entry.kind)
    assert.deepEqual(parseEntry(encodeEntry(entry)), entry)
  }
  assert.equal(kinds.size, 11)
})

test('parseEntry() refuses an unknown kind, version or member, and a member that is missing, on every level', () => {
  for (const entry of sampleEntries()) {
    const json = entry as unknown as { readonly [key: string]: Json }
    const { at: _, ...without } = json
    for (const wrong of [
      { ...json, kind: 'constructor' },
      { ...json, v: 2 },
      { ...json, more: 1 },
      without,
      { ...json, at: { heightBlock: 1, timeSeconds: 1.5 } },
      { ...json, at: { heightBlock: 1, timeSeconds: 2 ** 53 } },
      { ...json, at: { heightBlock: 1, timeSeconds: 1, zone: 'UTC' } },
    ]) {
      assert.throws(() => parseEntry(canonicalJson(wrong)), refused)
    }
  }
})

test('parseEntry() throws nothing but usage.entry, whatever it is given', () => {
  const samples = sampleEntries().map(encodeEntry)
  fc.assert(
    fc.property(fc.nat(samples.length - 1), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, place, flip) => {
      const bytes = Uint8Array.from(samples[which] ?? [])
      const at = place % bytes.length
      bytes[at] = (bytes[at] ?? 0) ^ flip
      try {
        parseEntry(bytes)
      } catch (error) {
        assert.ok(refused(error))
      }
    }),
  )
  for (const text of ['', '1', 'null', '[]', '"kind"', '{}', '{"kind":1}', ' {"kind":"head"}']) {
    assert.throws(() => parseEntry(Buffer.from(text)), refused)
  }
})

test('parseEntry() refuses files that are out of order or named twice: agreement is on bytes', () => {
  const verdict = sampleEntries().find((entry) => entry.kind === 'verdict')
  const [file] = sampleResult('bytes').files
  assert.ok(verdict?.agreed && 'files' in verdict.agreed && file)
  const twice = { ...verdict, agreed: { ...verdict.agreed, files: [file, file] } } as unknown as Json
  assert.throws(() => parseEntry(canonicalJson(twice)), refused)
})

test('encodeEntry() refuses what is larger than a tile can hold', () => {
  const verdict = sampleEntries().find((entry) => entry.kind === 'verdict')
  assert.ok(verdict)
  const panel = Array.from({ length: 400 }, () => verdict.panel[0]).filter((one) => one !== undefined)
  assert.throws(() => encodeEntry({ ...verdict, panel }), refused)
})

test('entryKeys() finds a verdict by its purl and by every digest that was agreed on, upstream included', () => {
  const verdict = sampleEntries().find((entry) => entry.kind === 'verdict')
  assert.ok(verdict)
  const { purls, digests } = entryKeys(verdict)
  assert.deepEqual(purls, [SAMPLE_PURL])
  assert.ok(digests.includes(`sha256:${hexOf('bytes')}` as (typeof digests)[number]))
  assert.equal(digests.length, 3, 'the same bytes upstream give no second key')
  const agreed = sampleResult('bytes', 'other bytes')
  assert.ok(entryKeys({ ...verdict, agreed }).digests.some((digest) => digest === `sha256:${hexOf('other bytes')}`))
})

test("entryKeys() gives one builder's report, and everything else about a package, its purl alone", () => {
  const about = (kind: Entry['kind']) =>
    sampleEntries()
      .filter((entry) => entry.kind === kind)
      .map(entryKeys)
  for (const kind of ['request', 'selection', 'commit', 'reveal', 'fault'] as const) {
    for (const keys of about(kind)) assert.deepEqual(keys, { purls: [SAMPLE_PURL], digests: [], packages: [] })
  }
  for (const kind of ['member', 'policy', 'head'] as const) {
    for (const keys of about(kind)) assert.deepEqual(keys, { purls: [], digests: [], packages: [] })
  }
  for (const { purls, digests } of about('revocation')) assert.deepEqual([purls.length, digests.length], [1, 1])
  assert.notEqual(keyOf('a'), keyOf('b'))
})

test('entryKeys() finds what decides on a release by its package too', () => {
  for (const entry of sampleEntries()) {
    const decides = ['verdict', 'dispute', 'revocation'].includes(entry.kind)
    assert.deepEqual(entryKeys(entry).packages, decides ? [packageOf(SAMPLE_PURL)] : [], entry.kind)
  }
})
