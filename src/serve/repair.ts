/** Where stored blobs once came from, so that a damaged one can be fetched again; and that fetching. */
import { algorithmOf, type BlobId } from '../base/digest.ts'
import { AppError } from '../base/errors.ts'
import type { Located } from '../base/located.ts'
import type { BlobInfo, Store } from '../store/store.ts'
import { checkOwnBlob } from './check.ts'
import type { Transfers } from './transfer/transfers.ts'

const NAMESPACE = 'serve.located'

/** Notes where a blob was located. One note per blob, without what only a client's reply needs. */
export function rememberLocated(store: Pick<Store, 'notebook'>, id: BlobId, located: Located): void {
  store.notebook.set(NAMESPACE, id, { ...located, requires: [], replyHeaders: {} })
}

/** The upstream by whose share level a blob is to be shown; undefined for what has none (a trusted peer's document). */
export function upstreamOf(
  store: Pick<Store, 'notebook'>,
  { id, origin }: Pick<BlobInfo, 'id' | 'origin'>,
): string | undefined {
  const located = store.notebook.get(NAMESPACE, id) as Located | undefined
  return located?.upstream ?? (origin.kind === 'upstream' ? origin.name : undefined)
}

/** Forgets the notes of blobs that leave the store, until the returned function is called. */
export function forgetRemoved(store: Pick<Store, 'notebook' | 'watch'>): () => void {
  return store.watch((event) => {
    if (event.kind === 'removed') store.notebook.delete(NAMESPACE, event.id)
  })
}

/**
 * Fetches a blob again from peers or from where it once came; it is whole in the store when this resolves.
 * @throws absent.blob, unavailable.upstream, unavailable.peer, untrusted.digest, exhausted.queue, exhausted.disk, aborted.caller
 */
export async function refetch(
  blob: Pick<BlobInfo, 'id' | 'names' | 'sizeBytes' | 'share' | 'mediaType'>,
  store: Pick<Store, 'notebook' | 'lookup'>,
  transfers: Transfers,
  signal: AbortSignal,
): Promise<void> {
  if (store.lookup(blob.id) !== undefined) return
  const located = store.notebook.get(NAMESPACE, blob.id) as Located | undefined
  const cleared = checkOwnBlob(blob, located)
  const aliases = blob.names.map(algorithmOf)
  const seek = { unaskable: new Set<string>(), requestPath: undefined, upstreamOnly: false }
  await transfers.whole(cleared, aliases, seek, signal)
  if (store.lookup(blob.id) === undefined) throw new AppError('absent.blob', `${blob.id} was fetched and is gone again`)
}
