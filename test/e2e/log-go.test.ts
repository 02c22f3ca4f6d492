/** Our notes, cosignatures, proofs and proof files against Go's own packages for them (`log-go/main.go`), in both directions. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { decodeBase64, encodeBase64 } from '../../src/base/crypto/base64.ts'
import { readVkey } from '../../src/base/network/vkey.ts'
import { parseCheckpoint } from '../../src/log/note/checkpoint.ts'
import { parseNote } from '../../src/log/note/note.ts'
import { checkCheckpoint } from '../../src/log/policy/check-checkpoint.ts'
import { parseTlogProof, verifyTlogProof } from '../../src/log/proof/tlog-proof.ts'
import { leafHash } from '../../src/log/tree/hash.ts'
import {
  consistencyProof,
  inclusionProof,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '../../src/log/tree/proof.ts'
import { needs, toolPath } from '../kit/needs.ts'
import { ProofLog, TEST_ORIGIN, testVkeys } from '../kit/proof-log.ts'

interface RecordProof {
  readonly Index: number
  readonly Size: number
  readonly Hashes: readonly string[] | null
  readonly Root: string
  readonly Leaf: string
}

interface TreeProof {
  readonly Size1: number
  readonly Size2: number
  readonly Root1: string
  readonly Root2: string
  readonly Hashes: readonly string[] | null
}

interface Exchange {
  readonly LogKey: string
  readonly Cosigners: readonly string[]
  readonly Note: string
  readonly Entries: readonly string[]
  readonly Records: readonly RecordProof[]
  readonly Trees: readonly TreeProof[]
  readonly TlogProof: string
}

const SIZE = 300
const bytes = (text: string): Uint8Array => decodeBase64(text) ?? new Uint8Array(0)

function runGo<T>(mode: 'check' | 'make', input: object): T {
  const { stdout, stderr, status } = spawnSync(toolPath('log-go'), [mode], {
    input: JSON.stringify(input),
    maxBuffer: 1e8,
  })
  assert.equal(status, 0, String(stderr))
  return JSON.parse(String(stdout)) as T
}

test(
  'Go’s note and tlog packages verify our notes, cosignatures, roots, proofs and proof files',
  needs('log-go'),
  () => {
    const log = new ProofLog()
    for (let at = 0; at < SIZE; at += 1) log.append(Buffer.from(`{"entry":${at}}`))
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const checkpoint = log.checkpoint({ by: names })
    const root = rootOf(SIZE, log.read)
    const records = Array.from({ length: SIZE }, (_, index): RecordProof => {
      const hashes = inclusionProof(index, SIZE, log.read).map(encodeBase64)
      return {
        Index: index,
        Size: SIZE,
        Hashes: hashes,
        Root: encodeBase64(root),
        Leaf: encodeBase64(log.read(0, index)),
      }
    })
    const trees = Array.from({ length: SIZE }, (_, at): TreeProof => {
      const hashes = consistencyProof(at + 1, SIZE, log.read).map(encodeBase64)
      const first = encodeBase64(rootOf(at + 1, log.read))
      return { Size1: at + 1, Size2: SIZE, Root1: first, Root2: encodeBase64(root), Hashes: hashes }
    })
    const found = runGo<{
      Signers: string[]
      Root: string
      Records: boolean[]
      Trees: boolean[]
      Index: number
      Inner: string
    }>('check', {
      LogKey: testVkeys('a').log,
      Cosigners: names.map((name) => testVkeys(name).cosigner),
      Note: Buffer.from(checkpoint).toString(),
      Entries: log.entries.map(encodeBase64),
      Records: [...records, { ...records[7], Index: 8 }],
      Trees: [...trees, { ...trees[7], Size1: 9 }],
      TlogProof: Buffer.from(log.proven(123, checkpoint).proof).toString(),
    } satisfies Record<keyof Exchange, unknown>)
    assert.deepEqual(found.Signers, [TEST_ORIGIN, ...names.map((name) => `${name}.example`)])
    assert.equal(found.Root, encodeBase64(root))
    assert.deepEqual(found.Records, [...records.map(() => true), false])
    assert.deepEqual(found.Trees, [...trees.map(() => true), false])
    assert.equal(found.Index, 123)
    assert.equal(found.Inner, Buffer.from(checkpoint).toString())
  },
)

test('our code verifies notes, cosignatures, proofs and proof files that Go’s packages made', needs('log-go'), () => {
  const entries = Array.from({ length: SIZE }, (_, at) => encodeBase64(Buffer.from(`record ${at}`)))
  const made = runGo<Exchange>('make', { Entries: entries })
  const cosigners = made.Cosigners.map(readVkey)
  const quorum = { kind: 'group', k: 2, members: cosigners.map((key) => ({ kind: 'key', key }) as const) } as const
  const judge = (note: Uint8Array) => checkCheckpoint(note, { logs: [readVkey(made.LogKey)], cosigners, quorum })
  const head = judge(Buffer.from(made.Note))
  assert.equal(head.size, SIZE)
  assert.deepEqual(parseCheckpoint(parseNote(Buffer.from(made.Note)).text).root, head.root)
  for (const { Index: index, Size: size, Hashes, Leaf } of made.Records) {
    assert.deepEqual(leafHash(bytes(entries[index] ?? '')), Uint8Array.from(bytes(Leaf)))
    verifyInclusion({ index, size, leafHash: bytes(Leaf), proof: (Hashes ?? []).map(bytes), root: head.root })
  }
  for (const { Size1: size1, Size2: size2, Root1, Hashes } of made.Trees) {
    verifyConsistency({ size1, size2, root1: bytes(Root1), root2: head.root, proof: (Hashes ?? []).map(bytes) })
  }
  assert.equal(made.Records.length + made.Trees.length, 2 * SIZE - 1)
  const proof = parseTlogProof(Buffer.from(made.TlogProof))
  assert.equal(verifyTlogProof(proof, bytes(entries[2] ?? ''), judge).cosignatures.length, 2)
})
