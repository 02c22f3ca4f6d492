import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeBase64 } from '../../base/crypto/base64.ts'
import { signerOfSeed } from '../../base/crypto/ed25519.ts'
import { isKind } from '../../base/errors.ts'
import { makeVkey } from '../../base/network/vkey.ts'
import { formatCheckpoint } from '../note/checkpoint.ts'
import { cosign } from '../note/cosignature.ts'
import { formatNote, signNote } from '../note/note.ts'
import { checkCheckpoint } from '../policy/check-checkpoint.ts'
import { leafHash, nodeHash } from '../tree/hash.ts'
import type { ReadNode } from '../tree/nodes.ts'
import { inclusionProof, rootOf } from '../tree/proof.ts'
import {
  EXTRA_BYTES_MAX,
  formatTlogProof,
  parseTlogProof,
  TLOG_PROOF_BYTES_MAX,
  verifyTlogProof,
} from './tlog-proof.ts'

interface Vectors {
  readonly good: ReadonlyArray<{
    readonly name: string
    readonly text: string
    readonly index: number
    readonly hashes: readonly string[]
    readonly checkpoint: string
    readonly extra?: string
  }>
  readonly bad: ReadonlyArray<{ readonly name: string; readonly text: string }>
}

const FILE = new URL('../../../test/vectors/tlog-proof/cases.json', import.meta.url)
const VECTORS = JSON.parse(readFileSync(FILE, 'utf8')) as Vectors
const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString()

test('parseTlogProof() and formatTlogProof() agree with every published proof file, good and bad', () => {
  for (const { name, text: whole, index, hashes, checkpoint, extra } of VECTORS.good) {
    const proof = parseTlogProof(Buffer.from(whole))
    assert.equal(proof.index, index, name)
    assert.deepEqual(proof.hashes.map(encodeBase64), hashes, name)
    assert.equal(text(proof.checkpoint), checkpoint, name)
    assert.equal(proof.extra && text(proof.extra), extra, name)
    assert.equal(text(formatTlogProof(proof)), whole, name)
  }
  for (const { name, text: whole } of VECTORS.bad) {
    assert.throws(() => parseTlogProof(Buffer.from(whole)), { code: 'usage.log' }, name)
  }
})

const entries = Array.from({ length: 13 }, (_, at) => Buffer.from(`entry ${at}`))
const read: ReadNode = (level, index) =>
  level === 0
    ? leafHash(entries[index] as Uint8Array)
    : nodeHash(read(level - 1, index * 2), read(level - 1, index * 2 + 1))
const log = signerOfSeed(new Uint8Array(32).fill(1))
const witness = signerOfSeed(new Uint8Array(32).fill(2))
const logKey = makeVkey('example.com/log', 'ed25519', log.publicKey)
const witnessKey = makeVkey('witness.example', 'cosignature', witness.publicKey)
const body = formatCheckpoint({ origin: logKey.name, size: 13, root: rootOf(13, read), extensions: [] })
const checkpoint = formatNote({
  text: body,
  signatures: [signNote(body, logKey.name, log), cosign(body, witnessKey.name, witness, 1_700_000_000)],
})
const proof = { index: 9, hashes: inclusionProof(9, 13, read), checkpoint }
const judge = (bytes: Uint8Array) =>
  checkCheckpoint(bytes, {
    logs: [logKey],
    cosigners: [witnessKey],
    quorum: { kind: 'key', key: witnessKey },
  })

test('verifyTlogProof() gives the checkpoint of a good proof, whatever its extra data says', () => {
  const head = verifyTlogProof(parseTlogProof(formatTlogProof(proof)), entries[9] as Uint8Array, judge)
  assert.equal(head.size, 13)
  assert.deepEqual(head.cosignatures, [{ key: witnessKey, timestampSeconds: 1_700_000_000 }])
  fc.assert(
    fc.property(fc.uint8Array(), (extra) => {
      const bytes = formatTlogProof({ ...proof, extra })
      assert.equal(verifyTlogProof(parseTlogProof(bytes), entries[9] as Uint8Array, judge).size, 13)
    }),
  )
})

test('a change of any bit of the entry or of the proof file is refused: index, hashes, checkpoint body, needed signatures', () => {
  const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
    const changed = Uint8Array.from(bytes)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return changed
  }
  const entry = entries[9] as Uint8Array
  for (let bit = 0; bit < entry.byteLength * 8; bit += 1) {
    assert.throws(() => verifyTlogProof(proof, flip(entry, bit), judge), { code: 'untrusted.proof' })
  }
  const file = formatTlogProof(proof)
  for (let bit = 0; bit < file.byteLength * 8; bit += 1) {
    assert.throws(
      () => verifyTlogProof(parseTlogProof(flip(file, bit)), entry, judge),
      (error) => isKind(error, 'usage') || isKind(error, 'untrusted'),
      `bit ${bit}: ${text(flip(file, bit)).slice(Math.max(0, (bit >> 3) - 20), (bit >> 3) + 20)}`,
    )
  }
})

test('parseTlogProof() keeps to its bounds', () => {
  assert.equal(parseTlogProof(formatTlogProof({ ...proof, extra: new Uint8Array(EXTRA_BYTES_MAX) })).index, 9)
  for (const bad of [
    { ...proof, extra: new Uint8Array(EXTRA_BYTES_MAX + 1) },
    { ...proof, hashes: Array(64).fill(leafHash(new Uint8Array(0))) },
    { ...proof, hashes: [new Uint8Array(31)] },
    { ...proof, index: 2 ** 53 },
    { ...proof, index: -1 },
    { ...proof, checkpoint: new Uint8Array(TLOG_PROOF_BYTES_MAX) },
  ]) {
    assert.throws(() => formatTlogProof(bad), { code: 'usage.log' })
  }
  for (const index of ['01', '+1', ' 1', '1 ', '9007199254740992', '']) {
    const whole = `c2sp.org/tlog-proof@v1\nindex ${index}\n\n`
    assert.throws(() => parseTlogProof(Buffer.from(whole)), { code: 'usage.log' }, index)
  }
})

test('parseTlogProof() throws nothing but usage.log', () => {
  const file = formatTlogProof(proof)
  fc.assert(
    fc.property(fc.nat(file.byteLength - 1), fc.nat(255), fc.uint8Array(), (at, byte, garbage) => {
      const changed = Uint8Array.from(file)
      changed[at] = byte
      for (const each of [changed, garbage, Buffer.concat([Buffer.from('c2sp.org/tlog-proof@v1\n'), garbage])]) {
        try {
          parseTlogProof(each)
        } catch (error) {
          assert.ok(isKind(error, 'usage') && error.code === 'usage.log', String(error))
        }
      }
    }),
  )
})
