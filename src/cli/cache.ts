/** `pyrsia cache`: what is stored, and keeping it in order. */
import type { BlobsView, CacheView } from '../http/http.ts'
import type { CollectReport, ScrubReport } from '../store/store.ts'
import type { CliContext, CommonOptions } from './context.ts'
import { json, showBytes, showSeconds, table } from './format.ts'

/** Options of `cache ls`. */
export interface CacheListOptions extends CommonOptions {
  readonly limit?: string
  readonly after?: string
}

/** Options of `cache pin` and `cache unpin`. */
export interface PinOptions extends CommonOptions {
  readonly label?: string
}

/** Options of `cache gc`. */
export interface CollectOptions extends CommonOptions {
  readonly toBytes?: string
}

/** Lists stored blobs. @throws unavailable.node, usage.request */
export async function cacheList(context: CliContext, options: CacheListOptions): Promise<void> {
  const node = await context.connect(options.data)
  const found = await node.get<CacheView>('/api/cache', { limit: options.limit, after: options.after })
  if (options.json) {
    context.out(json(found))
    return
  }
  const nowMs = context.nowMs()
  const rows = found.blobs.map((blob) => [
    blob.id,
    showBytes(blob.sizeBytes),
    blob.mediaType ?? '-',
    blob.share,
    `${showSeconds((nowMs - blob.usedAtMs) / 1000)} ago`,
    blob.pins.join(' '),
  ])
  const { blobs, bytes, limitBytes } = found.usage
  context.out(table([['BLOB', 'SIZE', 'TYPE', 'SHARE', 'USED', 'PINS'], ...rows]))
  context.out(`${blobs} blobs, ${showBytes(bytes)} of ${showBytes(limitBytes)}\n`)
  if (found.next !== undefined) context.out(`More: pyrsia cache ls --after ${found.next}\n`)
}

/** Evicts. @throws unavailable.node, denied.token */
export async function cacheCollect(context: CliContext, options: CollectOptions): Promise<void> {
  const node = await context.connect(options.data)
  const body = options.toBytes === undefined ? {} : { toBytes: Number(options.toBytes) }
  const found = await node.change<CollectReport>('POST', '/api/cache/gc', { body })
  if (options.json) context.out(json(found))
  else
    context.out(
      `Removed ${found.removedBlobs} blobs, ${showBytes(found.removedBytes)}; ${showBytes(found.keptBytes)} are kept\n`,
    )
}

/** Reads everything, or one blob, again. @throws unavailable.node, denied.token */
export async function cacheScrub(
  context: CliContext,
  digest: string | undefined,
  options: CommonOptions,
): Promise<void> {
  const node = await context.connect(options.data)
  const found = await node.change<ScrubReport>('POST', '/api/cache/scrub', { body: { digest } })
  if (options.json) {
    context.out(json(found))
    return
  }
  context.out(
    `Checked ${found.checkedBlobs} blobs, ${showBytes(found.checkedBytes)}: ${found.damaged.length} damaged\n`,
  )
  for (const id of found.damaged) context.out(`! ${id} is out of service and will be fetched again\n`)
}

/** Keeps from being evicted. @throws unavailable.node, denied.token, absent.blob */
export async function cachePin(context: CliContext, name: string, options: PinOptions): Promise<void> {
  const node = await context.connect(options.data)
  const body = { name, label: options.label ?? 'user' }
  touched(context, options, 'Pinned', await node.change<BlobsView>('POST', '/api/cache/pin', { body }))
}

/** Undoes `cachePin`. @throws unavailable.node, denied.token, absent.blob */
export async function cacheUnpin(context: CliContext, name: string, options: PinOptions): Promise<void> {
  const node = await context.connect(options.data)
  const query = { name, label: options.label ?? 'user' }
  touched(context, options, 'Unpinned', await node.change<BlobsView>('DELETE', '/api/cache/pin', { query }))
}

/** Removes. @throws unavailable.node, denied.token, absent.blob */
export async function cacheRemove(context: CliContext, name: string, options: CommonOptions): Promise<void> {
  const node = await context.connect(options.data)
  touched(context, options, 'Removed', await node.change<BlobsView>('POST', '/api/cache/remove', { body: { name } }))
}

function touched(context: CliContext, options: CommonOptions, verb: string, found: BlobsView): void {
  context.out(options.json ? json(found) : found.ids.map((id) => `${verb} ${id}\n`).join(''))
}
