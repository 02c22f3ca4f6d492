/** Data planes over real TLS on loopback, joined by a fake control plane; they stop when the test ends. */
import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, type Random, silentLogger } from '../../src/base/clock.ts'
import type { BlobId } from '../../src/base/digest.ts'
import { createDataPlane, type DataPlane } from '../../src/peers/data/data-plane.ts'
import type { DataPlaneOptions } from '../../src/peers/data/options.ts'
import { identityOfSeed } from '../../src/peers/identity.ts'
import type { ControlPlane, Identity } from '../../src/peers/neighbour.ts'
import type { PeerTransfer, PeerTrust, Provider } from '../../src/peers/peers.ts'
import { FakeNeighbourhood } from './fake-control.ts'
import { MemoryHost } from './peer-host.ts'

/** The machine's own clock. */
export const realClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => await sleep(ms, undefined, signal && { signal }),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** The machine's own randomness. */
export const realRandom: Random = { bytes: (count) => randomBytes(count), fraction: () => Math.random() }

/** One node of a test network. */
export interface DataNode {
  readonly identity: Identity
  readonly host: MemoryHost
  readonly plane: DataPlane
  readonly control: ControlPlane
  readonly port: number
  /** How often this node asked others to dial back. */
  readonly dialBacksAsked: () => number
}

/** How a node of a test network is made. */
export interface DataNodeOptions extends DataPlaneOptions {
  /** How it trusts every other node; `named` unless told. */
  readonly trust?: PeerTrust
  readonly dialable?: boolean | 'closed'
  readonly host?: never
  readonly keep?: MemoryHost
}

/** A signal that never aborts. */
export const never: AbortSignal = new AbortController().signal

/** A network; call the function to add a node. */
export function dataNetwork(t: Pick<TestContext, 'after'>): (options?: DataNodeOptions) => Promise<DataNode> {
  const neighbourhood = new FakeNeighbourhood()
  return async ({ trust = 'named', dialable = true, keep, ...options } = {}) => {
    const identity = identityOfSeed(randomBytes(32))
    const host = keep ?? new MemoryHost({ privateNetwork: options.networkKey !== undefined })
    let dialBacks = 0
    const dialBacksAsked = () => void dialBacks++
    const control = neighbourhood.control({ identity, trust: () => trust, dialable, dialBacksAsked })
    const dependencies = { identity, control, clock: realClock, random: realRandom, logger: silentLogger }
    const plane = createDataPlane({ announceDelayMs: 1, ...options }, dependencies)
    const { port } = await plane.start(host)
    await control.start(port)
    t.after(() => plane.stop())
    return { identity, host, plane, control, port, dialBacksAsked: () => dialBacks }
  }
}

/** A provider record for each holder, as a look-up would give it. */
export function providersFor(
  holders: readonly DataNode[],
  id: BlobId,
  sizeBytes: number,
  trust: PeerTrust = 'named',
): [Provider, ...Provider[]] {
  const found = holders.map(({ identity }) => ({ peerId: identity.peerId, trust, id, sizeBytes, mediaType: undefined }))
  return found as unknown as [Provider, ...Provider[]]
}

/** A transfer of a whole blob from these holders. */
export async function transferFrom(
  node: DataNode,
  holders: readonly DataNode[],
  id: BlobId,
  sizeBytes: number,
): Promise<PeerTransfer> {
  return await node.plane.fetch(providersFor(holders, id, sizeBytes), { signal: never })
}
