/**
 * Blobs of one piece: one small request, checked against the blob's own digest before anything is handed out, so no manifest is
 * needed. A provider that is late is hedged by the next one.
 */
import { type BlobId, blobIdOf, hexOf } from '../../../base/digest.ts'
import { AppError, throwIfAborted } from '../../../base/errors.ts'
import type { PeerClient } from '../client/peer-client.ts'
import { PATHS } from '../wire/messages.ts'
import type { TransferDependencies } from './transfer.ts'

/** The bytes of a small blob and who sent them. */
export interface SmallBlob {
  readonly bytes: Uint8Array
  readonly client: PeerClient
}

/**
 * Fetches a blob of at most one piece, whole and verified, from the first provider that has it.
 * @throws unavailable.peer if no provider is left; aborted.caller
 */
export async function fetchSmall(
  blob: { readonly id: BlobId; readonly sizeBytes: number },
  clients: readonly PeerClient[],
  options: { readonly hedgeMs: number; readonly signal: AbortSignal },
  dependencies: TransferDependencies,
): Promise<SmallBlob> {
  const [only, ...others] = clients
  // By far the most common case, and the hottest: nobody to hedge with.
  if (only !== undefined && others.length === 0) return await fetchLone(blob, only, options.signal, dependencies)
  const { clock } = dependencies
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const waiting = [...clients]
  let failure: unknown
  try {
    return await new Promise<SmallBlob>((resolve, reject) => {
      let open = 0
      const startNext = (): void => {
        const client = waiting.shift()
        if (client === undefined) {
          if (open === 0)
            reject(new AppError('unavailable.peer', `no provider of ${blob.id} is left`, { cause: failure }))
          return
        }
        open += 1
        const cancel = clock.after(options.hedgeMs, startNext)
        signal.addEventListener('abort', cancel, { once: true })
        fetchFrom(blob, client, signal, dependencies)
          .then(resolve, (error: unknown) => {
            failure = error
            open -= 1
            if (options.signal.aborted) reject(error)
            else startNext()
          })
          .finally(cancel)
      }
      startNext()
    })
  } catch (error) {
    throwIfAborted(options.signal)
    throw error
  } finally {
    stop.abort(new AppError('aborted.caller', 'the blob is here'))
  }
}

async function fetchLone(
  blob: { readonly id: BlobId; readonly sizeBytes: number },
  client: PeerClient,
  signal: AbortSignal,
  dependencies: TransferDependencies,
): Promise<SmallBlob> {
  try {
    return await fetchFrom(blob, client, signal, dependencies)
  } catch (cause) {
    throwIfAborted(signal)
    throw new AppError('unavailable.peer', `no provider of ${blob.id} is left`, { cause })
  }
}

async function fetchFrom(
  blob: { readonly id: BlobId; readonly sizeBytes: number },
  client: PeerClient,
  signal: AbortSignal,
  { clock, blame, received, download }: TransferDependencies,
): Promise<SmallBlob> {
  const startedAtMs = clock.monotonicMs()
  const request = { method: 'GET', path: `${PATHS.blobs}${hexOf(blob.id)}`, headers: {} } as const
  const reply = await client.ask(request, { bytesMax: blob.sizeBytes, signal })
  if (reply.status === 404) {
    blame(client.peerId, { kind: 'missing', about: blob.id })
    throw new AppError('absent.blob', `${client.peerId} does not have ${blob.id} (any more)`)
  }
  if (reply.status !== 200) {
    throw new AppError('unavailable.peer', `asking ${client.peerId} for ${blob.id}: found status ${reply.status}`)
  }
  received(client.peerId, reply.body.byteLength, clock.monotonicMs() - startedAtMs)
  if (blobIdOf(reply.body) !== blob.id) {
    blame(client.peerId, { kind: 'bad-digest', about: blob.id })
    throw new AppError('untrusted.digest', `${client.peerId} sent other bytes than ${blob.id}`)
  }
  const waitMs = download.debit(reply.body.byteLength)
  if (waitMs > 0) await clock.sleep(waitMs, signal)
  return { bytes: reply.body, client }
}
