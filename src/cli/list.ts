/** `pyrsia list`: the peers, how good they are, and what each did wrong. A peer that lied is named. */
import type { PeersView } from '../http/http.ts'
import type { PeerInfo } from '../peers/peers.ts'
import type { CliContext, CommonOptions } from './context.ts'
import { json, plainText, showBytes, showSeconds, table } from './format.ts'

/** @throws unavailable.node */
export async function list(context: CliContext, options: CommonOptions): Promise<void> {
  const node = await context.connect(options.data)
  const found = await node.get<PeersView>('/api/peers')
  context.out(options.json ? json(found) : peersText(found.peers, context.nowMs()))
}

/** The peers for people. */
export function peersText(peers: readonly PeerInfo[], nowMs: number): string {
  if (peers.length === 0)
    return 'No peer is known. Give one with pyrsia start --peer, or listen on the local network.\n'
  const rows = [['PEER', 'STANDING', 'TRUST', 'LINK', 'ROUND TRIP', 'RATE', 'RECEIVED', 'SENT', 'ADDRESS']]
  for (const peer of peers) {
    rows.push([
      peer.peerId,
      peer.standing,
      peer.trust,
      peer.connected ? 'connected' : '-',
      peer.roundTripMs === undefined ? '-' : `${peer.roundTripMs.toFixed(1)} ms`,
      peer.rateBytesPerSecond === undefined ? '-' : `${showBytes(peer.rateBytesPerSecond)}/s`,
      showBytes(peer.receivedBytes),
      showBytes(peer.sentBytes),
      peer.dataAddress ?? peer.addresses[0] ?? '-',
    ])
  }
  return table(rows) + peers.map((peer) => faultsText(peer, nowMs)).join('')
}

const WORDS: Readonly<Record<PeerInfo['faults'][number]['kind'], string>> = {
  'bad-piece': 'sent a piece with wrong bytes',
  'bad-manifest': 'signed a wrong piece manifest',
  'bad-digest': 'sent bytes that do not have the digest',
  'bad-message': 'sent a malformed message',
  'bad-log': 'sent a file of a log that does not agree with its checkpoint',
  stall: 'stalled',
  missing: 'did not have what it offered',
}

function faultsText(peer: PeerInfo, nowMs: number): string {
  return peer.faults
    .map(({ kind, about, atMs }) => {
      const age = showSeconds((nowMs - atMs) / 1000)
      return `! ${peer.peerId} ${WORDS[kind]}: ${plainText(about)} (${age} ago)\n`
    })
    .join('')
}
