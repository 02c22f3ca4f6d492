/**
 * One upstream fetch per neighbourhood: asks the digest's first rendezvous member to fetch from upstream and streams from it.
 * Members of the same private network only; if it is this node, or no byte comes in time, the caller goes upstream itself
 * (`4-network.md`, "One upstream GET per neighbourhood").
 */
import type { Clock, Logger } from '../../base/clock.ts'
import { AppError, throwIfAborted } from '../../base/errors.ts'
import type { ByteStream } from '../../base/streams.ts'
import type { LeadRequest, PeerId, Peers } from '../peers.ts'
import { requestStream } from './client/body-stream.ts'
import type { LeanConnection } from './client/lean-connection.ts'
import type { PeerClient } from './client/peer-client.ts'
import type { TokenBucket } from './token-bucket.ts'
import { PATHS } from './wire/messages.ts'

/**
 * The leader's stream, or undefined: go upstream. Nothing is proven about its bytes.
 * @throws aborted.caller
 */
export async function followLeader(
  leader: PeerId,
  request: LeadRequest,
  options: { readonly timeoutMs: number; readonly stallTimeoutMs: number; readonly signal: AbortSignal },
  dependencies: {
    readonly client: (peerId: PeerId) => PeerClient
    readonly clock: Clock
    readonly logger: Logger
    readonly download: TokenBucket
    readonly received: (peerId: PeerId, bytes: number) => void
  },
): ReturnType<Peers['follow']> {
  const { clock, logger } = dependencies
  throwIfAborted(options.signal)
  const client = dependencies.client(leader)
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  let connection: LeanConnection | undefined
  const abort = (): void => connection?.destroy(new AppError('aborted.caller', 'the leader is not followed any more'))
  signal.addEventListener('abort', abort, { once: true })
  const cancel = clock.after(options.timeoutMs, () => {
    stop.abort(new AppError('unavailable.timeout', `${leader} sent nothing within ${options.timeoutMs} ms`))
  })
  try {
    connection = await client.take(signal)
    const taken = connection
    const body = Buffer.from(JSON.stringify(request))
    const headers = { ...client.headers, 'content-type': 'application/json' }
    const onDone = (): void => {
      signal.removeEventListener('abort', abort)
      client.give(taken)
    }
    const asked = { method: 'POST', path: PATHS.lead, headers, body } as const
    const streaming = { stallTimeoutMs: options.stallTimeoutMs, onDone }
    const { head, stream } = await requestStream(taken, asked, streaming, { clock })
    if (head.status !== 200) {
      // What is left of the small error body must not stay in the way of the next request.
      for await (const chunk of stream) void chunk
      throw new AppError('unavailable.peer', `${leader} does not lead: status ${head.status}`)
    }
    return {
      peerId: leader,
      sizeBytes: head.contentLengthBytes,
      stream: metered(stream, leader, options.signal, dependencies),
    }
  } catch (error) {
    throwIfAborted(options.signal)
    logger.debug({ leader, id: request.id, error: String(error) }, 'nobody leads, going upstream')
    return undefined
  } finally {
    cancel()
  }
}

/** Counts what comes and keeps to the download limit. No generator: leaving it unread must reach the connection. */
function metered(
  stream: ByteStream,
  peerId: PeerId,
  signal: AbortSignal,
  { clock, download, received }: Parameters<typeof followLeader>[3],
): ByteStream {
  const chunks = stream[Symbol.asyncIterator]()
  const iterator: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      const next = await chunks.next()
      if (next.done) return next
      const { byteLength } = next.value
      received(peerId, byteLength)
      const waitMs = download.debit(byteLength)
      if (waitMs > 0) await clock.sleep(waitMs, signal)
      return next
    },
    async return() {
      await chunks.return?.()
      return { done: true, value: undefined }
    },
  }
  return iterator
}
