import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testVerdict } from '../../test/kit/log-entries.ts'
import type { Json } from '../base/crypto/canonical-json.ts'
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

test('why shows what the log says: the entry, its index, the checkpoint, who cosigned, and how old', () => {
  const verdict = testVerdict({ purl: 'pkg:generic/a@1', files: [{ name: 'a', bytes: Buffer.from('a') }] })
  const checkpoint = {
    origin: 'local/ab',
    network: 'solo',
    solo: true,
    mode: 'full',
    size: 9,
    cosignatures: [{ name: 'local/ab/cosigner', timeSeconds: 40 }],
    quorum: { k: 1, of: 1 },
    timeSeconds: 40,
    notes: [],
  } as const
  const entries = [{ index: 7, entry: verdict as unknown as Json }]
  const text = whyText({ purl: parsePurl('pkg:generic/a@1'), served: [], log: { checkpoint, entries } }, 100_000)
  assert.match(text, /log local\/ab\n {2}entry +7: rebuilt, upstream equal, exact: 3 of 4 alike \(TEST ENTRY\)/)
  assert.match(text, /covered +by the checkpoint of 9 entries, 60 s ago/)
  assert.match(text, /cosigned +by local\/ab\/cosigner 60 s ago/)
  assert.match(text, /built once, by you/)
  const none = whyText({ purl: parsePurl('pkg:generic/a@1'), served: [], log: { checkpoint, entries: [] } }, 100_000)
  assert.match(none, /log local\/ab: nothing/)
})
