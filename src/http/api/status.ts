/** The status of a node in one value, with sentences about what does not work: it starts in any circumstances and says so. Pure. */
import type { PeersState } from '../../peers/peers.ts'
import type { StoreUsage } from '../../store/store.ts'
import type { UpstreamState } from '../../upstream/upstream.ts'
import type { StatusView } from '../http.ts'
import type { ApiParts } from './parts.ts'

/** What `GET /api/status` answers. */
export function statusOf(parts: ApiParts): StatusView {
  const peers = parts.peers.state()
  const upstreams = parts.upstream.states()
  const store = parts.store.usage()
  const traffic = parts.serve.state()
  const log = parts.log.view()
  return {
    version: parts.version,
    pid: parts.pid,
    startedAtMs: parts.startedAtMs,
    uptimeSeconds: Math.max(0, Math.floor((parts.nowMs() - parts.startedAtMs) / 1000)),
    data: parts.data,
    offline: parts.offline,
    endpoints: parts.endpoints,
    peers,
    upstreams,
    store,
    traffic,
    log,
    builds: parts.builds.underWay(),
    notes: [
      ...parts.builds.notes(),
      ...log.notes,
      ...conflictNotes(traffic.conflictCount),
      ...notesOf(parts, peers, upstreams, store),
    ],
  }
}

function conflictNotes(count: number): string[] {
  if (count === 0) return []
  const files = count === 1 ? '1 released file has' : `${count} released files have`
  return [`${files} another digest upstream than when first seen, and is refused: see pyrsia policy show`]
}

/** What a person should know, worst first; empty if all is well. */
export function notesOf(
  { offline, bootstrapCount }: Pick<ApiParts, 'offline' | 'bootstrapCount'>,
  peers: PeersState,
  upstreams: readonly UpstreamState[],
  store: StoreUsage,
): string[] {
  const notes: string[] = []
  if (store.damaged > 0)
    notes.push(`${store.damaged} stored blobs are damaged and wait for repair: see pyrsia cache scrub`)
  if (offline) {
    notes.push('Started with --offline: what neither the store nor a peer has cannot be served')
  } else if (upstreams.length === 0) {
    notes.push('No upstream is configured: what neither the store nor a peer has cannot be served; see --upstream')
  } else {
    for (const { name, url, reachable, breaker, lastError } of upstreams) {
      if (reachable !== 'no' && breaker !== 'open') continue
      notes.push(`Upstream ${name} (${url}) cannot be reached${lastError === undefined ? '' : `: ${lastError}`}`)
    }
  }
  if (peers.connected === 0) {
    if (peers.known > 0) notes.push(`None of ${peers.known} known peers is connected`)
    else if (bootstrapCount > 0) notes.push(`No peer is connected: none of ${bootstrapCount} given with --peer answers`)
    else notes.push('No peer is known: give one with --peer, or listen on the local network with --listen')
  } else if (peers.reachable === 'no') {
    notes.push('No peer can reach this node: it still downloads from them')
  }
  if (store.freeBytes !== undefined && store.freeBytes < 100_000_000) {
    notes.push(`The disk is almost full: ${Math.floor(store.freeBytes / 1e6)} MB are free`)
  }
  return notes
}
