import assert from 'node:assert/strict'
import { test } from 'node:test'
import { never, realClock } from '../../../../test/kit/data-network.ts'
import { silentLogger } from '../../../base/clock.ts'
import { blobIdOf } from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import type { Neighbour } from '../../neighbour.ts'
import type { PeerClient } from '../client/peer-client.ts'
import { createLookup, type LookupDependencies } from './lookup.ts'

const id = blobIdOf(Buffer.from('a blob'))

function neighbour(peerId: string, over: Partial<Neighbour> = {}): Neighbour {
  return {
    peerId,
    publicKey: new Uint8Array(32),
    trust: 'stranger',
    member: false,
    dataHosts: ['192.0.2.1'],
    dataPort: 1,
    addresses: [],
    zone: undefined,
    sameSubnet: false,
    connected: false,
    connectedAtMs: 0,
    roundTripMs: undefined,
    seenAtMs: 0,
    ...over,
  }
}

test('createLookup() asks those whom it knows itself, however many others are only heard of', async () => {
  const heard = Array.from({ length: 1_000 }, (_, n) => neighbour(`heard ${n}`))
  const met = [
    neighbour('far', { connected: true, roundTripMs: 80 }),
    neighbour('named', { trust: 'named' }),
    ...Array.from({ length: 20 }, (_, n) => neighbour(`near ${n}`, { connected: true, roundTripMs: n })),
  ]
  const asked: string[] = []
  const lookup = createLookup({
    neighbourhood: {
      neighbours: () => [...heard, ...met],
      replicas: () => ['heard 1', 'heard 2', 'heard 3'],
    } as unknown as LookupDependencies['neighbourhood'],
    table: { providers: () => ['heard 4'] } as unknown as LookupDependencies['table'],
    client: (peerId) =>
      ({
        async ask() {
          asked.push(peerId)
          const holds = peerId === 'named' || peerId === 'near 0' ? [{ name: id, id, sizeBytes: 6 }] : []
          return { status: 200, body: Buffer.from(JSON.stringify({ holdings: holds, providers: [] })) }
        },
      }) as unknown as PeerClient,
    blame: () => {},
    clock: realClock,
    logger: silentLogger,
  })
  const found = await lookup([id], { timeoutMs: 2_000, signal: never })
  assert.deepEqual(found.map(({ peerId }) => peerId).sort(), ['named', 'near 0'])
  assert.ok(asked.includes('heard 1') && asked.includes('heard 4'), 'and the keepers of the list')
  assert.ok(asked.length <= 16)
})

test('createLookup() leaves out for a while who could not be reached, but not when nobody else is left to ask', async () => {
  let asked = 0
  const lookup = createLookup({
    neighbourhood: {
      neighbours: () => [neighbour('only', { connected: true })],
    } as unknown as LookupDependencies['neighbourhood'],
    table: { providers: () => [] } as unknown as LookupDependencies['table'],
    client: () =>
      ({
        async ask() {
          asked += 1
          if (asked === 1) throw new AppError('unavailable.peer', 'no connection yet')
          return {
            status: 200,
            body: Buffer.from(JSON.stringify({ holdings: [{ name: id, id, sizeBytes: 6 }], providers: [] })),
          }
        },
      }) as unknown as PeerClient,
    blame: () => {},
    clock: realClock,
    logger: silentLogger,
  })
  const options = { timeoutMs: 2_000, signal: never }
  assert.deepEqual(await lookup([id], options), [])
  assert.deepEqual(await lookup([id], options), [], 'it is left in peace')
  assert.equal(asked, 1)
  assert.equal((await lookup([id], { ...options, patient: true })).length, 1)
})
