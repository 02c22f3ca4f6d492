/** Who may have files of this node's log: connected peers, and web servers that the owner named. */

import type { HttpSource } from '../../log/files/http-source.ts'
import type { LogSource } from '../../log/files/source.ts'
import { originHash } from '../../log/reader/exchange.ts'
import type { Peers } from '../../peers/peers.ts'

/** Peers that are asked at most, the trusted ones first. */
const PEERS_MAX = 16

/** What is needed of the peers. */
export type LogPeers = Pick<Peers, 'list' | 'logFile' | 'blame'>

/** The sources of the log of `origin` now, the best first. `peers` undefined: this log is no business of peers. */
export function logSources(
  origin: string,
  peers: LogPeers | undefined,
  servers: readonly HttpSource[],
): readonly LogSource[] {
  const hash = originHash(origin)
  const usable = (peers?.list() ?? []).filter(({ connected, standing }) => connected && standing !== 'dropped')
  usable.sort((a, b) => rank(a) - rank(b))
  const nodes = usable.slice(0, PEERS_MAX).map(({ peerId }) => peerSource(peerId, hash, peers as LogPeers))
  return [...nodes, ...servers.filter((server) => server.usable())]
}

/** One peer as a source. */
function peerSource(peerId: string, hash: string, peers: LogPeers): LogSource {
  return {
    name: peerId,
    fetch: (path, options) => peers.logFile(peerId, { originHash: hash, path }, options),
    blame: (about) => peers.blame(peerId, { kind: 'bad-log', about }),
  }
}

function rank({ trust, standing }: ReturnType<Peers['list']>[number]): number {
  return (trust === 'stranger' ? 2 : 0) + (standing === 'demoted' ? 1 : 0)
}
