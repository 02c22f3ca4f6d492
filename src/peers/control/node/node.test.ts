import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { afterEach, test } from 'node:test'
import { type Clock, type Random, silentLogger } from '../../../base/clock.ts'
import { AppError } from '../../../base/errors.ts'
import { identityOfSeed, seedOf } from '../../identity.ts'
import type { Identity } from '../../neighbour.ts'
import { CONTROL_LIMITS, CONTROL_TIMING } from '../options.ts'
import { createHost, type Host } from './host.ts'
import { ControlNode, type NodeOptions } from './node.ts'

const clock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  after(ms, fn) {
    const timer = setTimeout(fn, ms).unref()
    return () => clearTimeout(timer)
  },
}
const random: Random = { bytes: (count) => randomBytes(count), fraction: () => Math.random() }
const quick = {
  ...CONTROL_TIMING,
  tickMs: 25,
  politeMs: 100,
  backoffMinMs: 50,
  askTimeoutMs: 2000,
  dialTimeoutMs: 2000,
}

interface Made {
  readonly node: ControlNode
  readonly host: Host
  readonly identity: Identity
  readonly remembered: Map<string, Uint8Array>
  readonly dialBacks: string[]
  readonly refused: Set<string>
  dialled: boolean
  address(): string
}

const running: Made[] = []
const watchers = new Set<() => void>()

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ node }) => node.stop()))
})

async function start(options: Partial<NodeOptions> = {}, identity = identityOfSeed(randomBytes(32))): Promise<Made> {
  const refused = new Set<string>()
  const remembered = new Map<string, Uint8Array>()
  const dialBacks: string[] = []
  const timing = options.timing ?? quick
  const welcome = (peerId: string) => !refused.has(peerId)
  const host = await createHost({
    privateKey: Buffer.concat([seedOf(identity), identity.publicKey]),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    networkKey: options.networkKey,
    mdns: true,
    limits: CONTROL_LIMITS,
    timing,
    welcome,
  })
  const node = new ControlNode(
    {
      bootstrap: [],
      trustPeers: [],
      networkKey: undefined,
      zone: undefined,
      dataPort: 4242,
      known: [],
      limits: CONTROL_LIMITS,
      ...options,
      timing,
    },
    {
      identity,
      host,
      clock,
      random,
      logger: silentLogger,
      sameSubnet: (ip) => ip === '127.0.0.1',
      welcome,
      events: {
        changed: () => {
          for (const tell of watchers) tell()
        },
        dialledByPeer: () => {
          made.dialled = true
        },
        remember: (peerId, envelope) => void remembered.set(peerId, envelope),
        dialBack: (peerId, ip, port) => void dialBacks.push(`${peerId} ${ip} ${port}`),
      },
    },
  )
  const made: Made = {
    node,
    host,
    identity,
    remembered,
    dialBacks,
    refused,
    dialled: false,
    address: () => node.listen()[0] ?? '',
  }
  running.push(made)
  await node.start()
  return made
}

/** Waits for something that changes of the neighbourhood lead to. */
async function until(what: string, holds: () => boolean): Promise<void> {
  if (holds()) return
  await new Promise<void>((resolve, reject) => {
    const tell = () => {
      if (!holds()) return
      end()
      resolve()
    }
    const limit = setTimeout(() => {
      end()
      reject(new Error(`waited in vain until ${what}`))
    }, 15_000)
    const poll = setInterval(tell, 20)
    const end = () => {
      clearTimeout(limit)
      clearInterval(poll)
      watchers.delete(tell)
    }
    watchers.add(tell)
  })
}

const connected = (made: Made) => made.node.neighbours().filter((one) => one.connected).length

test('ControlNode: five nodes that know one bootstrap address find one another and stay when it dies', async () => {
  const first = await start()
  const others = await Promise.all([1, 2, 3, 4].map(() => start({ bootstrap: [first.address()] })))
  await until('all know all', () => [first, ...others].every((made) => connected(made) === 4))
  await first.node.stop()
  await until('the dead one is gone', () => others.every((made) => made.node.neighbours().length === 3))
  assert.ok(others.every((made) => connected(made) === 3))
  assert.ok(first.dialled)
})

test('ControlNode: a neighbour shows where its data plane is, the observed address first', async () => {
  const a = await start({ zone: 'rack-1' })
  const b = await start({ bootstrap: [a.address()], trustPeers: [a.identity.peerId] })
  await until('both know', () => connected(a) === 1 && connected(b) === 1)
  const [neighbour] = b.node.neighbours()
  assert.equal(neighbour?.peerId, a.identity.peerId)
  assert.deepEqual(Buffer.from(neighbour?.publicKey ?? []), Buffer.from(a.identity.publicKey))
  assert.deepEqual(neighbour?.dataHosts, ['127.0.0.1'])
  assert.equal(neighbour?.dataPort, 4242)
  assert.equal(neighbour?.zone, 'rack-1')
  assert.equal(neighbour?.trust, 'named')
  assert.equal(neighbour?.sameSubnet, true)
  assert.equal(a.node.neighbours()[0]?.trust, 'stranger')
})

