/** A draw with all its real parts but the network: engine, state machine, beacon and whoever brings its rounds; then drawn again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createToyKeys, TOY_NETWORK, TOY_RULES } from '../../../test/kit/consensus-network.ts'
import { drandGroup } from '../../../test/kit/drand-group.ts'
import { createToyLog, toyClock, toyGenesis } from '../../../test/kit/engine-suite.ts'
import { type Clock, silentLogger } from '../../base/clock.ts'
import { parseEntry, type SelectionEntry } from '../../base/entries/entry.ts'
import { type BeaconBody, encodeTransaction } from '../../base/entries/transaction.ts'
import { roundAfter } from '../../base/network/beacon-schedule.ts'
import type { Beacon } from '../../beacon/beacon.ts'
import { createDrandBeacon } from '../../beacon/drand.ts'
import { createLocalBeacon } from '../../beacon/local.ts'
import { buildersFor } from '../../consensus/draft/members.ts'
import { createMemoryConsensus } from '../../consensus/memory.ts'
import { membersIn } from '../../consensus/query.ts'
import { drawSeed } from '../../consensus/selection/draw-seed.ts'
import { select } from '../../consensus/selection/select.ts'
import { createStateMachine } from '../../consensus/state.ts'
import { beaconConstants } from '../../main/network/open-beacon.ts'
import { bringRounds } from './bring-rounds.ts'

const group = drandGroup('of the draw')
const BEACONS: Readonly<Record<string, (clock: Clock) => Beacon>> = {
  local: (clock) => createLocalBeacon({ seed: new Uint8Array(32).fill(3) }, { clock }),
  drand: (clock) => {
    const get = async (url: string) => Buffer.from(group.body(Number(url.split('/').at(-1))))
    return createDrandBeacon({ ...group.chain, endpoints: ['https://a'] }, { get, clock, logger: silentLogger })
  },
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

for (const [name, create] of Object.entries(BEACONS)) {
  test(`a request is drawn by the ${name} beacon's round, and drawn again from the log by anybody who knows the members`, async () => {
    const clock = toyClock()
    const beacon = create(clock)
    const machine = createStateMachine({ network: TOY_NETWORK, beacon: beaconConstants(beacon) })
    const log = createToyLog()
    const engine = await createMemoryConsensus({ genesis: toyGenesis(14) }, { machine, log, clock })
    const keys = createToyKeys()
    const drawn = new Promise<void>((resolve) => {
      engine.watch(({ entries }) => {
        if (entries.some(({ entry }) => entry.kind === 'selection')) resolve()
      })
    })
    const bringing = bringRounds({
      beacon,
      waiting: () => engine.state().scalars.rounds,
      watch: (listener) => engine.watch(listener),
      async bring({ round, randomness, signature }, signal) {
        const body = { type: 'beacon', round, randomness: hex(randomness), proof: hex(signature) } as const
        await engine.submit(encodeTransaction(keys.sign<BeaconBody>('b/attestation', body)), signal)
      },
      clock,
      logger: silentLogger,
    })
    await engine.submit(encodeTransaction(keys.request('a', 'pkg:toy/toy@1.0')))
    for (let block = 0; block < 2; block += 1) {
      clock.advance(1000)
      await engine.pass()
    }
    await drawn
    await bringing.stop()

    const entries = log.entries.map((bytes) => parseEntry(bytes))
    const index = entries.findIndex(({ kind }) => kind === 'request')
    const request = entries[index]
    const selection = entries.find((entry): entry is SelectionEntry => entry.kind === 'selection')
    assert.ok(request?.kind === 'request' && selection?.outcome === 'selected')
    const { round, randomness, proof } = selection.beacon
    assert.equal(round, roundAfter(beacon.schedule, selection.drawSeconds + TOY_RULES.beaconDelaySeconds))
    assert.equal(hex(beacon.verify(round, unhex(proof))), randomness)
    const seed = drawSeed({
      network: TOY_NETWORK,
      chainHash: beacon.chainHash,
      round,
      randomness: unhex(randomness),
      requestLeafHash: unhex(selection.request),
      attempt: selection.attempt,
      membershipRoot: unhex(request.membershipRoot),
    })
    assert.equal(hex(seed), selection.seed)
    const members = buildersFor(membersIn(engine.state()), index)
    const again = select({ seed, members, ecosystemType: 'toy', requestIndex: index })
    assert.ok(again.kind === 'selected')
    assert.deepEqual(again.size, { builders: 7, quorum: 6, rebuilt: true })
    const seats = (list: readonly { organisation: string; node: string }[]) => list.map((seat) => seat.organisation)
    assert.deepEqual(seats(again.selected), seats(selection.selected))
    assert.deepEqual(seats(again.standbys), seats(selection.standbys))
    await engine.close()
  })
}
