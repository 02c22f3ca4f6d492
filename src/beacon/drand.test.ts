import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beaconSuite } from '../../test/kit/beacon-suite.ts'
import { drandGroup } from '../../test/kit/drand-group.ts'
import { steppedClock } from '../../test/kit/stepped-clock.ts'
import { silentLogger } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { type BeaconGet, createDrandBeacon, ENDPOINT_PATIENCE_MS, ENDPOINTS_MAX } from './drand.ts'

const group = drandGroup('ours')
const never = new AbortController().signal
const unavailable = (error: unknown) => error instanceof AppError && error.code === 'unavailable.beacon'
const roundIn = (url: string): number => Number(url.split('/').at(-1))

/** Endpoints by host; what is asked is noted. */
function bench(endpoints: Readonly<Record<string, (round: number, signal: AbortSignal) => Promise<string> | string>>) {
  const clock = steppedClock()
  const asked: string[] = []
  const get: BeaconGet = async (url, _bytesMax, signal) => {
    asked.push(url)
    return Buffer.from((await endpoints[new URL(url).host]?.(roundIn(url), signal)) ?? '')
  }
  const hosts = Object.keys(endpoints).map((host) => `https://${host}`)
  const beacon = createDrandBeacon({ ...group.chain, endpoints: hosts }, { get, clock, logger: silentLogger })
  return { beacon, clock, asked, newest: beacon.roundAt(Math.floor(clock.nowMs() / 1000)) }
}

beaconSuite('the drand beacon', (clock) => {
  const get: BeaconGet = async (url) => Buffer.from(group.body(roundIn(url)))
  return createDrandBeacon({ ...group.chain, endpoints: ['https://a'] }, { get, clock, logger: silentLogger })
})

test('drand asks for a round by chain hash and number', async () => {
  const { beacon, asked, newest } = bench({ a: group.body })
  await beacon.fetch(newest, never)
  assert.deepEqual(asked, [`https://a/${Buffer.from(group.chain.chainHash).toString('hex')}/public/${newest}`])
})

test('drand goes on to the next endpoint when one fails, lies or answers something else', async () => {
  const stranger = drandGroup('theirs')
  const { beacon, asked, newest } = bench({
    down: () => Promise.reject(new Error('refused')),
    empty: () => '',
    other: (round) => group.body(round - 1),
    renamed: (round) => group.body(round - 1).replace(`${round - 1}`, `${round}`),
    stranger: stranger.body,
    text: () => '{"round":"1"}',
    good: group.body,
    unasked: group.body,
  })
  const found = await beacon.fetch(newest, never)
  assert.deepEqual(found.signature, group.sign(newest))
  assert.equal(asked.length, 7)
  await beacon.fetch(newest, never)
  assert.equal(new URL(asked[7] ?? '').host, 'good', 'the one that answered last is asked first')
})

test('drand gives up when no endpoint gives the round, and asks no more than its limit', async () => {
  const many = Object.fromEntries(Array.from({ length: ENDPOINTS_MAX + 3 }, (_, at) => [`e${at}`, () => 'no']))
  const { beacon, asked, newest } = bench(many)
  await assert.rejects(beacon.fetch(newest, never), unavailable)
  assert.equal(asked.length, ENDPOINTS_MAX)
  await assert.rejects(bench({}).beacon.fetch(newest, never), unavailable)
})

test('drand does not wait for an endpoint that says nothing', async () => {
  const { beacon, clock, newest } = bench({
    silent: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        clock.advance(ENDPOINT_PATIENCE_MS)
      }),
    good: group.body,
  })
  assert.equal((await beacon.fetch(newest, never)).round, newest)
})

test('drand stops asking when its caller leaves', async () => {
  const caller = new AbortController()
  const { beacon, asked, newest } = bench({
    first: () => {
      caller.abort()
      return Promise.reject(new Error('cut'))
    },
    second: group.body,
  })
  const left = (error: unknown) => error instanceof AppError && error.code === 'aborted.caller'
  await assert.rejects(beacon.fetch(newest, caller.signal), left)
  assert.equal(asked.length, 1)
})

test('drand asks nobody for a round whose time has not come', async () => {
  const { beacon, asked, newest } = bench({ a: group.body })
  await assert.rejects(beacon.fetch(newest + 1, never), unavailable)
  assert.deepEqual(asked, [])
})
