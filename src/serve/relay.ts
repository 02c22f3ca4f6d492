/** Searches and advisories: passed to upstream as they are, bounded both ways, never kept. */
import { AppError } from '../base/errors.ts'
import type { Want } from '../base/located.ts'
import { type ByteStream, collect } from '../base/streams.ts'
import { leaveUnread, pick } from './documents/refresh.ts'
import type { ServeParts } from './parts.ts'
import { GUARD_HEADERS, sourceHeader } from './reply/headers.ts'
import type { ServeReply, ServeRequest } from './request.ts'
import type { Guard } from './rules/rules.ts'

const PASSED_HEADERS = ['content-type', 'cache-control', 'etag'] as const

/**
 * Upstream's answer to a want that is not kept.
 * @throws absent.upstream, unavailable.upstream, exhausted.quota, exhausted.size, aborted.caller
 */
export async function relay(
  want: Want & { readonly kind: 'relay' },
  request: ServeRequest,
  parts: Pick<ServeParts, 'upstream' | 'ledger'>,
  guard: Guard,
): Promise<ServeReply> {
  const body = request.body === undefined ? undefined : await collect(request.body, want.requestBytesMax)
  const sent =
    body === undefined || want.method !== 'POST'
      ? { headers: want.headers, body: undefined }
      : guard.tellable(request.ecosystem, { headers: want.headers, body }, want.upstream)
  const reply = await parts.upstream.request({
    upstream: want.upstream,
    method: want.method,
    path: want.path,
    headers: sent.headers,
    ...(sent.body === undefined ? {} : { body: sent.body }),
    interactive: true,
    signal: request.signal,
  })
  if (reply.status >= 500 || reply.status === 429) {
    await leaveUnread(reply.body)
    throw new AppError('unavailable.upstream', `${want.upstream} answered ${want.path} with status ${reply.status}`)
  }
  parts.ledger.hit('upstream')
  return {
    status: reply.status,
    statusText: undefined,
    headers: { ...pick(reply.headers, PASSED_HEADERS), ...sourceHeader('upstream'), ...GUARD_HEADERS },
    body: bounded(reply.body, want.replyBytesMax, parts),
  }
}

async function* bounded(
  stream: ByteStream,
  bytesMax: number,
  parts: Pick<ServeParts, 'ledger'>,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.byteLength
    if (bytes > bytesMax) throw new AppError('exhausted.size', `wanted at most ${bytesMax} bytes, found more`)
    parts.ledger.received('upstream', chunk.byteLength)
    parts.ledger.served('upstream', chunk.byteLength)
    yield chunk
  }
}
