/** A node that follows a log in which somebody was voted in: whose cosignatures count is read from the log. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { TEST_ORIGIN, testNetwork, testOffer, votedChange } from '../../../test/kit/proof-log.ts'
import { signerOf } from '../../../test/kit/sample-entries.ts'
import { TileLog } from '../../../test/kit/tile-log.ts'
import { silentLogger } from '../../base/clock.ts'
import { encodeEntry } from '../../base/entries/entry.ts'
import { indexKeys } from '../../base/entries/index-keys.ts'
import { formatNetwork } from '../../base/network/network.ts'
import { createMemoryMirror } from '../../log/memory.ts'
import { answerSearch } from '../../log/reader/search.ts'
import type { PeerInfo } from '../../peers/peers.ts'
import { systemClock, systemRandom } from '../effects.ts'
import { type NodeLogDependencies, openNodeLog } from './node-log.ts'

const noPeers: NodeLogDependencies['peers'] = {
  list: () => [],
  onConnected: () => () => undefined,
  logFile: async () => undefined,
  blame: () => {},
  publish: async () => {},
  subscribe: () => () => {},
}

const friend: PeerInfo = {
  peerId: 'friend',
  trust: 'named',
  connected: true,
  dataAddress: undefined,
  addresses: [],
  zone: undefined,
  sameSubnet: true,
  roundTripMs: undefined,
  rateBytesPerSecond: undefined,
  receivedBytes: 0,
  sentBytes: 0,
  standing: 'good',
  faults: [],
}

/** A peer with a log of six entries, of which the fourth admits `e`; the checkpoint is by a, b, c and e. */
async function peerWithLog(): Promise<NodeLogDependencies['peers']> {
  const log = new TileLog(TEST_ORIGIN).grow(3)
  const change = { action: 'admit', offer: testOffer('e') } as const
  log.append(encodeEntry(votedChange(change, ['a', 'b', 'c']))).grow(2)
  const authorities = ['a', 'b', 'c', 'e'].map((organisation) => ({
    organisation,
    log: signerOf(`${organisation}/log`),
    cosigner: signerOf(`${organisation}/cosigner`),
  }))
  const note = log.note(6, { log: authorities.slice(0, 1), cosigners: authorities })
  const holder = createMemoryMirror({ origin: TEST_ORIGIN, keysOf: indexKeys })
  const files = { fetch: async (path: string) => log.file(path) ?? new Uint8Array(0), reject: () => assert.fail() }
  const head = { origin: TEST_ORIGIN, size: 6, root: log.root(), note: Buffer.from(note).toString(), cosignatures: [] }
  await holder.ingest(head, files, new AbortController().signal)
  const give = async (path: string) =>
    path === 'checkpoint' ? note : ((await answerSearch(holder, path)) ?? log.file(path))
  return { ...noPeers, list: () => [friend], logFile: async (_, { path }) => await give(path) }
}

test('a node counts by the changes of members in its log, in full and light, also after a restart alone', async (t) => {
  const network = testNetwork(['a', 'b', 'c', 'd'])
  const peers = await peerWithLog()
  for (const mode of ['full', 'light'] as const) {
    const directory = await mkdtemp(join(tmpdir(), 'pyrsia-node-members-'))
    t.after(() => rm(directory, { recursive: true }))
    await writeFile(join(directory, 'network.json'), formatNetwork(network))
    const viewOnceCounted = async (from: typeof noPeers) => {
      const options = { directory, mode, sources: [], witness: false, witnessLogs: [], askWitnesses: [] }
      const about = { clock: systemClock, random: systemRandom, logger: silentLogger, peers: from }
      await using node = await openNodeLog(options, about)
      await using sharing = node.start()
      assert.ok(sharing)
      while (node.view().quorum.of !== 5 || node.view().checkpoint === undefined) await setTimeout(20)
      return node.view()
    }
    const view = await viewOnceCounted(peers)
    assert.deepEqual([view.quorum, view.checkpoint?.size], [{ k: 4, of: 5 }, 6])
    const again = await viewOnceCounted(noPeers)
    assert.deepEqual(again.checkpoint?.cosigners, ['a.example', 'b.example', 'c.example', 'e.example'], mode)
  }
})
