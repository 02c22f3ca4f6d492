/**
 * Step 5: verified bytes as a reply: whole, a range, or headers only. Takes nothing but what the steps before it made.
 */
import type { Headers } from '../base/located.ts'
import type { ByteRange, ByteStream } from '../base/streams.ts'
import type { BlobReader } from '../store/store.ts'
import type { Variant } from './documents/variants.ts'
import type { Passed, Verified } from './fetch.ts'
import type { Ledger, SourceKind } from './ledger.ts'
import { etagOf, GUARD_HEADERS, sourceHeader, tagDigest } from './reply/headers.ts'
import { leaving, onceLeft } from './reply/leaving.ts'
import { type AskedRange, rangeWithin } from './reply/ranges.ts'
import type { ServeReply } from './request.ts'

/** How the client asked, and what the reply says beside what the bytes say. */
export interface StreamOptions {
  readonly method: string
  readonly range: AskedRange | undefined
  readonly headers: Headers
  readonly ledger: Ledger
  /** Called once when a whole body was handed over. */
  readonly onEnd: () => void
}

/** A reply with a verified body; 206 or 416 where a range was asked for and the size is known. */
export function streamVerified(verified: Verified, options: StreamOptions): ServeReply {
  const { sizeBytes, source } = verified
  const headers: Record<string, string> = {
    'content-type': verified.mediaType ?? 'application/octet-stream',
    'accept-ranges': 'bytes',
    etag: etagOf(tagDigest(verified.cleared.located)),
    ...verified.cleared.located.replyHeaders,
    ...options.headers,
    ...sourceHeader(source),
    ...GUARD_HEADERS,
  }
  options.ledger.hit(source)
  const ranged = options.range !== undefined && sizeBytes !== undefined
  const range = ranged ? rangeWithin(options.range, sizeBytes) : undefined
  if (ranged && range === undefined) {
    verified.leave()
    return {
      status: 416,
      statusText: undefined,
      headers: { ...headers, 'content-range': `bytes */${sizeBytes}` },
      body: undefined,
    }
  }
  if (range !== undefined) headers['content-range'] = contentRange(range, sizeBytes ?? 0)
  const lengthBytes = range?.lengthBytes ?? sizeBytes
  if (lengthBytes !== undefined) headers['content-length'] = String(lengthBytes)
  const status = range === undefined ? 200 : 206
  if (options.method === 'HEAD') {
    verified.leave()
    return { status, statusText: undefined, headers, body: undefined }
  }
  const onEnd = range === undefined ? options.onEnd : () => {}
  const body = counted(verified.body(range), source, options.ledger, onEnd)
  return { status, statusText: undefined, headers, body, ...(source === 'store' ? { atHand: true } : {}) }
}

/** A reply with a range that was passed through; always 206. */
export function streamPassed(passed: Passed, options: StreamOptions): ServeReply {
  options.ledger.hit(passed.source)
  const { located } = passed.cleared
  const headers = {
    'content-type': passed.mediaType ?? 'application/octet-stream',
    'accept-ranges': 'bytes',
    etag: etagOf(tagDigest(located)),
    ...located.replyHeaders,
    ...options.headers,
    'content-range': contentRange(passed.range, passed.totalBytes),
    'content-length': String(passed.range.lengthBytes),
    ...sourceHeader(passed.source),
    ...GUARD_HEADERS,
  }
  if (options.method === 'HEAD') {
    passed.leave()
    return { status: 206, statusText: undefined, headers, body: undefined }
  }
  const body = counted(passed.stream, passed.source, options.ledger, () => passed.leave())
  return { status: 206, statusText: undefined, headers, body }
}

/** A reply with a stored document in one of its forms. */
export function streamBlob(
  reader: BlobReader,
  variant: Variant,
  options: Omit<StreamOptions, 'onEnd'> & { readonly source: SourceKind; readonly signal: AbortSignal },
): ServeReply {
  const { sizeBytes } = reader.info
  options.ledger.hit(options.source)
  const headers: Record<string, string> = {
    ...options.headers,
    'content-type': variant.mediaType,
    ...(variant.encoding === undefined ? {} : { 'content-encoding': variant.encoding }),
    'accept-ranges': 'bytes',
    ...sourceHeader(options.source),
    ...GUARD_HEADERS,
  }
  const range = options.range === undefined ? undefined : rangeWithin(options.range, sizeBytes)
  if (options.range !== undefined && range === undefined) {
    void reader.close()
    headers['content-range'] = `bytes */${sizeBytes}`
    return { status: 416, statusText: undefined, headers, body: undefined }
  }
  if (range !== undefined) headers['content-range'] = contentRange(range, sizeBytes)
  headers['content-length'] = String(range?.lengthBytes ?? sizeBytes)
  const status = range === undefined ? 200 : 206
  if (options.method === 'HEAD') {
    void reader.close()
    return { status, statusText: undefined, headers, body: undefined }
  }
  const leave = onceLeft(options.signal, () => void reader.close())
  const stream = leaving(reader.stream(range, options.signal), leave)
  const body = counted(stream, options.source, options.ledger, () => {})
  return { status, statusText: undefined, headers, body, atHand: true }
}

function contentRange(range: ByteRange, totalBytes: number): string {
  return `bytes ${range.offset}-${range.offset + range.lengthBytes - 1}/${totalBytes}`
}

/** Counts what is handed over. Not a generator: leaving it unread must reach the stream behind it. */
function counted(stream: ByteStream, source: SourceKind, ledger: Ledger, onEnd: () => void): ByteStream {
  return {
    [Symbol.asyncIterator]() {
      const chunks = stream[Symbol.asyncIterator]()
      return {
        async next() {
          const next = await chunks.next()
          if (next.done) onEnd()
          else ledger.served(source, next.value.byteLength)
          return next
        },
        async return() {
          await chunks.return?.()
          return { done: true, value: undefined }
        },
      }
    },
  }
}
