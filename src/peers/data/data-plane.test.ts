import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FakeNeighbourhood } from '../../../test/kit/fake-control.ts'
import { MemoryHost } from '../../../test/kit/peer-host.ts'
import { type Clock, silentLogger } from '../../base/clock.ts'
import { type BlobId, blobIdOf, digestBytes } from '../../base/digest.ts'
import { collect } from '../../base/streams.ts'
import { identityOfSeed } from '../identity.ts'
import type { Identity } from '../neighbour.ts'
import type { PeerTransfer, PeerTrust, Provider } from '../peers.ts'
import { createDataPlane, type DataPlane } from './data-plane.ts'
import type { DataPlaneOptions } from './options.ts'

const signal = new AbortController().signal
const clock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, abort) => await sleep(ms, undefined, abort && { signal: abort }),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
const random = { bytes: (count: number) => randomBytes(count), fraction: () => 0.5 }
const MIB = 1_048_576
const blob = randomBytes(5 * MIB + 12_345)

interface TestNode {
  readonly identity: Identity
  readonly host: MemoryHost
  readonly plane: DataPlane
}

interface NodeOptions extends DataPlaneOptions {
  readonly trust?: PeerTrust
  readonly dialable?: boolean
}

/** A network whose nodes stop when the test ends. */
function network(t: TestContext): (options?: NodeOptions) => Promise<TestNode> {
  const neighbourhood = new FakeNeighbourhood()
  return async ({ trust = 'named', dialable = true, ...options } = {}) => {
    const identity = identityOfSeed(randomBytes(32))
    const host = new MemoryHost({ privateNetwork: options.networkKey !== undefined })
    const control = neighbourhood.control({ identity, trust: () => trust, dialable })
    const plane = createDataPlane(
      { announceDelayMs: 1, ...options },
      { identity, control, clock, random, logger: silentLogger },
    )
    const { port } = await plane.start(host)
    await control.start(port)
    t.after(() => plane.stop())
    return { identity, host, plane }
  }
}

async function providersOf(node: TestNode, id: BlobId): Promise<[Provider, ...Provider[]]> {
  const found = await node.plane.lookup([id], { timeoutMs: 2_000, signal })
  assert.ok(found.length > 0)
  return found as [Provider, ...Provider[]]
}

async function fetchFrom(
  node: TestNode,
  holders: readonly TestNode[],
  id: BlobId,
  sizeBytes: number,
): Promise<PeerTransfer> {
  const providers = holders.map(({ identity }) => ({
    peerId: identity.peerId,
    trust: 'named' as const,
    id,
    sizeBytes,
    mediaType: undefined,
  }))
  return await node.plane.fetch(providers as unknown as [Provider, ...Provider[]], { signal })
}

test('fetch() brings a blob of several pieces from one peer, each checked against its signed manifest', async (t) => {
  const join = network(t)
  const [holder, asker] = [await join(), await join()]
  const id = holder.host.add(blob)
  const transfer = await asker.plane.fetch(await providersOf(asker, id), { signal })
  assert.equal(transfer.vouched, true)
  const found = await collect(transfer.stream, blob.byteLength)
  assert.equal(blobIdOf(found), id)
  assert.deepEqual(transfer.from(), [holder.identity.peerId])
  assert.equal(holder.host.opened, 1)
  assert.equal(asker.plane.facts(holder.identity.peerId).receivedBytes, blob.byteLength)
})

test('fetch() spreads the pieces of a blob over several peers', async (t) => {
  const join = network(t)
  const [asker, ...holders] = [await join(), await join(), await join(), await join()]
  for (const { host } of holders) host.add(blob)
  const id = blobIdOf(blob)
  const transfer = await fetchFrom(asker, holders, id, blob.byteLength)
  assert.equal(blobIdOf(await collect(transfer.stream, blob.byteLength)), id)
  assert.equal(transfer.from().length, 3)
})
