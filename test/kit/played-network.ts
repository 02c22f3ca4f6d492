/**
 * Lets the organisations of a network that was founded by files have a package built, with the keys that lie in their data directories, by
 * the state machine alone: what would be in the authority's log if their nodes had run. Nothing is built; all report the same.
 */
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLogger } from '../../src/base/clock.ts'
import type { Signer } from '../../src/base/crypto/ed25519.ts'
import { indexKeys } from '../../src/base/entries/index-keys.ts'
import { commitmentOf } from '../../src/base/entries/result.ts'
import {
  type BeaconBody,
  type CommitBody,
  type RequestBody,
  type RevealBody,
  signTransaction,
  type Transaction,
  type TransactionBody,
} from '../../src/base/entries/transaction.ts'
import { chainOf } from '../../src/beacon/chain-of.ts'
import { localRounds } from '../../src/beacon/local-chain.ts'
import type { LoggedEntry } from '../../src/consensus/draft/draft.ts'
import { requestIn } from '../../src/consensus/query.ts'
import { createStateMachine } from '../../src/consensus/state.ts'
import { openDiskWriter } from '../../src/log/disk.ts'
import { genesisOf } from '../../src/main/network/genesis.ts'
import { readNodeNetwork } from '../../src/main/network/node-network.ts'
import { beaconConstants } from '../../src/main/network/open-beacon.ts'
import { openRoleKeys } from '../../src/main/network/role-keys.ts'
import { seedOf } from '../../src/peers/identity.ts'
import { readKeyFile } from '../../src/peers/key-file.ts'
import { hexOf, sampleResult } from './sample-entries.ts'

/** Writes the log of `authority`, which must have joined and not have run; the name of the request. */
export async function playNetwork(authority: string, members: readonly string[], purl: string): Promise<string> {
  const node = await readNodeNetwork(authority)
  assert.ok(node?.signers !== undefined)
  const { network } = node
  const machine = createStateMachine({ network: network.origin, beacon: beaconConstants(chainOf(network.beacon)) })
  const genesis = genesisOf(network)
  assert.ok(genesis)
  const begun = machine.genesis(genesis)
  const entries: LoggedEntry[] = [...begun.outputs.entries]
  let { state } = begun
  let sequence = 0
  const block = (laterSeconds: number, ...transactions: readonly Transaction[]): void => {
    const at = { heightBlock: state.at.heightBlock + 1, timeSeconds: state.at.timeSeconds + laterSeconds }
    const opened = machine.beginBlock(state, at)
    state = opened.state
    entries.push(...opened.outputs.entries)
    for (const tx of transactions) {
      const step = machine.step(state, tx, at)
      assert.equal(step.refusal, undefined)
      state = step.state
      entries.push(...step.outputs.entries)
    }
  }
  const sign = <T extends TransactionBody>(signer: Signer, body: Omit<T, 'key' | 'network' | 'sequence'>) => {
    sequence += 1
    const whole = { ...body, network: network.origin, sequence } as unknown as Omit<T, 'key'>
    return signTransaction<T>(whole, signer)
  }
  const builders = members.map((directory) => openRoleKeys(directory).find('attestation'))
  const [asking] = builders
  assert.ok(asking)
  block(1, sign<RequestBody>(asking, { type: 'request', purl }))
  const request = entries.at(-1)?.name ?? ''
  block(1)
  block(1)
  const round = requestIn(state, request)?.round
  const beaconKey = readKeyFile(openRoleKeys(authority).path('beacon'))
  assert.ok(round !== undefined && beaconKey !== undefined)
  const { randomness, signature } = localRounds(seedOf({ privateKey: beaconKey })).round(round)
  const given = { round, randomness: textOf(randomness), proof: textOf(signature) }
  block(40, sign<BeaconBody>(asking, { type: 'beacon', ...given }))
  const result = sampleResult('played')
  const about = { request, attempt: 1 }
  const salt = hexOf('salt')
  const commits = builders.map((signer) => {
    assert.ok(signer)
    const builder = textOf(signer.publicKey)
    const commitment = commitmentOf({ network: network.origin, ...about, builder, result, salt })
    return sign<CommitBody>(signer, { type: 'commit', ...about, commitment })
  })
  block(1, ...commits)
  block(1, ...builders.map((signer) => sign<RevealBody>(signer as Signer, { type: 'reveal', ...about, salt, result })))
  assert.equal(entries.at(-1)?.entry.kind, 'verdict')
  const directory = join(authority, 'log')
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const options = { origin: network.origin, directory, keysOf: indexKeys, create: true }
  const writer = await openDiskWriter(options, node.signers.log, { logger: silentLogger })
  await writer.append(entries.map(({ bytes }) => bytes))
  await writer.close()
  return request
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
