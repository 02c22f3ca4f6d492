/** The cases that every implementation of `Beacon` must pass. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Clock } from '../../src/base/clock.ts'
import { AppError, type ErrorCode } from '../../src/base/errors.ts'
import { secondsOfRound } from '../../src/base/network/beacon-schedule.ts'
import type { Beacon } from '../../src/beacon/beacon.ts'
import { type SteppedClock, steppedClock } from './stepped-clock.ts'

const never = new AbortController().signal
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const refusal = (code: ErrorCode) => (error: unknown) => error instanceof AppError && error.code === code

/** Runs the cases on what `create` makes; it must give every round that is out by the clock. */
export function beaconSuite(name: string, create: (clock: Clock) => Beacon): void {
  const bench = (): { beacon: Beacon; clock: SteppedClock; newest: number } => {
    const clock = steppedClock()
    const beacon = create(clock)
    return { beacon, clock, newest: beacon.roundAt(Math.floor(clock.nowMs() / 1000)) }
  }
  describe(`${name} as a Beacon`, () => {
    test('gives 32 bytes that its own proof leads to', async () => {
      const { beacon, newest } = bench()
      const { round, signature, randomness } = await beacon.fetch(newest, never)
      assert.deepEqual([round, randomness.length], [newest, 32])
      assert.equal(hex(beacon.verify(round, signature)), hex(randomness))
    })

    test('gives the same for one round whenever it is asked, and again when made anew', async () => {
      const { beacon, clock, newest } = bench()
      const before = await beacon.fetch(newest, never)
      clock.advance(86_400_000)
      assert.deepEqual(await beacon.fetch(newest, never), before)
      assert.deepEqual(await create(clock).fetch(newest, never), before)
    })

    test('gives other bytes for every round', async () => {
      const { beacon, newest } = bench()
      const rounds = await Promise.all([0, 1, 2, 3].map((back) => beacon.fetch(newest - back, never)))
      assert.equal(new Set(rounds.map(({ randomness }) => hex(randomness))).size, 4)
    })

    test('gives no round before its time, and gives it then', async () => {
      const { beacon, clock, newest } = bench()
      const next = newest + 1
      await assert.rejects(beacon.fetch(next, never), refusal('unavailable.beacon'))
      clock.advance(secondsOfRound(beacon.schedule, next) * 1000 - clock.nowMs() - 1)
      await assert.rejects(beacon.fetch(next, never), refusal('unavailable.beacon'))
      clock.advance(1)
      assert.equal((await beacon.fetch(next, never)).round, next)
    })

    test('has no rounds but whole numbers from 1 on', async () => {
      const { beacon, newest } = bench()
      const { signature } = await beacon.fetch(newest, never)
      for (const round of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
        await assert.rejects(beacon.fetch(round, never), refusal('unavailable.beacon'), `${round}`)
        assert.throws(() => beacon.verify(round, signature), refusal('untrusted.signature'), `${round}`)
      }
      assert.equal((await beacon.fetch(1, never)).round, 1)
    })

    test("refuses one round's proof for another", async () => {
      const { beacon, newest } = bench()
      const { signature } = await beacon.fetch(newest, never)
      for (const round of [newest - 1, newest + 1, 1]) {
        assert.throws(() => beacon.verify(round, signature), refusal('untrusted.signature'))
      }
    })

    test('refuses a proof with any byte changed, cut, or added', async () => {
      const { beacon, newest } = bench()
      const { signature } = await beacon.fetch(newest, never)
      const wrong = [new Uint8Array(), signature.subarray(0, -1), Uint8Array.from([...signature, 0])]
      for (let at = 0; at < signature.length; at += 1)
        wrong.push(signature.with(at, (signature[at] ?? 0) ^ (1 << (at % 8))))
      for (const proof of wrong) assert.throws(() => beacon.verify(newest, proof), refusal('untrusted.signature'))
    })

    test('ends when the caller leaves', async () => {
      const { beacon, newest } = bench()
      await assert.rejects(beacon.fetch(newest, AbortSignal.abort()), refusal('aborted.caller'))
    })

    test('is told from other chains by 32 bytes', () => {
      assert.equal(bench().beacon.chainHash.length, 32)
    })
  })
}
