/**
 * A range of a blob that is not here, passed through: the pieces of a vouched peer, or upstream's 206. Nothing of it is stored
 * or shared, because the digest names the whole (`4-network.md`, "Getting it, verified"). Called by the fetch step.
 */
import { AppError, errorChain, isKind } from '../../base/errors.ts'
import type { ByteRange, ByteStream } from '../../base/streams.ts'
import type { Provider } from '../../peers/peers.ts'
import type { Cleared } from '../check.ts'
import { leaveUnread } from '../documents/refresh.ts'
import type { ServeParts } from '../parts.ts'
import { type AskedRange, parseContentRange, rangeWithin } from '../reply/ranges.ts'
import { askUpstream } from './place.ts'
import { lookup, type SeekOptions } from './seek.ts'

/** A range on its way through; the fetch step brands it. */
export interface PassedRange {
  readonly cleared: Cleared
  readonly source: 'peer' | 'upstream'
  readonly range: ByteRange
  readonly totalBytes: number
  readonly mediaType: string | undefined
  readonly stream: ByteStream
  leave(): void
}

/**
 * The range from a place that may be believed piece by piece; undefined if there is none, or if the size must be known first:
 * then the whole is fetched. @throws usage.range (it lies past the end), aborted.caller
 */
export async function passRange(
  cleared: Cleared,
  asked: AskedRange,
  seek: SeekOptions,
  parts: ServeParts,
  signal: AbortSignal,
): Promise<PassedRange | undefined> {
  const { located } = cleared
  const trusted = (await lookup(cleared, parts, signal, parts.limits.lookupMs)).filter(
    ({ trust }) => trust !== 'stranger',
  )
  const [first] = trusted
  if (first !== undefined) {
    const same = trusted.filter(({ id, sizeBytes }) => id === first.id && sizeBytes === first.sizeBytes)
    const passed = await fromPeers(cleared, [first, ...same.slice(1)], asked, parts, signal)
    if (passed !== undefined) return passed
  }
  if (seek.unaskable.has(located.upstream) || !parts.upstream.askable(located.upstream)) return undefined
  try {
    return await fromUpstream(cleared, asked, parts, signal)
  } catch (error) {
    if (error instanceof AppError && error.data.status === 416) throw pastEnd(error.data.sizeBytes, error)
    if (!isKind(error, 'unavailable')) throw error
    parts.logger.debug({ label: located.label, why: errorChain(error) }, 'upstream passes no range through')
    return undefined
  }
}

async function fromPeers(
  cleared: Cleared,
  providers: readonly [Provider, ...Provider[]],
  asked: AskedRange,
  parts: ServeParts,
  signal: AbortSignal,
): Promise<PassedRange | undefined> {
  const { sizeBytes } = providers[0]
  const range = satisfiable(asked, sizeBytes)
  const life = new AbortController()
  try {
    const transfer = await parts.peers?.fetch(providers, { range, signal: AbortSignal.any([signal, life.signal]) })
    if (transfer?.vouched) {
      const mediaType = cleared.located.mediaType ?? transfer.mediaType
      const stream = counted(transfer.stream, range.lengthBytes, 'peer', parts)
      return {
        cleared,
        source: 'peer',
        range,
        totalBytes: sizeBytes,
        mediaType,
        stream,
        leave: () => life.abort(left()),
      }
    }
    life.abort(left())
    return undefined
  } catch (error) {
    if (isKind(error, 'aborted') && signal.aborted) throw error
    parts.logger.debug({ label: cleared.located.label, why: errorChain(error) }, 'no peer passes a range through')
    return undefined
  }
}

async function fromUpstream(
  cleared: Cleared,
  asked: AskedRange,
  parts: ServeParts,
  signal: AbortSignal,
): Promise<PassedRange | undefined> {
  const { located } = cleared
  const wanted = located.sizeBytes === undefined ? unsized(asked) : satisfiable(asked, located.sizeBytes)
  if (wanted === undefined) return undefined
  const life = new AbortController()
  const reply = await askUpstream(located, wanted, parts, AbortSignal.any([signal, life.signal]))
  const part = parseContentRange(reply.headers['content-range'])
  const totalBytes = part?.totalBytes ?? located.sizeBytes
  if (reply.status !== 206 || part === undefined || totalBytes === undefined || part.offset !== wanted.offset) {
    // It sends the whole, which is better kept: the fetch step starts a transfer instead.
    await leaveUnread(reply.body)
    return undefined
  }
  if (located.sizeBytes !== undefined && totalBytes !== located.sizeBytes) {
    await leaveUnread(reply.body)
    throw new AppError(
      'untrusted.size',
      `${located.label}: wanted ${located.sizeBytes} bytes, upstream states ${totalBytes}`,
    )
  }
  const range = { offset: part.offset, lengthBytes: Math.min(part.lengthBytes, wanted.lengthBytes ?? part.lengthBytes) }
  const mediaType = located.mediaType ?? reply.headers['content-type']
  const stream = counted(reply.body, range.lengthBytes, 'upstream', parts)
  return { cleared, source: 'upstream', range, totalBytes, mediaType, stream, leave: () => life.abort(left()) }
}

function satisfiable(asked: AskedRange, sizeBytes: number): ByteRange {
  const range = rangeWithin(asked, sizeBytes)
  if (range === undefined) throw pastEnd(sizeBytes)
  return range
}

function pastEnd(sizeBytes: AppError['data'][string], cause?: unknown): AppError {
  return new AppError('usage.range', `wanted bytes beyond the end of ${sizeBytes}`, { data: { sizeBytes }, cause })
}

function unsized(asked: AskedRange): { readonly offset: number; readonly lengthBytes?: number } | undefined {
  if (asked.kind === 'suffix') return undefined
  return asked.last === undefined
    ? { offset: asked.first }
    : { offset: asked.first, lengthBytes: asked.last - asked.first + 1 }
}

/** The stream if it has exactly the stated length; its last chunk comes only when nothing is missing or too much. */
async function* counted(
  stream: ByteStream,
  lengthBytes: number,
  source: 'peer' | 'upstream',
  parts: Pick<ServeParts, 'ledger'>,
): AsyncGenerator<Uint8Array> {
  let passedBytes = 0
  for await (const chunk of stream) {
    passedBytes += chunk.byteLength
    parts.ledger.received(source, chunk.byteLength)
    if (passedBytes > lengthBytes) throw new AppError('untrusted.size', `wanted ${lengthBytes} bytes, found more`)
    yield chunk
  }
  if (passedBytes < lengthBytes) {
    throw new AppError('unavailable.upstream', `wanted ${lengthBytes} bytes of a range, found ${passedBytes}`)
  }
}

function left(): AppError {
  return new AppError('aborted.caller', 'the range is no longer wanted')
}
