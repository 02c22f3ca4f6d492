/** The peers' conformance suite on the real adapter: libp2p in workers and HTTPS, all on loopback. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { silentLogger } from '../../src/base/clock.ts'
import { createLibp2pPeers } from '../../src/peers/libp2p.ts'
import type { Peers } from '../../src/peers/peers.ts'
import { realClock, realRandom } from '../kit/data-network.ts'
import { peersSuite, until } from '../kit/peers-suite.ts'

peersSuite('libp2p peers', {
  async network(t) {
    const nodes: Peers[] = []
    return async ({ host, ...options }) => {
      const directory = await mkdtemp(joinPath(tmpdir(), 'pyrsia-peers-'))
      const bootstrap = nodes.flatMap((node) => node.state().listen)
      const peers = createLibp2pPeers(
        { directory, bootstrap, followTimeoutMs: 5_000, ...options },
        { clock: realClock, random: realRandom, logger: silentLogger },
      )
      t.after(async () => {
        await peers.stop()
        await rm(directory, { recursive: true, force: true })
      })
      await peers.start(host)
      nodes.push(peers)
      await until(() => nodes.every((node) => node.state().connected >= nodes.length - 1))
      return peers
    }
  },
})
