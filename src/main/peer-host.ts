/**
 * What this node offers to its peers, made of the store and the read flow. The one place where share levels meet askers:
 * nothing of an upstream with `share = none` passes here, whoever asks (`3-registries.md`, "All of them").
 */
import type { BlobId, Digest } from '../base/digest.ts'
import { AppError } from '../base/errors.ts'
import { type Asker, mayShare, narrowerShare, type ShareLevel } from '../base/share.ts'
import type { ByteStream } from '../base/streams.ts'
import type { PeerHost } from '../peers/peers.ts'
import { upstreamOf } from '../serve/repair.ts'
import type { Serve } from '../serve/serve.ts'
import type { BlobInfo, BlobReader, Store } from '../store/store.ts'

/** How open this node is. */
export interface PeerHostOptions {
  /** It has a network key: only members get anything. */
  readonly privateNetwork: boolean
  /** It takes from peers but gives nothing. */
  readonly serveNobody: boolean
  /** The level in force for an upstream; what was stored under a wider one is not shown any more widely than this. */
  readonly shareOf: (upstream: string) => ShareLevel
}

const NOTEBOOK = 'peers'
const PAGE = 1000

/** The host over these parts. */
export function createPeerHost(
  options: PeerHostOptions,
  {
    store,
    serve,
    logFile,
    transact,
  }: {
    readonly store: Store
    readonly serve: Pick<Serve, 'lead' | 'document'>
    /** Files of the logs that this node shares; absent: it has none. */
    readonly logFile?: PeerHost['logFile']
    /** The way to the order of this node's trust network; absent: it passes nothing on. */
    readonly transact?: PeerHost['transact']
  },
): PeerHost {
  const levelOf = (share: ShareLevel, upstream: string | undefined): ShareLevel =>
    share === 'none' || upstream === undefined ? share : narrowerShare(share, options.shareOf(upstream))
  const shared = (name: Digest, asker: Asker): BlobInfo | undefined => {
    if (options.serveNobody) return undefined
    const found = store.lookup(name)
    if (found === undefined || !mayShare(found.share, asker, options.privateNetwork)) return undefined
    return mayShare(levelOf(found.share, upstreamOf(store, found)), asker, options.privateNetwork) ? found : undefined
  }
  return {
    lookup(name, asker) {
      const found = shared(name, asker)
      return found && { id: found.id, sizeBytes: found.sizeBytes, mediaType: found.mediaType }
    },
    async open(id, range, asker, signal) {
      if (shared(id, asker) === undefined) {
        // One answer for "not here" and "not for you": the difference would tell what this node holds.
        throw new AppError('absent.blob', `no blob ${id} for peer ${asker.peerId}`)
      }
      const reader = await store.open(id)
      return closing(reader, reader.stream(range, signal))
    },
    pieces: (id, asker) => (shared(id, asker) === undefined ? undefined : store.pieces(id)),
    document(key, asker) {
      if (options.serveNobody) return undefined
      const found = serve.document(key)
      if (found === undefined) return undefined
      return mayShare(levelOf(found.share, found.upstream), asker, options.privateNetwork) ? found : undefined
    },
    async logFile(request, asker) {
      return options.serveNobody ? undefined : await logFile?.(request, asker)
    },
    async transact(message, asker, signal) {
      if (transact === undefined) throw new AppError('denied.share', 'this node passes no transactions on')
      return await transact(message, asker, signal)
    },
    lead(request, asker, signal) {
      if (options.serveNobody) throw new AppError('denied.share', 'this node serves nobody')
      return serve.lead(request, asker, signal)
    },
    *shareable() {
      if (options.serveNobody) return
      for (const blob of all(store)) {
        if (blob.share !== 'none' && levelOf(blob.share, upstreamOf(store, blob)) !== 'none') yield* blob.names
      }
    },
    remember(peerId, facts) {
      if (facts === undefined) store.notebook.delete(NOTEBOOK, peerId)
      else store.notebook.set(NOTEBOOK, peerId, facts)
    },
    recall: () => store.notebook.entries(NOTEBOOK),
  }
}

function* all(store: Store): Generator<BlobInfo> {
  let after: BlobId | undefined
  for (;;) {
    const page = store.list({ limit: PAGE, ...(after === undefined ? {} : { after }) })
    yield* page
    after = page.at(-1)?.id
    if (page.length < PAGE) return
  }
}

/** Closes the reader when the stream ends, fails or is left, even before its first chunk: a generator would not notice that. */
function closing(reader: BlobReader, stream: ByteStream): ByteStream {
  const inner = stream[Symbol.asyncIterator]()
  const iterator: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      try {
        const step = await inner.next()
        if (step.done) await reader.close()
        return step
      } catch (error) {
        await reader.close()
        throw error
      }
    },
    async return() {
      await inner.return?.()
      await reader.close()
      return { done: true, value: undefined }
    },
  }
  return iterator
}
