import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sampleEntries } from '../../../test/kit/sample-entries.ts'
import { encodeEntry } from './entry.ts'
import { entryKeys } from './entry-keys.ts'
import { indexKeys } from './index-keys.ts'

test('indexKeys() says of every entry what entryKeys() says', () => {
  for (const entry of sampleEntries()) {
    const { kind, purls, digests, packages } = indexKeys(encodeEntry(entry))
    const wanted = entryKeys(entry)
    assert.equal(kind, entry.kind)
    assert.deepEqual(purls, wanted.purls)
    assert.deepEqual(packages, wanted.packages)
    assert.deepEqual([...new Set(digests)], wanted.digests)
  }
})

test('indexKeys() throws nothing, whatever it is given', () => {
  const samples = sampleEntries().map(encodeEntry)
  const none = { kind: undefined, purls: [], digests: [], packages: [] }
  for (const text of ['', '1', 'null', '[]', '{}', '{"kind":1}'])
    assert.deepEqual(indexKeys(Buffer.from(text)), none, text)
  const odd = indexKeys(Buffer.from('{"kind":"commit","purl":7}'))
  assert.deepEqual(odd, { ...none, kind: 'commit' })
  fc.assert(
    fc.property(fc.nat(samples.length - 1), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, place, flip) => {
      const bytes = Uint8Array.from(samples[which] ?? [])
      const at = place % bytes.length
      bytes[at] = (bytes[at] ?? 0) ^ flip
      indexKeys(bytes)
    }),
  )
})
