import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataNetwork } from '../../../test/kit/data-network.ts'
import { keysOf, TileLog, tampered, testAuthorities } from '../../../test/kit/tile-log.ts'
import { silentLogger } from '../../base/clock.ts'
import { indexKeys } from '../../base/entries/index-keys.ts'
import { createMemoryMirror } from '../../log/memory.ts'
import { originHash } from '../../log/reader/exchange.ts'
import { createFollower } from '../../log/reader/follow.ts'
import { followedMirror } from '../../log/reader/mirror.ts'
import type { PeerInfo, Peers } from '../../peers/peers.ts'
import { logSources } from './sources.ts'

function peer(peerId: string, about: Partial<PeerInfo>): PeerInfo {
  const info: Partial<PeerInfo> = { peerId, connected: true, standing: 'good', trust: 'stranger', ...about }
  return info as PeerInfo
}

test('logSources() asks connected peers, the trusted ones first, and web servers that have not lied', async () => {
  const asked: unknown[] = []
  const blamed: unknown[] = []
  const peers: Pick<Peers, 'list' | 'logFile' | 'blame'> = {
    list: () => [
      peer('stranger', {}),
      peer('gone', { connected: false }),
      peer('liar', { standing: 'dropped' }),
      peer('slow', { trust: 'named', standing: 'demoted' }),
      peer('friend', { trust: 'named' }),
    ],
    async logFile(peerId, request) {
      asked.push([peerId, request.path])
      return Buffer.from('bytes')
    },
    blame: (peerId, fault) => void blamed.push([peerId, fault]),
  }
  const server = (name: string, usable: boolean) => ({
    name,
    usable: () => usable,
    fetch: async () => undefined,
    blame: () => {},
    close: async () => {},
  })
  const sources = logSources('log.example', peers, [server('https://a/', true), server('https://b/', false)])
  assert.deepEqual(
    sources.map(({ name }) => name),
    ['friend', 'slow', 'stranger', 'https://a/'],
  )
  const { signal } = new AbortController()
  assert.ok(await sources[0]?.fetch('checkpoint', { bytesMax: 9, signal }))
  sources[0]?.blame('tile/0/000')
  assert.deepEqual(asked, [['friend', 'checkpoint']])
  assert.deepEqual(blamed, [['friend', { kind: 'bad-log', about: 'tile/0/000' }]])
  assert.deepEqual(logSources('log.example', undefined, []), [])
})

test('a log comes from three nodes over the data plane although one of them lies: it is dropped by its name, and nothing is missing', async (t) => {
  const join = dataNetwork(t)
  const origin = 'log.example'
  const authorities = testAuthorities(1)
  const log = new TileLog(origin).grow(2_000)
  const holders = [await join(), await join(), await join()]
  const hash = originHash(origin)
  for (const [at, { host }] of holders.entries()) {
    host.logFile = async ({ originHash: asked, path }) => {
      const found = asked === hash ? log.file(path) : undefined
      return at === 1 && path.startsWith('tile/entries') ? tampered(found) : found
    }
  }
  const asker = await join()
  const ids = holders.map(({ identity }) => identity.peerId)
  const peers: Pick<Peers, 'list' | 'logFile' | 'blame'> = {
    list: () => ids.map((id) => peer(id, { standing: asker.plane.facts(id).standing })),
    logFile: (...ask) => asker.plane.logFile(...ask),
    blame: (...about) => asker.plane.blame(...about),
  }
  const mirror = createMemoryMirror({ origin, keysOf: indexKeys })
  const follower = createFollower({
    log: followedMirror(mirror),
    keys: keysOf(origin, authorities, 1),
    sources: () => logSources(origin, peers, []),
    evidence: { all: () => [], add: async () => {} },
    logger: silentLogger,
  })
  const note = log.note(2_000, { log: authorities, cosigners: authorities })
  assert.equal(await follower.offer(note, new AbortController().signal), 'accepted')
  assert.deepEqual(mirror.newest()?.root, log.root())
  assert.deepEqual(
    ids.map((id) => asker.plane.facts(id).standing),
    ['good', 'dropped', 'good'],
  )
  assert.equal(asker.plane.facts(ids[1] as string).faults[0]?.kind, 'bad-log')
})
