import assert from 'node:assert/strict'
import { test } from 'node:test'
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
