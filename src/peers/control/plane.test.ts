import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { afterEach, test } from 'node:test'
import { type Clock, type Random, silentLogger } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { identityOfSeed } from '../identity.ts'
import type { ControlOptions } from './options.ts'
import { createControlPlane, type WorkerControlPlane } from './plane.ts'

const clock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    return () => clearTimeout(timer)
  },
}
const random: Random = { bytes: (count) => randomBytes(count), fraction: () => 0 }
const timing = { tickMs: 50, politeMs: 100, backoffMinMs: 50 }

const running: WorkerControlPlane[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((plane) => plane.stop()))
})

function create(options: ControlOptions = {}): { plane: WorkerControlPlane; peerId: string } {
  const identity = identityOfSeed(randomBytes(32))
  const known = new Map<string, Uint8Array>()
  const plane = createControlPlane(
    { timing, ...options },
    {
      identity,
      clock,
      random,
      logger: silentLogger,
      remember: (peerId, envelope) => void known.set(peerId, envelope),
      recall: () => [...known.values()],
    },
  )
  running.push(plane)
  return { plane, peerId: identity.peerId }
}

async function until(what: string, plane: WorkerControlPlane, holds: () => boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const check = () => holds() && resolve()
  const limit = setTimeout(() => reject(new Error(`waited in vain until ${what}`)), 15_000)
  const end = plane.watch(check)
  check()
  try {
    await promise
  } finally {
    clearTimeout(limit)
    end()
  }
}

const connected = (plane: WorkerControlPlane) => plane.neighbours().filter((one) => one.connected)

test('createControlPlane(): two planes in workers find one another, gossip, ask to be dialled back and part', async () => {
  const a = create()
  await a.plane.start(4001)
  const b = create({ bootstrap: [a.plane.listen()[0] ?? ''] })
  const heard = Promise.withResolvers<string>()
  b.plane.subscribe('pyrsia/news/1', (message, from) => heard.resolve(`${from} ${Buffer.from(message)}`))
  const asked = Promise.withResolvers<string>()
  a.plane.onDialBack((peerId, host, port) => asked.resolve(`${peerId} ${host} ${port}`))
  await b.plane.start(4002)
  await until('a knows b', a.plane, () => connected(a.plane).length === 1)
  await until('b knows a', b.plane, () => b.plane.neighbour(a.peerId)?.dataPort === 4001)
  assert.equal(a.plane.dialledByPeers(), true)
  assert.match(a.plane.listen()[0] ?? '', new RegExp(`^/ip4/127.0.0.1/tcp/\\d+/p2p/${a.peerId}$`))

  await b.plane.requestDialBack(a.peerId, new AbortController().signal)
  assert.equal(await asked.promise, `${b.peerId} 127.0.0.1 4002`)

  // Gossip meshes form in the background: what a late subscriber missed is told again.
  const telling = setInterval(() => void a.plane.publish('pyrsia/news/1', Buffer.from('hello')), 100)
  assert.equal(await heard.promise, `${a.peerId} hello`)
  clearInterval(telling)

  a.plane.drop(b.peerId)
  assert.equal(a.plane.neighbours().length, 0)
  await until('b saw it', b.plane, () => connected(b.plane).length === 0)
})

test('createControlPlane(): a worker that dies is started again at the same address and finds its neighbours', async () => {
  const a = create()
  await a.plane.start(4001)
  const b = create({ bootstrap: [a.plane.listen()[0] ?? ''] })
  await b.plane.start(4002)
  await until('a knows b', a.plane, () => connected(a.plane).length === 1)
  const before = a.plane.listen()
  await a.plane.crash()
  assert.equal(a.plane.condition(), 'restarting')
  assert.equal(a.plane.neighbours().length, 0)
  await until('a is back', a.plane, () => connected(a.plane).length === 1)
  assert.equal(a.plane.condition(), 'running')
  assert.deepEqual(a.plane.listen(), before)
})

test('ControlPlane.start() says that its port is taken', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const { plane } = create({ listen: [`/ip4/127.0.0.1/tcp/${port}`] })
  await assert.rejects(plane.start(1), (error) => error instanceof AppError && error.code === 'conflict.port')
  assert.equal(plane.condition(), 'stopped')
  server.close()
})

test('ControlPlane.start() refuses a bootstrap address that cannot be understood', async () => {
  const { plane } = create({ bootstrap: ['not an address'] })
  await assert.rejects(plane.start(1), (error) => error instanceof AppError && error.code === 'usage.config')
})

test('ControlPlane: calls without a running worker say so', async () => {
  const { plane } = create()
  const unavailable = (error: unknown) => error instanceof AppError && error.code === 'unavailable.peer'
  await assert.rejects(plane.publish('pyrsia/news/1', new Uint8Array(1)), unavailable)
  await assert.rejects(plane.requestDialBack('x', new AbortController().signal), unavailable)
})
