import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { type DataNode, dataNetwork, never, providersFor, transferFrom } from '../../../test/kit/data-network.ts'
import { flipped } from '../../../test/kit/peer-host.ts'
import { blobIdOf } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'

const MIB = 1_048_576
const blob = randomBytes(5 * MIB + 12_345)
const id = blobIdOf(blob)

/** Flips one bit of every blob this node sends, `at` bytes in. */
function lieAt(node: DataNode, at: number): void {
  node.host.tamper = (chunk, offset) => {
    if (at < offset || at >= offset + chunk.byteLength) return chunk
    const copy = Uint8Array.from(chunk)
    copy[at - offset] = (copy[at - offset] ?? 0) ^ 1
    return copy
  }
}

/** Breaks off every response of this node once it sent `count` bytes. */
function breakAfter(node: DataNode, count: number): void {
  let sent = 0
  node.host.tamper = (chunk) => {
    if (sent >= count) throw new AppError('damaged.blob', 'the disk is gone')
    sent += chunk.byteLength
    return chunk
  }
}

function standing(node: DataNode, of: DataNode): readonly [string, ...string[]] {
  const { standing: found, faults } = node.plane.facts(of.identity.peerId)
  return [found, ...faults.map(({ kind }) => kind)]
}

test('one liar among three is dropped and named, and the blob is right', async (t) => {
  const join = dataNetwork(t)
  const asker = await join()
  const [liar, ...honest] = [await join(), await join(), await join()]
  for (const { host } of [liar, ...honest]) host.add(blob)
  liar.host.tamper = flipped
  const transfer = await transferFrom(asker, [liar, ...honest], id, blob.byteLength)
  assert.equal(blobIdOf(await collect(transfer.stream, blob.byteLength)), id)
  assert.deepEqual(standing(asker, liar), ['dropped', 'bad-piece'])
  assert.ok(asker.plane.facts(liar.identity.peerId).receivedBytes <= 2 * MIB)
  for (const node of honest) assert.equal(standing(asker, node)[0], 'good')
  const left = await asker.plane.lookup([id], { timeoutMs: 2_000, signal: never })
  assert.ok(!left.some(({ peerId }) => peerId === liar.identity.peerId))
})

test('a flipped bit of the only peer ends the transfer before its piece is handed out', async (t) => {
  const join = dataNetwork(t)
  const [liar, asker] = [await join(), await join()]
  liar.host.add(blob)
  lieAt(liar, 2 * MIB + 7)
  const transfer = await transferFrom(asker, [liar], id, blob.byteLength)
  let receivedBytes = 0
  const reading = (async () => {
    for await (const chunk of transfer.stream) receivedBytes += chunk.byteLength
  })()
  await assert.rejects(reading, { code: 'unavailable.peer' })
  assert.equal(receivedBytes, 2 * MIB)
  assert.deepEqual(standing(asker, liar), ['dropped', 'bad-piece'])
})

test('other bytes for a small blob drop their sender, and the next peer is asked', async (t) => {
  const join = dataNetwork(t)
  const [asker, liar, honest] = [await join({ hedgeMinMs: 60_000 }), await join(), await join()]
  const small = randomBytes(1_000)
  const smallId = blobIdOf(small)
  liar.host.add(randomBytes(1_000), { claim: smallId })
  honest.host.add(small)
  const transfer = await transferFrom(asker, [liar, honest], smallId, 1_000)
  assert.ok((await collect(transfer.stream, 1_000)).equals(small))
  assert.deepEqual(standing(asker, liar), ['dropped', 'bad-digest'])
})

test('a broken connection is resumed at the exact byte from another peer', async (t) => {
  const join = dataNetwork(t)
  const [asker, broken, whole] = [await join(), await join(), await join()]
  for (const { host } of [broken, whole]) host.add(blob)
  breakAfter(broken, 262_144)
  const transfer = await transferFrom(asker, [broken, whole], id, blob.byteLength)
  assert.equal(blobIdOf(await collect(transfer.stream, blob.byteLength)), id)
  assert.equal(standing(asker, broken)[0], 'good')
})

test('a lone peer whose connection breaks once is asked for the rest', async (t) => {
  const join = dataNetwork(t)
  const [asker, holder] = [await join(), await join()]
  holder.host.add(blob)
  const ranges: number[] = []
  const open = holder.host.open.bind(holder.host)
  holder.host.open = (blobId, range, asking, signal) => {
    ranges.push(range.offset)
    return open(blobId, range, asking, signal)
  }
  const firstPiece = Promise.withResolvers<void>()
  holder.host.tamper = async (chunk, offset) => {
    if (ranges.length > 1 || offset < 2 * MIB) return chunk
    await firstPiece.promise
    throw new AppError('damaged.blob', 'the disk is gone')
  }
  const transfer = await transferFrom(asker, [holder], id, blob.byteLength)
  const chunks: Buffer[] = []
  for await (const chunk of transfer.stream) {
    chunks.push(Buffer.from(chunk))
    firstPiece.resolve()
  }
  assert.equal(blobIdOf(Buffer.concat(chunks)), id)
  assert.equal(ranges.length, 2)
  assert.ok((ranges[1] ?? 0) >= MIB)
})

