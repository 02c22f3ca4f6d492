import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { drandGroup } from '../../../test/kit/drand-group.ts'
import { silentLogger } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { Beacon as Pinned } from '../../base/network/network.ts'
import { chainOf } from '../../beacon/chain-of.ts'
import { DRAND_SCHEME } from '../../beacon/drand-chain.ts'
import { localRounds } from '../../beacon/local-chain.ts'
import { createUndiciUpstream } from '../../upstream/undici.ts'
import { systemClock, systemRandom } from '../effects.ts'
import { type BeaconSources, beaconConstants, beaconUpstreams, openBeacon } from './open-beacon.ts'

const never = new AbortController().signal
const group = drandGroup('over http')
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const refusal = (code: string) => (error: unknown) => error instanceof AppError && error.code === code

const DRAND: Pinned = {
  kind: 'drand',
  chainHash: hex(group.chain.chainHash),
  publicKey: hex(group.chain.publicKey),
  periodSeconds: group.chain.schedule.periodSeconds,
  genesisSeconds: group.chain.schedule.genesisSeconds,
  schemeId: DRAND_SCHEME,
}

/** An endpoint on loopback; what is asked is noted. */
async function endpoint(t: TestContext, answer: (round: number) => string | undefined) {
  const asked: string[] = []
  const server = createServer((request, reply) => {
    asked.push(request.url ?? '')
    const body = answer(Number(request.url?.split('/').at(-1)))
    reply.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' })
    reply.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

function open(t: TestContext, pinned: Pinned, sources: Partial<BeaconSources>) {
  const { endpoints = [], seed } = sources
  const parts = { clock: systemClock, random: systemRandom, logger: silentLogger }
  const upstream = createUndiciUpstream({ upstreams: beaconUpstreams(endpoints), offline: false }, parts)
  t.after(() => upstream.close())
  return openBeacon({ beacon: pinned }, { endpoints, seed }, { upstream, ...parts })
}

test('a drand round comes over HTTP from the first endpoint that gives a true one', async (t) => {
  const missing = await endpoint(t, () => undefined)
  const lying = await endpoint(t, drandGroup('another').body)
  const honest = await endpoint(t, group.body)
  const beacon = open(t, DRAND, { endpoints: [missing.url, lying.url, honest.url] })
  const { randomness, signature } = await beacon.fetch(1000, never)
  assert.deepEqual(signature, group.sign(1000))
  assert.equal(hex(randomness), hex(chainOf(DRAND).verify(1000, signature)))
  assert.deepEqual(
    [missing, lying, honest].map(({ asked }) => asked.length),
    [1, 1, 1],
  )
  assert.equal(honest.asked[0], `/${DRAND.chainHash}/public/1000`)
})

test('a reply without end is given up after a few kilobytes', async (t) => {
  const endless = await endpoint(t, () => ' '.repeat(100_000))
  const beacon = open(t, DRAND, { endpoints: [endless.url] })
  await assert.rejects(beacon.fetch(1000, never), refusal('unavailable.beacon'))
})

test('a drand network without endpoints cannot have its rounds, and says so', (t) => {
  assert.throws(() => open(t, DRAND, {}), refusal('usage.config'))
})

test('the local beacon is opened by its own key alone', (t) => {
  const seed = new Uint8Array(32).fill(4)
  const pinned: Pinned = { kind: 'local', publicKey: Buffer.from(localRounds(seed).publicKey).toString('base64') }
  assert.equal(hex(open(t, pinned, { seed }).chainHash), hex(chainOf(pinned).chainHash))
  assert.throws(() => open(t, pinned, {}), refusal('usage.config'))
  assert.throws(() => open(t, pinned, { seed: new Uint8Array(32).fill(5) }), refusal('usage.config'))
})

test('beaconConstants() says yes to a true round and no to everything else', async () => {
  const { chainHash, check } = beaconConstants(chainOf(DRAND))
  assert.equal(chainHash, DRAND.chainHash)
  const proof = group.sign(7)
  const randomness = hex(chainOf(DRAND).verify(7, proof))
  assert.equal(check(7, randomness, hex(proof)), true)
  assert.equal(check(8, randomness, hex(proof)), false)
  assert.equal(check(7, '00'.repeat(32), hex(proof)), false)
  assert.equal(check(7, randomness, 'ab'), false)
})
