import { randomBytes } from 'node:crypto'
import { realClock } from '../../test/kit/data-network.ts'
import { peersSuite } from '../../test/kit/peers-suite.ts'
import { silentLogger } from '../base/clock.ts'
import { createMemoryHub, createMemoryPeers } from './memory.ts'

const random = { bytes: (count: number) => randomBytes(count), fraction: () => 0.5 }

peersSuite('memory peers', {
  async network(t) {
    const hub = createMemoryHub()
    return async ({ host, ...options }) => {
      const peers = createMemoryPeers({ hub, ...options }, { clock: realClock, random, logger: silentLogger })
      await peers.start(host)
      t.after(() => peers.stop())
      return peers
    }
  },
})
