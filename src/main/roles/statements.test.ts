import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realClock } from '../../../test/kit/data-network.ts'
import { signerOf } from '../../../test/kit/sample-entries.ts'
import { scriptedPeers } from '../../../test/kit/scripted-peers.ts'
import { silentLogger } from '../../base/clock.ts'
import { canonicalJson } from '../../base/crypto/canonical-json.ts'
import { envelopeJson, signEnvelope } from '../../base/crypto/dsse.ts'
import { blobIdOf, hexOf } from '../../base/digest.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { createStatements } from './statements.ts'

const never = new AbortController().signal
const envelope = signEnvelope('a/type', new Uint8Array(Buffer.from('{}')), [{ keyid: 'a', signer: signerOf('a') }])
const bytes = canonicalJson(envelopeJson(envelope))
const id = blobIdOf(bytes)

function begin() {
  const store = createMemoryStore({ limitBytes: 1_000_000 }, { clock: realClock })
  const peers = scriptedPeers()
  return { store, peers, statements: createStatements({ store, peers, clock: realClock, logger: silentLogger }) }
}

test('a statement that was kept is found again, shared with everybody, and not evicted', async () => {
  const { store, statements } = begin()
  await statements.keep(bytes)
  await statements.keep(bytes)
  assert.deepEqual(await statements.find(hexOf(id), never), envelope)
  const blob = store.lookup(id)
  assert.deepEqual([blob?.share, blob?.pins], ['world', ['statement']])
})

test("another builder's statement comes from a peer; one that sends other bytes is told apart", async () => {
  const { peers, statements } = begin()
  assert.equal(await statements.find(hexOf(id), never), undefined, 'nobody has it')
  const copy = { peerId: 'p', trust: 'stranger', id, sizeBytes: bytes.byteLength } as const
  peers.copies.push({ ...copy, bytes: Buffer.from(bytes).fill(0x20, 0, 1) })
  assert.equal(await statements.find(hexOf(id), never), undefined)
  assert.deepEqual(peers.settled, [{ peerId: 'p', agreed: false }])
  peers.copies.splice(0, 1, { ...copy, bytes })
  assert.deepEqual(await statements.find(hexOf(id), never), envelope)
})
