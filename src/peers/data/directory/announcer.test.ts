import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handClock } from '../../../../test/kit/store-suite.ts'
import { silentLogger } from '../../../base/clock.ts'
import { type Digest, digestBytes } from '../../../base/digest.ts'
import type { PeerClient } from '../client/peer-client.ts'
import { settingsOf } from '../options.ts'
import { startAnnouncer } from './announcer.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import { rendezvous, ringMember } from './rendezvous.ts'

const names = Array.from({ length: 40 }, (_, n) => digestBytes('sha256', Buffer.from(`${n}`)))
const held = { id: names[0] as never, sizeBytes: 1, mediaType: undefined }

/** An announcer in a neighbourhood of `peers`; what it sends is counted per peer. */
function scene(peers: string[], mayShare: (name: Digest, peerId: string) => boolean = () => true) {
  const clock = handClock()
  const told = new Map<string, Set<string>>()
  const open = { now: 0, most: 0 }
  const listeners = new Set<() => void>()
  const ring = () => ['self', ...peers].map((peerId) => ringMember(peerId, peerId))
  const neighbourhood = {
    ring,
    replicas: (name: Digest) => rendezvous(name, ring(), 3).filter((peerId) => peerId !== 'self'),
    watch(listener: () => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  } as unknown as Neighbourhood
  const announcer = startAnnouncer(settingsOf({}), {
    self: 'self',
    host: {
      lookup: (name, asker) => (mayShare(name, asker.peerId) ? held : undefined),
      shareable: () => names,
    },
    neighbourhood,
    client: (peerId) =>
      ({
        async ask(request: { path: string; body: Buffer }) {
          open.now += 1
          open.most = Math.max(open.most, open.now)
          await new Promise((resolve) => setImmediate(resolve))
          open.now -= 1
          const set = told.get(peerId) ?? new Set()
          told.set(peerId, set)
          for (const name of JSON.parse(request.body.toString()).names) {
            if (request.path === '/v1/announce') set.add(name)
            else set.delete(name)
          }
          return { status: 200, body: Buffer.alloc(0) }
        },
      }) as unknown as PeerClient,
    askerOf: (peerId) => ({ peerId, sameSubnet: false, member: false }),
    clock,
    logger: silentLogger,
  })
  const settle = async () => {
    for (let count = 0; count < 20; count += 1) {
      clock.advance(100)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return {
    announcer,
    told,
    open,
    settle,
    join(peerId: string) {
      peers.push(peerId)
      for (const listener of listeners) listener()
    },
  }
}

function wanted(peers: readonly string[], peerId: string): string[] {
  const ring = ['self', ...peers].map((one) => ringMember(one, one))
  return names.filter((name) => rendezvous(name, ring, 3).includes(peerId)).sort()
}

test('every shared name is told to its three rendezvous members at the start', async () => {
  const { told, settle, announcer } = scene(['a', 'b', 'c', 'd', 'e'])
  await settle()
  for (const peerId of 'abcde') {
    assert.deepEqual([...(told.get(peerId) ?? [])].sort(), wanted(['a', 'b', 'c', 'd', 'e'], peerId))
  }
  assert.equal(announcer.announced, 40)
  announcer.stop()
})

test('a member that joins is told what it is responsible for', async () => {
  const { told, settle, join, announcer } = scene(['a', 'b', 'c', 'd'])
  await settle()
  join('e')
  await settle()
  assert.deepEqual([...(told.get('e') ?? [])].sort(), wanted(['a', 'b', 'c', 'd', 'e'], 'e'))
  announcer.stop()
})

test('a name is not told to a peer that may not see the blob, and is withdrawn when it is gone', async () => {
  const { told, settle, announcer } = scene(['a', 'b'], (_, peerId) => peerId !== 'a')
  await settle()
  assert.equal(told.has('a'), false)
  assert.equal(told.get('b')?.size, 40)
  announcer.withdraw(names.slice(0, 10))
  await settle()
  assert.equal(told.get('b')?.size, 30)
  announcer.announce(names.slice(0, 1))
  await settle()
  assert.equal(told.get('b')?.size, 31)
  announcer.stop()
})

test('startAnnouncer() speaks to a few peers at a time, however many it is told of', async () => {
  const { told, open, settle } = scene(Array.from({ length: 100 }, (_, n) => `p${n}`))
  await settle()
  await settle()
  assert.ok(told.size > 50, `${told.size} were told`)
  assert.ok(open.most <= 16, `${open.most} at a time`)
})