test('ControlNode: a private network keeps strangers and holders of another key out', async () => {
  const networkKey = randomBytes(32)
  const a = await start({ networkKey })
  const b = await start({ networkKey, bootstrap: [a.address()] })
  const stranger = await start({ bootstrap: [a.address()] })
  const other = await start({ networkKey: randomBytes(32), bootstrap: [a.address()] })
  await until('members know one another', () => connected(a) === 1 && connected(b) === 1)
  assert.deepEqual([a.node.neighbours()[0]?.trust, a.node.neighbours()[0]?.member], ['member', true])
  await assert.rejects(stranger.host.dial([...a.host.getMultiaddrs()]))
  await assert.rejects(other.host.dial([...a.host.getMultiaddrs()]))
  assert.deepEqual([a, stranger, other].map(connected), [1, 0, 0])
})

test('ControlNode: a restarted node finds its network from what it remembered, without bootstrap', async () => {
  const a = await start()
  const b = await start({ bootstrap: [a.address()] })
  await until('b remembers a', () => b.remembered.has(a.identity.peerId))
  await b.node.stop()
  const again = await start({ known: [...b.remembered.values()] }, b.identity)
  await until('b is back', () => connected(again) === 1)
})

test('ControlNode.drop() parts with a peer that is not welcome any more, and stays parted', async () => {
  const a = await start()
  const b = await start({ bootstrap: [a.address()] })
  await until('both know', () => connected(a) === 1 && connected(b) === 1)
  a.refused.add(b.identity.peerId)
  a.node.drop(b.identity.peerId)
  await until('b saw it', () => connected(b) === 0)
  await assert.rejects(b.host.dial([...a.host.getMultiaddrs()]).then((connection) => connection.newStream('/x')))
  assert.equal(a.node.neighbours().length, 0)
})

test('ControlNode.requestDialBack() makes the peer tell the observed address and the recorded port', async () => {
  const a = await start()
  const b = await start({ bootstrap: [a.address()] })
  await until('both know', () => connected(a) === 1 && connected(b) === 1)
  await b.node.requestDialBack(a.identity.peerId, new AbortController().signal)
  assert.deepEqual(a.dialBacks, [`${b.identity.peerId} 127.0.0.1 4242`])
})

test('ControlNode.requestDialBack() is refused after too many and to one without a data plane', async () => {
  const a = await start({ limits: { ...CONTROL_LIMITS, dialBacksPerMinuteMax: 1 } })
  const b = await start({ bootstrap: [a.address()] })
  const c = await start({ bootstrap: [a.address()], dataPort: undefined })
  await until('all know', () => [a, b, c].every((made) => connected(made) === 2))
  const refusal = (error: unknown) => error instanceof AppError && error.code === 'unavailable.peer'
  const { signal } = new AbortController()
  await b.node.requestDialBack(a.identity.peerId, signal)
  await assert.rejects(b.node.requestDialBack(a.identity.peerId, signal), refusal)
  await assert.rejects(c.node.requestDialBack(a.identity.peerId, signal), refusal)
  assert.equal(a.dialBacks.length, 1)
})

test('ControlNode: gossip reaches who subscribed, with its author', async () => {
  const a = await start()
  const b = await start({ bootstrap: [a.address()] })
  const heard: string[] = []
  b.node.gossip.subscribe('pyrsia/news/1', (message, from) => heard.push(`${from} ${Buffer.from(message)}`) > 0)
  await until('both know', () => connected(a) === 1 && connected(b) === 1)
  await until('a knows that b subscribed', () => a.host.services.pubsub.getSubscribers('pyrsia/news/1').length === 1)
  await a.node.gossip.publish('pyrsia/news/1', Buffer.from('hello'))
  await until('b heard it', () => heard.length > 0)
  assert.deepEqual(heard, [`${a.identity.peerId} hello`])
})

test('Gossip.publish() refuses a message beyond 16 KiB and a topic of another form', async () => {
  const { node } = await start()
  const withCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code
  await assert.rejects(node.gossip.publish('pyrsia/news/1', new Uint8Array(16_385)), withCode('exhausted.size'))
  await assert.rejects(node.gossip.publish('news', new Uint8Array(1)), withCode('usage.message'))
})
