/** The journal of a stopped authority, replayed from the genesis: what every block came to, and the log that its entries make. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { chainOf } from '../../src/beacon/chain-of.ts'
import { applyBlock } from '../../src/consensus/apply-block.ts'
import type { State } from '../../src/consensus/draft/draft.ts'
import { openDiskJournal } from '../../src/consensus/solo/disk-journal.ts'
import { decodeRecord } from '../../src/consensus/solo/journal.ts'
import { createStateMachine } from '../../src/consensus/state.ts'
import { checkLog } from '../../src/log/disk/check-log.ts'
import { logLayout } from '../../src/log/disk/layout.ts'
import { EMPTY_EDGE, headAfter } from '../../src/log/growth.ts'
import { genesisOf } from '../../src/main/network/genesis.ts'
import { readNodeNetwork } from '../../src/main/network/node-network.ts'
import { beaconConstants } from '../../src/main/network/open-beacon.ts'

/** What a replay comes to. */
export interface Replayed {
  /** Of the log. */
  readonly origin: string
  readonly blocks: number
  /** Everything that was logged, from the genesis on. */
  readonly entries: readonly Uint8Array[]
}

/** Replays it; each block must come to the state root and to the log that the journal has of it, and no transaction counts twice. */
export async function replayJournal(data: string): Promise<Replayed> {
  const { network } = (await readNodeNetwork(data)) ?? assert.fail(`${data} belongs to no network`)
  const genesis = genesisOf(network) ?? assert.fail('the network has no genesis')
  const machine = createStateMachine({ network: network.origin, beacon: beaconConstants(chainOf(network.beacon)) })
  const journal = await openDiskJournal(join(data, 'consensus'))
  const entries: Uint8Array[] = []
  const said = new Set<string>()
  let state: State | undefined
  let blocks = 0
  try {
    for await (const bytes of journal.records(0)) {
      const { heightBlock, timeSeconds, transactions, stateRoot, logSize, logRoot } = decodeRecord(bytes)
      const before = entries.length
      if (state === undefined) {
        const begun = machine.genesis(genesis)
        state = begun.state
        entries.push(...begun.outputs.entries.map((entry) => entry.bytes))
      } else {
        const applied = applyBlock(machine, state, { heightBlock, timeSeconds }, transactions)
        state = applied.state
        entries.push(...applied.entries.map((entry) => entry.bytes))
        applied.receipts.forEach(({ refusal }, place) => {
          const { key, sequence } = transactions[place]?.body ?? assert.fail('a receipt without its transaction')
          if (refusal !== undefined) return
          assert.ok(!said.has(`${key} ${sequence}`), `${key} said ${sequence} twice`)
          said.add(`${key} ${sequence}`)
        })
      }
      assert.equal(heightBlock, blocks, 'no block is missing')
      assert.equal(Buffer.from(machine.root(state)).toString('hex'), stateRoot, `the state after block ${heightBlock}`)
      assert.equal(entries.length, logSize, `the log after block ${heightBlock}`)
      if (entries.length > before) assert.equal(rootOf(entries), logRoot, `the tree after block ${heightBlock}`)
      blocks += 1
    }
  } finally {
    await journal.close()
  }
  return { origin: network.origin, blocks, entries }
}

/** The log that is kept in this directory is sound, and the beginning of what the replay logged; how many entries it has. */
export async function isBeginningOf(data: string, { origin, entries }: Replayed): Promise<number> {
  const { checkpoint, problems } = await checkLog(logLayout(join(data, 'log'), origin).served)
  assert.deepEqual(problems, [])
  const { size, root } = checkpoint ?? assert.fail(`${data} has no checkpoint`)
  assert.equal(
    Buffer.from(root).toString('hex'),
    rootOf(entries.slice(0, size)),
    `the tree of ${size} entries in ${data}`,
  )
  return size
}

function rootOf(entries: readonly Uint8Array[]): string {
  return Buffer.from(headAfter(EMPTY_EDGE, entries).root).toString('hex')
}
