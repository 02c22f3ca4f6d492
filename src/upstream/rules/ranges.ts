/**
 * Resuming by Range (RFC 9110 section 14): what is asked, and what part of the answer is meant. Pure; called by `client.ts`.
 * An upstream that ignores Range and sends everything is read past the offset, within a bound, and reported as 206.
 */
import { AppError } from '../../base/errors.ts'
import type { Headers } from '../../base/located.ts'
import { contentLength } from './headers.ts'

/** As in `UpstreamRequest.range`. */
export interface WantedRange {
  readonly offset: number
  readonly lengthBytes?: number
}

/** How to read a reply's body so that it is what was asked for. */
export interface RangedReply {
  readonly status: number
  readonly headers: Headers
  readonly sizeBytes: number | undefined
  /** Bytes to throw away first. */
  readonly skipBytes: number
  /** Bytes to hand out then; undefined: all there are. */
  readonly takeBytes: number | undefined
}

/** The Range header for `range`. */
export function rangeHeader(range: WantedRange): string {
  const last = range.lengthBytes === undefined ? '' : String(range.offset + range.lengthBytes - 1)
  return `bytes=${range.offset}-${last}`
}

/**
 * Checks a reply's status and lengths against what was asked.
 * @throws untrusted.reply for another part than the one asked for, untrusted.size if its lengths contradict each other,
 * unavailable.upstream if Range was ignored and too much, or an unknown amount, would have to be thrown away
 */
export function rangedReply(
  reply: { readonly status: number; readonly headers: Headers },
  wanted: WantedRange | undefined,
  skipBytesMax: number,
): RangedReply {
  const length = contentLength(reply.headers)
  const whole = { ...reply, sizeBytes: length, skipBytes: 0, takeBytes: undefined }
  if (reply.status === 206) return { ...whole, sizeBytes: partLength(reply.headers, wanted) }
  if (reply.status !== 200 || wanted === undefined || (wanted.offset === 0 && wanted.lengthBytes === undefined)) {
    return whole
  }
  if (length === undefined || wanted.offset > skipBytesMax) {
    throw new AppError('unavailable.upstream', `wanted bytes from ${wanted.offset} on, but upstream ignores ranges`, {
      data: { phase: 'status', status: reply.status },
    })
  }
  const { 'content-length': _, ...headers } = reply.headers
  if (wanted.offset >= length) {
    const beyond = { ...headers, 'content-range': `bytes */${length}`, 'content-length': '0' }
    return { status: 416, headers: beyond, sizeBytes: 0, skipBytes: 0, takeBytes: 0 }
  }
  const takeBytes = Math.min(wanted.lengthBytes ?? length, length - wanted.offset)
  const span = `bytes ${wanted.offset}-${wanted.offset + takeBytes - 1}/${length}`
  return {
    status: 206,
    headers: { ...headers, 'content-range': span, 'content-length': String(takeBytes) },
    sizeBytes: takeBytes,
    skipBytes: wanted.offset,
    takeBytes,
  }
}

function partLength(headers: Headers, wanted: WantedRange | undefined): number {
  const text = headers['content-range'] ?? ''
  const found = /^bytes (\d{1,15})-(\d{1,15})\/(?:\d{1,15}|\*)$/.exec(text)
  const first = Number(found?.[1])
  const last = Number(found?.[2])
  const lastWanted =
    wanted?.lengthBytes === undefined ? Number.MAX_SAFE_INTEGER : wanted.offset + wanted.lengthBytes - 1
  if (wanted === undefined || found === null || first !== wanted.offset || last < first || last > lastWanted) {
    const asked = wanted === undefined ? 'everything' : rangeHeader(wanted)
    throw new AppError(
      'untrusted.reply',
      `asked for ${asked}, was given the part ${JSON.stringify(text.slice(0, 100))}`,
    )
  }
  const length = contentLength(headers)
  if (length !== undefined && length !== last - first + 1) {
    throw new AppError('untrusted.size', `a part ${text} is said to have ${length} bytes`)
  }
  return last - first + 1
}
