import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { realClock } from '../../../test/kit/data-network.ts'
import { signerOf } from '../../../test/kit/sample-entries.ts'
import { makeTrustNetwork } from '../../../test/kit/trust-network.ts'
import { silentLogger } from '../../base/clock.ts'
import type { Signer } from '../../base/crypto/ed25519.ts'
import { indexKeys } from '../../base/entries/index-keys.ts'
import {
  type BeaconBody,
  encodeTransaction,
  type RequestBody,
  signTransaction,
} from '../../base/entries/transaction.ts'
import { AppError } from '../../base/errors.ts'
import { createLocalBeacon } from '../../beacon/local.ts'
import type { EntryLog } from '../../consensus/consensus.ts'
import { createMemoryWriter } from '../../log/memory.ts'
import { genesisOf } from '../network/genesis.ts'
import { openRoleKeys } from '../network/role-keys.ts'
import { type Authority, startAuthority } from './authority.ts'

const never = new AbortController().signal
const PURL = 'pkg:npm/blocks@1.0.0'

async function begin(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'pyrsia-authority-'))
  t.after(() => rm(directory, { recursive: true }))
  const made = await makeTrustNetwork(directory, { builders: 4 })
  const { network, authority: data } = made
  const keys = openRoleKeys(data)
  const log = createMemoryWriter(
    { origin: network.origin, keysOf: indexKeys, signAtOnce: false },
    keys.find('log') as Signer,
  )
  let full = false
  const onDisk: EntryLog = {
    head: () => log.head(),
    pureRoot: (entries) => log.pureRoot(entries),
    append: (...given) => (full ? Promise.reject(new AppError('exhausted.disk', 'no room')) : log.append(...given)),
    sign: (size) => log.sign(size),
  }
  const genesis = genesisOf(network)
  const seed = keys.beaconSeed()
  assert.ok(genesis && seed)
  const beacon = createLocalBeacon({ seed }, { clock: realClock })
  const signer = keys.find('consensus') as Signer
  const deps = {
    directory: data,
    network,
    genesis,
    log: onDisk,
    beacon,
    signer,
    clock: realClock,
    logger: silentLogger,
  }
  let authority: Authority = await startAuthority(deps)
  t.after(() => authority[Symbol.asyncDispose]())
  const builder = openRoleKeys(made.builders.get('builder-1') ?? '').find('attestation') as Signer
  return {
    network,
    log,
    builder,
    authority: () => authority,
    fillDisk() {
      full = true
    },
    async restart() {
      await authority[Symbol.asyncDispose]()
      authority = await startAuthority(deps)
    },
    request(by: Signer, sequence: number, of = network.origin) {
      return encodeTransaction(signTransaction<RequestBody>({ type: 'request', network: of, sequence, purl: PURL }, by))
    },
  }
}

test('an authority founds the network, orders what members of other organisations send, and goes on after a restart', async (t) => {
  const { log, builder, authority, restart, request } = await begin(t)
  const founded = log.head().size
  assert.equal(log.newest()?.size, founded, 'it is signed')
  const { refusal, entries } = await authority().orderForeign(request(builder, 1), never)
  assert.deepEqual([refusal, entries.map(({ index }) => index)], [undefined, [founded]])
  await restart()
  assert.equal((await authority().orderForeign(request(builder, 1), never)).refusal, 'sequence')
  assert.equal((await authority().orderForeign(request(builder, 2), never)).refusal, 'open')
})

test('an authority whose write failed says that nothing is ordered any more, and why', async (t) => {
  const { builder, authority, fillDisk, request } = await begin(t)
  assert.equal(authority().failure(), undefined)
  fillDisk()
  await assert.rejects(authority().orderForeign(request(builder, 1), never), { code: 'exhausted.disk' })
  assert.match(authority().failure() ?? '', /Nothing is ordered any more, .*: no room$/)
})

test('F4: what cannot count is turned away before it fills a block', async (t) => {
  const { log, builder, authority, request } = await begin(t)
  const before = log.head().size
  const foreign = async (bytes: Uint8Array) => (await authority().orderForeign(bytes, never)).refusal
  assert.equal(await foreign(request(signerOf('a stranger'), 1)), 'key')
  assert.equal(await foreign(request(builder, 1, 'log.example/other')), 'network')
  const forged = { body: JSON.parse(Buffer.from(request(builder, 1)).toString()).body, signature: '00'.repeat(64) }
  assert.equal(await foreign(encodeTransaction(forged)), 'signature')
  await assert.rejects(authority().orderForeign(Buffer.from('x'), never), { code: 'usage.transaction' })
  assert.equal(log.head().size, before)
})

test('rounds that others bring are checked a few a minute for each organisation, since each costs tens of milliseconds', async (t) => {
  const { network, builder, authority } = await begin(t)
  const round = (sequence: number) => {
    const given = { round: 1, randomness: '00'.repeat(32), proof: 'ab' }
    const said = { type: 'beacon', network: network.origin, sequence, ...given } as const
    return authority().orderForeign(encodeTransaction(signTransaction<BeaconBody>(said, builder)), never)
  }
  for (let sequence = 1; sequence <= 6; sequence += 1) assert.equal((await round(sequence)).refusal, 'round')
  await assert.rejects(round(7), { code: 'exhausted.quota' })
})
