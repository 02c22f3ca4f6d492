/**
 * Does the control plane leak? One node stays while others come, talk and die without a word, and it dials who is not there.
 * After a warm-up its heap, its sockets and timers, and libp2p's dial queue must not grow with the rounds. SOAK_ROUNDS
 * (default 60, some 2 seconds each) says how many.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { silentLogger } from '../../src/base/clock.ts'
import { systemClock, systemRandom } from '../../src/main/effects.ts'
import { createHost, type Host } from '../../src/peers/control/node/host.ts'
import { ControlNode } from '../../src/peers/control/node/node.ts'
import { CONTROL_LIMITS, CONTROL_TIMING } from '../../src/peers/control/options.ts'
import { identityOfSeed, seedOf } from '../../src/peers/identity.ts'
import { until } from '../kit/process.ts'

const ROUNDS = Number(process.env.SOAK_ROUNDS ?? 60)
const VISITORS = 4
const MESSAGES = 50
const TOPIC = 'pyrsia/soak/1'
/** What caches may still grow by after the warm-up. */
const GROWTH_BYTES_MAX = 12 * 1_048_576
const RESOURCES_GROWTH_MAX = 10

const timing = { ...CONTROL_TIMING, tickMs: 50, politeMs: 50, backoffMinMs: 50, backoffMaxMs: 500, dialTimeoutMs: 1000 }
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

interface Made {
  readonly node: ControlNode
  readonly host: Host
}

async function start(bootstrap: readonly string[]): Promise<Made> {
  const identity = identityOfSeed(randomBytes(32))
  const limits = { ...CONTROL_LIMITS, recordsMax: 64 }
  const welcome = () => true
  const host = await createHost({
    privateKey: Buffer.concat([seedOf(identity), identity.publicKey]),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    networkKey: undefined,
    mdns: false,
    limits,
    timing,
    welcome,
  })
  const events = { changed() {}, dialledByPeer() {}, remember() {}, dialBack() {} }
  const options = { trustPeers: [], networkKey: undefined, zone: undefined, dataPort: 1, known: [] }
  const node = new ControlNode(
    { ...options, bootstrap, limits, timing },
    {
      identity,
      host,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      sameSubnet: () => true,
      welcome,
      events,
    },
  )
  await node.start()
  return { node, host }
}

/** Visitors come, all meet, talk, and break off without closing. */
async function round(lasting: Made, heard: { count: number }): Promise<void> {
  const visitors = await Promise.all(Array.from({ length: VISITORS }, () => start(lasting.node.listen())))
  try {
    const connected = (made: Made) => made.node.neighbours().filter((one) => one.connected).length
    await until('all to meet', () => [lasting, ...visitors].every((made) => connected(made) === VISITORS))
    const before = heard.count
    // Who subscribed gets about after people met: until then messages go nowhere.
    await until('enough of it to be heard', async () => {
      for (const { node } of visitors) await node.gossip.publish(TOPIC, randomBytes(1024))
      return heard.count - before >= MESSAGES
    })
    for (const { host } of visitors) {
      for (const connection of host.getConnections()) connection.abort(new Error('cable cut'))
    }
  } finally {
    await Promise.all(visitors.map(({ node }) => node.stop()))
  }
  await until('the visitors to be gone', () => lasting.node.neighbours().length === 0)
}

function measure(): { readonly heapBytes: number; readonly resources: number } {
  collectGarbage()
  collectGarbage()
  return { heapBytes: process.memoryUsage().heapUsed, resources: process.getActiveResourcesInfo().length }
}

test('the control plane does not grow while peers come, talk and die', { timeout: 30 * 60_000 }, async (t) => {
  const dead = '/ip4/127.0.0.1/tcp/9/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
  const lasting = await start([dead])
  t.after(() => lasting.node.stop())
  const heard = { count: 0 }
  lasting.node.gossip.subscribe(TOPIC, () => {
    heard.count += 1
    return true
  })
  const warmUp = Math.max(5, Math.ceil(ROUNDS / 4))
  for (let n = 0; n < warmUp; n += 1) await round(lasting, heard)
  const before = measure()
  for (let n = warmUp; n < ROUNDS; n += 1) await round(lasting, heard)
  await delay(2000)
  const after = measure()
  const grown = after.heapBytes - before.heapBytes
  t.diagnostic(`heap ${before.heapBytes} -> ${after.heapBytes} bytes over ${ROUNDS - warmUp} rounds`)
  t.diagnostic(`resources ${before.resources} -> ${after.resources}, ${heard.count} messages heard`)
  assert.ok(grown < GROWTH_BYTES_MAX, `the heap grew by ${grown} bytes`)
  assert.ok(after.resources - before.resources < RESOURCES_GROWTH_MAX, 'sockets or timers were left behind')
  await until('the dial queue to drain', () => lasting.host.getDialQueue().length <= 1)
  assert.equal(lasting.host.getConnections().length, 0)
})
