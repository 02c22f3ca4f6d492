import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Clock, type Random, silentLogger } from '../base/clock.ts'
import { blobIdOf } from '../base/digest.ts'
import { AppError } from '../base/errors.ts'
import { collect, streamOf } from '../base/streams.ts'
import { createLibp2pPeers, type Libp2pPeersOptions } from './libp2p.ts'
import type { PeerHost, Peers } from './peers.ts'

const clock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
const random: Random = { bytes: (count) => randomBytes(count), fraction: () => Math.random() }
const control = { timing: { tickMs: 50, politeMs: 100, backoffMinMs: 50 } }
const blob = Buffer.from('a small blob')
const id = blobIdOf(blob)

/** Holds `blobs` and remembers in `memory`. */
function hostOf(blobs: readonly Buffer[], memory = new Map<string, unknown>()): PeerHost {
  const found = new Map(blobs.map((bytes) => [blobIdOf(bytes) as string, bytes]))
  return {
    lookup(name) {
      const bytes = found.get(name)
      return bytes && { id: blobIdOf(bytes), sizeBytes: bytes.byteLength, mediaType: undefined }
    },
    async open(name, { offset, lengthBytes }) {
      const bytes = found.get(name)
      if (bytes === undefined) throw new AppError('absent.blob', 'not here')
      return streamOf(bytes.subarray(offset, offset + lengthBytes))
    },
    pieces: () => undefined,
    document: () => undefined,
    logFile: async () => undefined,
    transact: () => Promise.reject(new AppError('denied.share', 'no')),
    lead: () => Promise.reject(new AppError('denied.share', 'no')),
    shareable: () => blobs.map(blobIdOf),
    remember: (peerId, facts) => void memory.set(peerId, structuredClone(facts)),
    recall: () => [...memory],
  }
}

async function directoryFor(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pyrsia-peers-'))
  t.after(() => rm(directory, { recursive: true }))
  return directory
}

async function start(t: TestContext, host: PeerHost, options: Partial<Libp2pPeersOptions> = {}): Promise<Peers> {
  const directory = options.directory ?? (await directoryFor(t))
  const peers = createLibp2pPeers({ directory, control, ...options }, { clock, random, logger: silentLogger })
  t.after(() => peers.stop())
  await peers.start(host)
  return peers
}

/** Looks up until the neighbourhood has formed. */
async function findBlob(peers: Peers): Promise<Awaited<ReturnType<Peers['lookup']>>> {
  for (let tries = 0; tries < 200; tries += 1) {
    const found = await peers.lookup([id], { timeoutMs: 300, signal: new AbortController().signal })
    if (found.length > 0) return found
    await clock.sleep(25)
  }
  return []
}

test('createLibp2pPeers(): a node finds a blob at a peer it learned of by one address, and gets it', async (t) => {
  const a = await start(t, hostOf([blob]), { zone: 'rack-1' })
  const b = await start(t, hostOf([]), { bootstrap: a.state().listen, trustPeers: [a.state().peerId] })
  const [provider] = await findBlob(b)
  assert.equal(provider?.peerId, a.state().peerId)
  assert.equal(provider.trust, 'named')
  const transfer = await b.fetch([provider], { signal: new AbortController().signal })
  assert.deepEqual(await collect(transfer.stream, 1000), blob)
  const [listed] = b.list()
  assert.deepEqual(
    [listed?.peerId, listed?.connected, listed?.zone, listed?.standing, listed?.dataAddress],
    [a.state().peerId, true, 'rack-1', 'good', a.state().dataAddress],
  )
  assert.equal(b.state().connected, 1)
  assert.equal(a.state().reachable, 'yes')
})

test('createLibp2pPeers(): a restarted node is the same peer and finds its neighbours by itself', async (t) => {
  const a = await start(t, hostOf([blob]))
  const directory = await directoryFor(t)
  const memory = new Map<string, unknown>()
  const before = await start(t, hostOf([], memory), { directory, bootstrap: a.state().listen })
  await findBlob(before)
  await before.stop()
  const after = await start(t, hostOf([], memory), { directory })
  assert.equal(after.state().peerId, before.state().peerId)
  assert.equal((await findBlob(after)).length, 1)
})

test('createLibp2pPeers(): who lied is listed, named and parted from, after a restart too', async (t) => {
  const a = await start(t, hostOf([blob]))
  const directory = await directoryFor(t)
  const memory = new Map<string, unknown>()
  const b = await start(t, hostOf([], memory), { directory, bootstrap: a.state().listen })
  await findBlob(b)
  b.blame(a.state().peerId, { kind: 'bad-piece', about: id })
  const standing = (peers: Peers) => peers.list().map((one) => [one.peerId, one.connected, one.standing])
  assert.deepEqual(standing(b), [[a.state().peerId, false, 'dropped']])
  await b.stop()
  const again = await start(t, hostOf([], memory), { directory, bootstrap: a.state().listen })
  assert.deepEqual(standing(again), [[a.state().peerId, false, 'dropped']])
  assert.equal(again.state().connected, 0)
})

test('createLibp2pPeers(): a node without anybody starts, says so, and a stopped one still answers', async (t) => {
  const peers = await start(t, hostOf([]), { bootstrap: ['/ip4/127.0.0.1/tcp/1'] })
  assert.deepEqual([peers.state().connected, peers.state().known, peers.state().reachable], [0, 0, 'unknown'])
  await peers.stop()
  assert.deepEqual(peers.list(), [])
  assert.equal(peers.state().dataAddress, undefined)
})

test('createLibp2pPeers() refuses a network key that could be guessed', async (t) => {
  const directory = await directoryFor(t)
  assert.throws(
    () => createLibp2pPeers({ directory, networkKey: new Uint8Array(8) }, { clock, random, logger: silentLogger }),
    (error) => error instanceof AppError && error.code === 'usage.config',
  )
})
