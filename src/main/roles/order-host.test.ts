import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleNetwork } from '../../../test/kit/sample-network.ts'
import { steppedClock } from '../../../test/kit/stepped-clock.ts'
import { AppError } from '../../base/errors.ts'
import type { Ordered } from '../../build/ordering.ts'
import type { PeerInfo } from '../../peers/peers.ts'
import { createBeaconLimit } from './authority.ts'
import { createOrderHost, type OrderHostDependencies } from './order-host.ts'
import { formatMessage, type OrderMessage, parseAnswer, parseMessage } from './order-messages.ts'
import { createPeerOrdering } from './peer-ordering.ts'

const AUTHORITY = '12D3KooWAuthority'
const sample = sampleNetwork({ authorities: 1, origin: 'log.example/order' })
const network = {
  ...sample,
  organisations: sample.organisations.map((one) => ({ ...one, keys: { ...one.keys, peer: AUTHORITY } })),
}
const head = { network: network.origin, hops: 1 }
const never = new AbortController().signal
const asker = { peerId: 'a peer', member: false, sameSubnet: false }
const taken: Ordered = { refusal: undefined, entries: [{ index: 7, name: 'ab'.repeat(32) }] }

function host(parts: Partial<OrderHostDependencies>): (message: OrderMessage) => Promise<Ordered> {
  const passOn = () => Promise.reject(new AppError('unavailable.peer', 'nobody is there'))
  const transact = createOrderHost({
    network,
    authority: undefined,
    member: undefined,
    passOn,
    clock: steppedClock(),
    ...parts,
  })
  return async (message) => parseAnswer(await transact(formatMessage(message), asker, never), 'the host')
}

test('an authority orders what a peer brings, and answers with what came of it', async () => {
  const seen: string[] = []
  const authority = {
    async orderForeign(bytes: Uint8Array) {
      seen.push(Buffer.from(bytes).toString())
      return seen.length === 1 ? taken : { refusal: 'sequence', entries: [] }
    },
  }
  const ask = host({ authority })
  const message = { ...head, transaction: Buffer.from('signed').toString('base64') }
  assert.deepEqual(await ask(message), taken)
  assert.deepEqual(await ask(message), { refusal: 'sequence', entries: [] })
  assert.deepEqual(seen, ['signed', 'signed'])
})

test('a member takes up the wish of a peer in its own name, and of one peer only so many', async () => {
  const sent: unknown[] = []
  const member = {
    async send(said: unknown) {
      sent.push(said)
      return taken
    },
  } as unknown as OrderHostDependencies['member']
  const ask = host({ member })
  for (let count = 0; count < 30; count += 1) await ask({ ...head, purl: `pkg:toy/blocks@${count}` })
  assert.deepEqual(sent[0], { type: 'request', purl: 'pkg:toy/blocks@0' })
  await assert.rejects(ask({ ...head, purl: 'pkg:toy/blocks@30' }), { code: 'exhausted.quota' })
  assert.equal(sent.length, 30)
  await assert.rejects(ask({ ...head, purl: 'pkg:toy/%zz' }), { code: 'usage.purl' })
})

test('who is neither passes on, never back, and says so when it knows nobody', async () => {
  const passed: unknown[] = []
  const ask = host({
    passOn: async (message, except) => {
      passed.push([message, except])
      return taken
    },
  })
  const wish = { ...head, purl: 'pkg:toy/blocks@1' }
  assert.deepEqual(await ask(wish), taken)
  assert.deepEqual(passed, [[wish, 'a peer']])
  await assert.rejects(host({})(wish), { code: 'unavailable.peer' })
})

test('messages of other networks, to solo networks, and such that are none get no further', async () => {
  await assert.rejects(host({})({ ...head, network: 'log.example/other', purl: 'pkg:toy/a@1' }), {
    code: 'unavailable.peer',
  })
  const solo = sampleNetwork({ authorities: 1, origin: `local/${'ab'.repeat(16)}` })
  const passOn = () => Promise.resolve(taken)
  const alone = createOrderHost({
    network: solo,
    authority: undefined,
    member: undefined,
    passOn,
    clock: steppedClock(),
  })
  await assert.rejects(alone(formatMessage({ ...head, purl: 'pkg:toy/a@1' }), asker, never), { code: 'denied.share' })
  for (const bad of [
    '{}',
    '{"hops":3,"network":"a","purl":"pkg:toy/a@1"}',
    '{"hops":1,"network":"a","purl":"x"}',
    'x',
  ]) {
    assert.throws(() => parseMessage(Buffer.from(bad)), { code: 'usage.message' }, bad)
  }
})

test('a node sends to an authority first, tries others, and ends the way of a message after its hops', async () => {
  const tried: string[] = []
  const peers = {
    list: () => ['x', AUTHORITY, 'y'].map((peerId) => ({ peerId, connected: peerId !== 'y' }) as PeerInfo),
    onConnected: () => () => undefined,
    async transact(peerId: string): Promise<Uint8Array> {
      tried.push(peerId)
      if (peerId === AUTHORITY) throw new AppError('unavailable.peer', 'it is away')
      return Buffer.from('{"entries":[],"refusal":"open"}')
    },
  }
  const ordering = createPeerOrdering(network, { peers, random: { bytes: () => new Uint8Array(), fraction: () => 0 } })
  assert.deepEqual(await ordering.ask('pkg:toy/a@1', never), { refusal: 'open', entries: [] })
  assert.deepEqual(tried.splice(0), [AUTHORITY, 'x'])
  await ordering.passOn({ ...head, purl: 'pkg:toy/a@1' }, 'x', never).catch(() => {})
  assert.deepEqual(tried.splice(0), [AUTHORITY], 'not back to where it came from')
  const worn = ordering.passOn({ ...head, hops: 0, purl: 'pkg:toy/a@1' }, 'z', never)
  await assert.rejects(worn, { code: 'unavailable.peer' })
  assert.deepEqual(tried, [])
})

test('each organisation has only so many rounds of the beacon checked in a minute', () => {
  const clock = steppedClock()
  const may = createBeaconLimit({ clock })
  const six = Array.from({ length: 7 }, () => may('a'))
  assert.deepEqual(six, [true, true, true, true, true, true, false])
  assert.equal(may('b'), true)
  clock.advance(10_000)
  assert.deepEqual([may('a'), may('a')], [true, false])
})
