/** The live neighbourhood, as the rest of the node sees it: from the record book and the open connections. */
import type { Connection } from '@libp2p/interface'
import { publicKeyOf } from '../../identity.ts'
import type { Neighbour } from '../../neighbour.ts'
import type { PeerId } from '../../peers.ts'
import { hostOf } from '../../record.ts'
import type { Entry, RecordBook } from './book.ts'
import { type Host, isLoopback } from './host.ts'

/** Most hosts that are tried for a peer's data plane. */
const DATA_HOSTS_MAX = 6

/** What it takes to see the neighbourhood. */
export interface View {
  readonly host: Host
  readonly nowMs: number
  readonly monotonicMs: number
  readonly sameSubnet: (host: string) => boolean
  readonly trustPeers: readonly PeerId[]
}

/** Live peers with a verified record: connected ones, and those that renewed their record lately. */
export function neighboursOf(book: RecordBook, view: View): Neighbour[] {
  const connections = new Map<PeerId, Connection>()
  for (const connection of view.host.getConnections()) {
    if (connection.status === 'open') connections.set(connection.remotePeer.toString(), connection)
  }
  const onLoopback = view.host.getMultiaddrs().some((address) => isLoopback(address.toString()))
  const found: Neighbour[] = []
  for (const entry of book.entries()) {
    const connection = connections.get(entry.record.peerId)
    if (connection !== undefined || book.live(entry, view.monotonicMs)) {
      found.push(neighbourOf(entry, connection, { ...view, onLoopback }))
    }
  }
  return found
}

function neighbourOf(
  entry: Entry,
  connection: Connection | undefined,
  view: View & { readonly onLoopback: boolean },
): Neighbour {
  const { record, member } = entry
  const observed = connection === undefined ? undefined : hostOf(connection.remoteAddr.toString())
  const named = view.trustPeers.includes(record.peerId)
  const renewedMs = view.monotonicMs - (entry.renewedAtMs ?? view.monotonicMs)
  return {
    peerId: record.peerId,
    publicKey: publicKeyOf(record.peerId),
    trust: named ? 'named' : member ? 'member' : 'stranger',
    member,
    dataHosts: dataHosts(observed, record.addresses, view.onLoopback),
    dataPort: record.dataPort,
    addresses: record.addresses.map((address) => `${address}/p2p/${record.peerId}`),
    zone: record.zone,
    // Where a peer says it is proves nothing: only an open connection tells.
    sameSubnet: observed !== undefined && view.sameSubnet(observed),
    connected: connection !== undefined,
    connectedAtMs: connection?.timeline.open,
    roundTripMs: connection?.rtt,
    seenAtMs: connection === undefined ? view.nowMs - renewedMs : view.nowMs,
  }
}

/**
 * The observed host first; what the peer says of loopback counts only if it is seen there, or, where it is only heard of, if this
 * node lives there itself: a stranger's record must not make it knock at ports of its own machine.
 */
function dataHosts(observed: string | undefined, addresses: readonly string[], onLoopback: boolean): string[] {
  const seenHere =
    observed === undefined ? onLoopback : isLoopback(`/ip${observed.includes(':') ? 6 : 4}/${observed}/tcp/1`)
  const stated = addresses.filter((address) => seenHere || !isLoopback(address)).map(hostOf)
  const hosts = [observed, ...stated].filter((host) => host !== undefined)
  return [...new Set(hosts)].slice(0, DATA_HOSTS_MAX)
}
