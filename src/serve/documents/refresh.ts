/**
 * Asks upstream for one document, conditionally where a copy is kept, and puts the answer on the shelf. Called by
 * `documents.ts` in a single flight per key. 304 confirms, 404 and 410 evict, anything that is no answer throws.
 */

import { documentKey, type StoredDocument } from '../../base/document.ts'
import { AppError, isKind } from '../../base/errors.ts'
import type { DocumentRequest, Headers } from '../../base/located.ts'
import type { ByteStream } from '../../base/streams.ts'
import type { UpstreamReply } from '../../upstream/upstream.ts'
import type { ServeParts } from '../parts.ts'
import { shareOf } from '../rules/share-of.ts'
import { APPENDED_HEADERS, statedDigest, storeAppended, tailOffset } from './appended.ts'

const VALIDATORS = ['etag', 'last-modified'] as const

/**
 * The document as upstream has it now; `status: 'absent'` if it has none.
 * @throws absent.upstream, absent.document (upstream refuses to tell), unavailable.upstream, unavailable.offline,
 * exhausted.quota, exhausted.size, exhausted.disk, unavailable.timeout, untrusted.digest, untrusted.reply, aborted.caller
 */
export async function refresh(
  request: DocumentRequest,
  kept: StoredDocument | undefined,
  parts: Pick<ServeParts, 'store' | 'upstream' | 'clock' | 'ledger' | 'limits'>,
  options: {
    readonly interactive: boolean
    readonly signal: AbortSignal
    /** Throws if the document is malformed. */
    readonly prove: (document: StoredDocument) => Promise<void>
  },
): Promise<StoredDocument> {
  const ask = (range?: { readonly offset: number }) =>
    parts.upstream.request({
      upstream: request.upstream,
      method: request.method,
      path: request.path,
      headers: { ...request.headers, ...conditions(request, kept) },
      ...(range === undefined ? {} : { range }),
      ...(request.patienceMs === undefined ? {} : { patienceMs: request.patienceMs }),
      interactive: options.interactive,
      signal: options.signal,
    })
  const offset = tailOffset(request, kept)
  let reply = await ask(offset === undefined ? undefined : { offset })
  if (offset !== undefined && (reply.status === 206 || reply.status === 416)) {
    const appended =
      kept && reply.status === 206 ? await keepAppended(request, kept, reply, parts, options.prove) : undefined
    if (appended !== undefined) return appended
    await leaveUnread(reply.body)
    reply = await ask()
  }
  const portal = reply.status === 200 && isUnaskedPage(request, reply)
  if (reply.status === 200 && !portal) return await keep(request, kept, reply, parts, options.prove)
  await leaveUnread(reply.body)
  if (portal) throw new AppError('unavailable.upstream', `${request.upstream} answered ${request.path} with a web page`)
  const nowMs = parts.clock.nowMs()
  if (reply.status === 304 && kept !== undefined) {
    const headers = pick(reply.headers, keptNames(request))
    const share = shareOf(request, parts)
    const confirmed = { ...kept, checkedAtMs: nowMs, headers: { ...kept.headers, ...headers }, share }
    // The owner may have decided otherwise since it was kept.
    if (share === kept.share) parts.store.documents.confirm(kept.key, nowMs, headers)
    else parts.store.documents.put(confirmed)
    return confirmed
  }
  if (reply.status === 404 || reply.status === 410) return keepAbsence(request, parts, nowMs)
  const asked = `${request.method} ${request.path} of ${request.upstream}`
  const refused = reply.status >= 400 && reply.status < 500 && reply.status !== 408 && reply.status !== 429
  throw new AppError(
    refused ? 'absent.document' : 'unavailable.upstream',
    `${asked}: wanted the document, found status ${reply.status}`,
    { data: { status: reply.status } },
  )
}

/** A sign-in page of the network, or a proxy's own: it must not take the place of what is kept. */
function isUnaskedPage(request: DocumentRequest, reply: UpstreamReply): boolean {
  const { accept = '' } = request.headers
  return /^text\/html\b/i.test(reply.headers['content-type'] ?? '') && accept !== '' && !/html|\*\/\*/.test(accept)
}

/** Leaves a body that is of no interest, so that its connection is released. */
export async function leaveUnread(body: ByteStream): Promise<void> {
  try {
    for await (const _ of body) break
  } catch {
    // A body that nobody wanted may break off.
  }
}

/** The named headers of a reply that are there. */
export function pick(headers: Headers, names: readonly string[]): Headers {
  const picked: Record<string, string> = {}
  for (const name of names) {
    const value = headers[name]
    if (value !== undefined) picked[name] = value
  }
  return picked
}

function conditions(request: DocumentRequest, kept: StoredDocument | undefined): Headers {
  if (kept === undefined || kept.status !== 'found' || request.method === 'HEAD') return {}
  const asked: Record<string, string> = {}
  if (kept.headers.etag !== undefined) asked['if-none-match'] = kept.headers.etag
  if (kept.headers['last-modified'] !== undefined) asked['if-modified-since'] = kept.headers['last-modified']
  return asked
}