test('a peer that always breaks off is given up with unavailable.peer', async (t) => {
  const join = dataNetwork(t)
  const [asker, broken] = [await join(), await join()]
  broken.host.add(blob)
  breakAfter(broken, 0)
  const transfer = await transferFrom(asker, [broken], id, blob.byteLength)
  await assert.rejects(collect(transfer.stream, blob.byteLength), { code: 'unavailable.peer' })
})

test('a peer that stalls is hedged, and the blob arrives', async (t) => {
  const join = dataNetwork(t)
  const asker = await join({ stallTimeoutMs: 5_000, hedgeMinMs: 20 })
  const [stalled, quick] = [await join(), await join()]
  for (const { host } of [stalled, quick]) host.add(blob)
  stalled.host.tamper = () => new Promise(() => {})
  const transfer = await transferFrom(asker, [stalled, quick], id, blob.byteLength)
  assert.equal(blobIdOf(await collect(transfer.stream, blob.byteLength)), id)
  assert.deepEqual(transfer.from(), [quick.identity.peerId])
})

test('a lone peer that stalls is demoted and the transfer ends with unavailable.peer', async (t) => {
  const join = dataNetwork(t)
  const [asker, stalled] = [await join({ stallTimeoutMs: 60 }), await join()]
  stalled.host.add(blob)
  stalled.host.tamper = (chunk, offset) => (offset < MIB ? chunk : new Promise(() => {}))
  const transfer = await transferFrom(asker, [stalled], id, blob.byteLength)
  await assert.rejects(collect(transfer.stream, blob.byteLength), { code: 'unavailable.peer' })
  assert.deepEqual(standing(asker, stalled), ['demoted', 'stall'])
})

test("a stranger's manifest vouches for nothing and its signer answers when the whole digest disagrees", async (t) => {
  const join = dataNetwork(t)
  const [asker, liar] = [await join({ trust: 'stranger' }), await join()]
  liar.host.add(randomBytes(blob.byteLength), { claim: id })
  const transfer = await transferFrom(asker, [liar], id, blob.byteLength)
  assert.equal(transfer.vouched, false)
  assert.notEqual(blobIdOf(await collect(transfer.stream, blob.byteLength)), id)
  transfer.settle(false)
  assert.deepEqual(standing(asker, liar), ['dropped', 'bad-manifest'])
})

test('under a manifest of a stranger a disagreeing peer is blamed only once the whole digest agrees', async (t) => {
  const join = dataNetwork(t)
  const asker = await join({ trust: 'stranger' })
  const [honest, second, liar] = [await join(), await join(), await join()]
  for (const { host } of [honest, second, liar]) host.add(blob)
  liar.host.tamper = flipped
  // The liar's manifest is the true one too: its pieces betray it only if it signed what they are checked against.
  liar.host.pieces = () => undefined
  const transfer = await transferFrom(asker, [honest, second, liar], id, blob.byteLength)
  assert.equal(blobIdOf(await collect(transfer.stream, blob.byteLength)), id)
  assert.equal(standing(asker, liar)[0], 'good')
  transfer.settle(true)
  assert.deepEqual(standing(asker, liar), ['dropped', 'bad-piece'])
})

test('without any manifest one peer alone is asked and answers for the whole', async (t) => {
  const join = dataNetwork(t)
  const [asker, first, second] = [await join(), await join(), await join()]
  for (const { host } of [first, second]) {
    host.add(randomBytes(blob.byteLength), { claim: id })
    host.pieces = () => undefined
  }
  const transfer = await transferFrom(asker, [first, second], id, blob.byteLength)
  await collect(transfer.stream, blob.byteLength)
  assert.equal(transfer.vouched, false)
  assert.equal(transfer.from().length, 1)
  transfer.settle(false)
  assert.equal([first, second].filter((one) => standing(asker, one)[0] === 'dropped').length, 1)
})

test('what was learned of a peer outlives a restart', async (t) => {
  const join = dataNetwork(t)
  const [asker, liar] = [await join(), await join()]
  liar.host.add(randomBytes(100), { claim: id })
  asker.plane.blame(liar.identity.peerId, { kind: 'bad-piece', about: id })
  const again = await join({ keep: asker.host })
  assert.deepEqual(standing(again, liar), ['dropped', 'bad-piece'])
  await assert.rejects(again.plane.fetch(providersFor([liar], id, 100), { signal: never }), {
    code: 'unavailable.peer',
  })
})

test('two peers throttled to the same rate are both used to the full', async (t) => {
  const join = dataNetwork(t)
  const uploadBytesPerSecond = 6 * MIB
  const asker = await join()
  const holders = [await join({ uploadBytesPerSecond }), await join({ uploadBytesPerSecond })]
  for (const { host } of holders) host.add(blob)
  const transfer = await transferFrom(asker, holders, id, blob.byteLength)
  await collect(transfer.stream, blob.byteLength)
  for (const { plane } of holders) assert.ok(plane.totals().sentBytes > MIB)
})

test('a transfer that finds all slots taken ends with exhausted.queue', async (t) => {
  const join = dataNetwork(t)
  const [asker, holder] = [await join({ piecesInFlight: 4 }), await join()]
  holder.host.add(blob)
  const transfer = await transferFrom(asker, [holder], id, blob.byteLength)
  await assert.rejects(collect(transfer.stream, blob.byteLength), { code: 'exhausted.queue' })
})
