import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProofLog, testNetwork, votedChange } from '../../../test/kit/proof-log.ts'
import { signerOf } from '../../../test/kit/sample-entries.ts'
import { isKind } from '../../base/errors.ts'
import { formatVkey, makeVkey } from '../../base/network/vkey.ts'
import { cosign } from '../note/cosignature.ts'
import { formatNote, parseNote } from '../note/note.ts'
import { checkCheckpoint } from '../policy/check-checkpoint.ts'
import { chainOf, versionAt, withChange } from '../policy/network-chain.ts'
import { judgeCheckpoint, type LogKeys, mergeCheckpoints } from './judge.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e']
const witness = {
  name: 'w',
  roles: ['witness' as const],
  keys: { cosigner: formatVkey(makeVkey('w.example', 'cosignature', signerOf('w/cosigner').publicKey)) },
}
const base = testNetwork(NAMES)
const network = { ...base, organisations: [...base.organisations, witness] }
const log = new ProofLog()
for (let at = 0; at < 40; at += 1) log.append(Buffer.from(`"entry ${at}"`))
/** From the tree of 21 on there are four authorities, of which three must cosign. */
const chain = withChange(
  chainOf(network),
  20,
  votedChange({ action: 'remove', organisation: 'e', serial: 1 }, ['a', 'b', 'c', 'd']),
)
const keys: LogKeys = { origin: network.origin, witnesses: [], policyAt: (size) => versionAt(chain, size) }

function verifyAccepts(note: Uint8Array): boolean {
  try {
    checkCheckpoint(note, ({ size }) => versionAt(chain, size))
    return true
  } catch (error) {
    if (isKind(error, 'untrusted')) return false
    throw error
  }
}

function readerCounts(note: Uint8Array): boolean {
  try {
    return judgeCheckpoint(note, keys).counts
  } catch (error) {
    if (isKind(error, 'untrusted')) return false
    throw error
  }
}

test('a reader counts exactly the checkpoints that verify accepts, whoever signed and at whatever size', () => {
  const seen = { yes: 0, no: 0 }
  fc.assert(
    fc.property(
      fc.subarray([...NAMES, 'w', 'stranger']),
      fc.constantFrom(...NAMES, 'stranger'),
      fc.constantFrom(1, 20, 21, 40),
      (by, logger, size) => {
        const note = log.checkpoint({ by, log: logger, size })
        const accepted = verifyAccepts(note)
        assert.equal(readerCounts(note), accepted)
        seen[accepted ? 'yes' : 'no'] += 1
      },
    ),
    { numRuns: 500 },
  )
  assert.ok(seen.yes > 20 && seen.no > 20, JSON.stringify(seen))
})

test('a removed member is no signer of larger trees, and witnesses are signers of none', () => {
  const by = ['a', 'e', 'w']
  assert.deepEqual(judgeCheckpoint(log.checkpoint({ by, size: 20 }), keys).signers, ['a', 'e'])
  const later = judgeCheckpoint(log.checkpoint({ by, size: 21 }), keys)
  assert.deepEqual([later.signers, later.cosignatures.map(({ name }) => name)], [['a'], ['a.example', 'w.example']])
  assert.doesNotMatch(later.note, /e\.example/)
})

test('cosignatures of one checkpoint that come one by one add up to one that counts, strangers left out', () => {
  let judged = judgeCheckpoint(log.checkpoint({ by: ['a'] }), keys)
  assert.equal(judged.counts, false)
  for (const name of ['b', 'c']) {
    const { text, signatures } = parseNote(log.checkpoint({ by: [name, 'stranger'], log: name }))
    const next = judgeCheckpoint(formatNote({ text, signatures }), keys)
    judged = mergeCheckpoints(judged, next, keys)
  }
  assert.deepEqual([judged.counts, judged.signers], [true, ['a', 'b', 'c']])
  assert.equal(verifyAccepts(Buffer.from(judged.note)), true)
})

test('cosignatures of further witnesses are kept and shown, and count for nothing, in the time neither', () => {
  const { text, signatures } = parseNote(log.checkpoint({ by: ['a', 'b'], timeSeconds: 1000 }))
  const signer = signerOf('x/cosigner')
  const key = makeVkey('x.example', 'cosignature', signer.publicKey)
  const note = formatNote({ text, signatures: [...signatures, cosign(text, key.name, signer, 7)] })
  const judged = judgeCheckpoint(note, { ...keys, witnesses: [key] })
  assert.deepEqual([judged.counts, judged.signers, judged.timeSeconds], [false, ['a', 'b'], 1000])
  assert.deepEqual(judged.cosignatures.at(-1), { name: 'x.example', timeSeconds: 7 })
  assert.match(judged.note, /x\.example/)
  assert.doesNotMatch(judgeCheckpoint(note, keys).note, /x\.example/)
})
