/** `pyrsia status`: what the node is doing, and what does not work. */
import type { LogView, StatusView } from '../http/http.ts'
import type { CliContext, CommonOptions } from './context.ts'
import { json, plainText, showBytes, showSeconds, table } from './format.ts'

/** @throws unavailable.node */
export async function status(context: CliContext, options: CommonOptions): Promise<void> {
  const node = await context.connect(options.data)
  const found = await node.get<StatusView>('/api/status')
  context.out(options.json ? json(found) : statusText(found))
}

/** The status for people. */
export function statusText(found: StatusView): string {
  const { peers, store, traffic, log } = found
  const rows: string[][] = [
    ['Node', `Pyrsia ${found.version}, up for ${showSeconds(found.uptimeSeconds)}, process ${found.pid}`],
    ['Data', found.data],
    ...Object.entries(found.endpoints).map(([name, url], index) => [index === 0 ? 'Endpoints' : '', `${name} ${url}`]),
    ['Peer id', peers.peerId],
    ...peers.listen.map((address, index) => [index === 0 ? 'Peers reach it at' : '', address]),
    ['Peers', `${peers.connected} connected, ${peers.known} known${peers.privateNetwork ? ', private network' : ''}`],
    ['From peers', `${showBytes(peers.receivedBytes)} received, ${showBytes(peers.sentBytes)} sent`],
    [
      'Store',
      `${store.blobs} blobs, ${showBytes(store.bytes)} of ${showBytes(store.limitBytes)}, ${showBytes(store.pinnedBytes)} pinned`,
    ],
    ...logRows(log),
    ...Object.entries(traffic.sources).map(([source, counts], index) => [
      index === 0 ? 'Served from' : '',
      `${source}: ${counts.hits} replies, ${showBytes(counts.servedBytes)}`,
    ]),
    ...found.upstreams.map((upstream, index) => {
      const quota = upstream.quota === undefined ? '' : `, ${upstream.quota.remaining} requests left`
      const text = `${upstream.name} ${upstream.url} (${reachText(upstream.reachable)}, share ${upstream.share}${quota})`
      return [index === 0 ? 'Upstreams' : '', text]
    }),
    ...found.builds.map(({ purl, doing, sinceMs }, index) => {
      const seconds = found.uptimeSeconds - (sinceMs - found.startedAtMs) / 1000
      return [index === 0 ? 'Building' : '', plainText(`${purl}: ${doing}, for ${showSeconds(Math.max(0, seconds))}`)]
    }),
    ...traffic.transfers.map((transfer, index) => [
      index === 0 ? 'Transfers' : '',
      `${transfer.label}: ${showBytes(transfer.bytes)} of ${transfer.totalBytes === undefined ? '?' : showBytes(transfer.totalBytes)} from ${transfer.source ?? '…'}`,
    ]),
  ]
  const notes = found.notes.map((note) => `! ${plainText(note)}\n`).join('')
  return table(rows) + notes
}

function logRows({ origin, solo, mode, writes, checkpoint, quorum, witnessed }: LogView): string[][] {
  const how = writes ? 'written here' : mode === 'full' ? 'kept in full' : 'light'
  const age = checkpoint?.ageSeconds === undefined ? '' : `, ${showSeconds(checkpoint.ageSeconds)} ago`
  const newest =
    checkpoint === undefined
      ? 'no checkpoint yet'
      : `${checkpoint.size} entries, cosigned by ${checkpoint.cosigners.length} (wanted ${quorum.k} of ${quorum.of})${age}`
  return [
    ['Log', `${plainText(origin)}, ${how}${solo ? ', a network of this node alone' : ''}`],
    ['', newest],
    ...witnessed.map((log, index) => [index === 0 ? 'Witness of' : '', plainText(log)]),
  ]
}

function reachText(reachable: StatusView['upstreams'][number]['reachable']): string {
  if (reachable === 'yes') return 'answers'
  if (reachable === 'no') return 'cannot be reached'
  return reachable === 'offline' ? 'not asked: offline' : 'not asked yet'
}