async function keep(
  request: DocumentRequest,
  kept: StoredDocument | undefined,
  reply: UpstreamReply,
  parts: Pick<ServeParts, 'store' | 'upstream' | 'clock' | 'ledger' | 'limits'>,
  prove: (document: StoredDocument) => Promise<void>,
): Promise<StoredDocument> {
  const share = shareOf(request, parts)
  const origin = { kind: 'upstream', name: request.upstream } as const
  const mediaType = reply.headers['content-type'] ?? 'application/octet-stream'
  const nowMs = parts.clock.nowMs()
  let body: StoredDocument['body']
  let sizeBytes = reply.sizeBytes ?? 0
  if (request.method === 'HEAD') {
    await leaveUnread(reply.body)
  } else {
    const blob = await storeBody(request, reply, parts, { mediaType, share, origin })
    body = blob.id
    sizeBytes = blob.sizeBytes
  }
  const unchanged = kept?.status === 'found' && body !== undefined && kept.body === body
  const document: StoredDocument = {
    key: documentKey(request),
    upstream: request.upstream,
    status: 'found',
    body,
    sizeBytes,
    mediaType,
    headers: pick(reply.headers, keptNames(request)),
    changedAtMs: unchanged ? kept.changedAtMs : nowMs,
    checkedAtMs: nowMs,
    origin,
    share,
  }
  if (!unchanged) await proven(document, nowMs, prove, parts.store)
  parts.store.documents.put(document)
  return document
}

/** Puts away what is malformed: unless it had been here before, it is nobody else's. */
async function proven(
  document: StoredDocument,
  askedAtMs: number,
  prove: (document: StoredDocument) => Promise<void>,
  store: ServeParts['store'],
): Promise<void> {
  try {
    await prove(document)
  } catch (error) {
    const blob = isKind(error, 'untrusted') && document.body !== undefined ? store.lookup(document.body) : undefined
    if (blob !== undefined && blob.storedAtMs >= askedAtMs && blob.pins.length === 0) await store.remove(blob.id)
    throw error
  }
}

/** The kept document with what upstream appended to it; undefined if the two do not make upstream's present one. */
async function keepAppended(
  request: DocumentRequest,
  kept: StoredDocument,
  reply: UpstreamReply,
  parts: Pick<ServeParts, 'store' | 'upstream' | 'clock' | 'ledger'>,
  prove: (document: StoredDocument) => Promise<void>,
): Promise<StoredDocument | undefined> {
  const { mediaType } = kept
  const share = shareOf(request, parts)
  const origin = { kind: 'upstream', name: request.upstream } as const
  const how = { bytesMax: request.bytesMax, facts: { mediaType, share, origin } }
  const blob = await storeAppended(kept, reply, how, parts)
  if (blob === undefined) return undefined
  const nowMs = parts.clock.nowMs()
  const document: StoredDocument = {
    ...kept,
    origin,
    share,
    body: blob.id,
    sizeBytes: blob.sizeBytes,
    headers: pick(reply.headers, keptNames(request)),
    changedAtMs: kept.body === blob.id ? kept.changedAtMs : nowMs,
    checkedAtMs: nowMs,
  }
  if (kept.body !== blob.id) await prove(document)
  parts.store.documents.put(document)
  return document
}

function keptNames(request: DocumentRequest): string[] {
  return [...request.keepHeaders, ...VALIDATORS, ...(request.appendOnly === true ? APPENDED_HEADERS : [])]
}

async function storeBody(
  request: DocumentRequest,
  reply: UpstreamReply,
  parts: Pick<ServeParts, 'store' | 'ledger' | 'clock' | 'limits'>,
  facts: Parameters<Awaited<ReturnType<ServeParts['store']['begin']>>['commit']>[0],
): ReturnType<Awaited<ReturnType<ServeParts['store']['begin']>>['commit']> {
  let writer: Awaited<ReturnType<ServeParts['store']['begin']>>
  try {
    const stated = request.appendOnly === true ? statedDigest(reply.headers) : undefined
    writer = await parts.store.begin({
      digests: stated === undefined ? [] : [stated],
      aliases: [],
      sizeBytes: reply.sizeBytes,
      bytesMax: request.bytesMax,
    })
  } catch (error) {
    await leaveUnread(reply.body)
    throw error
  }
  const { clock, limits } = parts
  const beganMs = clock.monotonicMs()
  try {
    for await (const chunk of reply.body) {
      await writer.write(chunk)
      parts.ledger.received('upstream', chunk.byteLength)
      // A body that never stalls may still never end.
      const tookMs = clock.monotonicMs() - beganMs
      if (tookMs > limits.bodyPatienceMs && writer.writtenBytes < (limits.bodyBytesPerSecondMin * tookMs) / 1000) {
        const found = `${writer.writtenBytes} bytes in ${Math.round(tookMs)} ms`
        throw new AppError('unavailable.timeout', `${request.path} of ${request.upstream} comes too slowly: ${found}`)
      }
    }
  } catch (error) {
    await writer.abort()
    throw error
  }
  return await writer.commit(facts)
}

function keepAbsence(
  request: DocumentRequest,
  parts: Pick<ServeParts, 'store' | 'upstream'>,
  nowMs: number,
): StoredDocument {
  const document: StoredDocument = {
    key: documentKey(request),
    upstream: request.upstream,
    status: 'absent',
    body: undefined,
    sizeBytes: 0,
    mediaType: '',
    headers: {},
    changedAtMs: nowMs,
    checkedAtMs: nowMs,
    origin: { kind: 'upstream', name: request.upstream },
    share: shareOf(request, parts),
  }
  parts.store.documents.put(document)
  return document
}
