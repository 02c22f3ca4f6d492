import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blobIdOf, digestBytes } from '../base/digest.ts'
import { parsePurl } from '../base/purl.ts'
import { whyText } from './why.ts'

test('why shows a weak digest as weak, and a strong one without a remark', () => {
  const bytes = Buffer.from('a file')
  const statedBy = 'the index'
  const served = {
    purl: parsePurl('pkg:generic/a@1'),
    label: 'a-1.bin',
    id: blobIdOf(bytes),
    upstream: 'hub',
    evidence: [
      { kind: 'index', digest: digestBytes('sha1', bytes), statedBy },
      { kind: 'index', digest: digestBytes('sha512', bytes), statedBy },
    ],
    origin: { kind: 'upstream', name: 'hub' },
    firstAtMs: 1_000,
    lastAtMs: 2_000,
    stored: undefined,
  } as const
  const text = whyText({ purl: served.purl, served: [served] }, 3_000)
  assert.match(text, /stated {4}sha1:[0-9a-f]+… by the index \(index, weak: no proof\)/)
  assert.match(text, /stated {4}sha512:[0-9a-f]+… by the index \(index\)/)
})
