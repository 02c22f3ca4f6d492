/**
 * Step 4: the bytes, hashed as they pass. Makes `Verified`: a body that completes only if the digest agrees; and `Passed`, a
 * cold range that goes through to the client with the source's own checks and is neither stored nor shared.
 */
import type { Brand } from '../base/brand.ts'
import type { Algorithm, BlobId } from '../base/digest.ts'
import { AppError, errorChain, isKind, throwIfAborted } from '../base/errors.ts'
import { widerShare } from '../base/share.ts'
import type { ByteRange, ByteStream } from '../base/streams.ts'
import type { BlobReader } from '../store/store.ts'
import type { Cleared } from './check.ts'
import { type Source, storedBlob } from './find.ts'
import type { SourceKind } from './ledger.ts'
import type { ServeParts } from './parts.ts'
import { rememberLocated } from './repair.ts'
import { leaving, onceLeft } from './reply/leaving.ts'
import type { AskedRange } from './reply/ranges.ts'
import { demandDigests } from './transfer/demand-digests.ts'
import { passRange } from './transfer/pass.ts'
import { lookup, type SeekOptions } from './transfer/seek.ts'
import type { Transfer } from './transfer/transfer.ts'
import type { Transfers } from './transfer/transfers.ts'

/** A body that can be read once, whole or in part. `leave` must be called if it is not read. Only `fetch` makes one. */
export type Verified = Brand<
  {
    readonly cleared: Cleared
    readonly source: SourceKind
    /** Undefined while nobody stated it. */
    readonly sizeBytes: number | undefined
    readonly mediaType: string | undefined
    /** An error of the stream means that the rest cannot be had or is not what was stated. */
    body(range: ByteRange | undefined): ByteStream
    leave(): void
  },
  'Verified'
>

/** A range that was not stored. */
export type Passed = Brand<
  {
    readonly cleared: Cleared
    readonly source: SourceKind
    readonly range: ByteRange
    readonly totalBytes: number
    readonly mediaType: string | undefined
    readonly stream: ByteStream
    leave(): void
  },
  'Passed'
>

/** How the client wants it. */
export interface FetchOptions {
  readonly range: AskedRange | undefined
  /** Only the size and type are wanted. */
  readonly headersOnly: boolean
  readonly aliases: readonly Algorithm[]
  readonly signal: AbortSignal
}

/** How near to a running transfer's end of what is here a range must begin to wait for it, bytes. */
const NEAR_BYTES = 8 * 1_048_576

/**
 * The body of a source. Waits until the first bytes may be given.
 * @throws absent.blob, unavailable.upstream, unavailable.peer, untrusted.digest, exhausted.queue, exhausted.disk, aborted.caller
 */
export async function fetch(
  source: Source,
  options: FetchOptions,
  parts: ServeParts,
  transfers: Transfers,
): Promise<
  { readonly kind: 'verified'; readonly verified: Verified } | { readonly kind: 'passed'; readonly passed: Passed }
> {
  const { cleared } = source
  if (source.kind === 'stored') {
    const reader = await openStored(source, parts, options.signal)
    if (reader !== undefined) return { kind: 'verified', verified: fromStore(cleared, reader, options.signal) }
  }
  const seek = source.kind === 'elsewhere' ? source.seek : DIRECT
  if (source.kind !== 'running' && options.headersOnly) {
    const measured = await measure(cleared, seek, parts, options.signal)
    if (measured !== undefined) return { kind: 'verified', verified: measured }
  }
  const { range } = options
  if (range !== undefined && !wantsWhole(cleared) && isCold(range, transfers.running(cleared.located))) {
    const passed = await passRange(cleared, range, seek, parts, options.signal)
    if (passed !== undefined) return { kind: 'passed', passed: passed as unknown as Passed }
  }
  return { kind: 'verified', verified: await fromTransfer(cleared, seek, options, parts, transfers) }
}

const DIRECT: SeekOptions = { unaskable: new Set(), requestPath: undefined, upstreamOnly: false }

async function openStored(
  source: Source & { readonly kind: 'stored' },
  parts: Pick<ServeParts, 'store' | 'logger'>,
  signal: AbortSignal,
): Promise<BlobReader | undefined> {
  const { cleared, blob } = source
  // What a public upstream itself states is public, wherever this node had it from at first. A digest that only the client
  // named proves nothing of the kind.
  const stated = cleared.located.evidence.some(({ kind }) => kind === 'index' || kind === 'header')
  if (stated && widerShare(blob.share, cleared.share) !== blob.share) widen(cleared, blob.id, parts)
  try {
    return await openDemanded(cleared, blob.id, parts, signal)
  } catch (error) {
    // Evicted or found damaged since it was looked up: it is to be had elsewhere.
    if (isKind(error, 'absent') || isKind(error, 'damaged')) return undefined
    throw error
  }
}

function widen(cleared: Cleared, id: BlobId, { store, logger }: Pick<ServeParts, 'store' | 'logger'>): void {
  try {
    store.amend(id, { share: cleared.share })
    rememberLocated(store, id, cleared.located)
  } catch (error) {
    // A disk too full for a note of it: peers go without, the client does not.
    logger.warn({ id, why: errorChain(error) }, 'the share level of a stored blob could not be noted')
  }
}

/** The stored blob, held to every digest that is stated for the file. @throws untrusted.digest, absent.blob, damaged.blob */
async function openDemanded(
  { located }: Cleared,
  id: BlobId,
  { store }: Pick<ServeParts, 'store'>,
  signal: AbortSignal,
): Promise<BlobReader> {
  const reader = await store.open(id)
  try {
    await demandDigests(reader, located, signal)
    return reader
  } catch (error) {
    await reader.close()
    throw error
  }
}

function fromStore(cleared: Cleared, reader: BlobReader, signal: AbortSignal): Verified {
  const leave = onceLeft(signal, () => void reader.close())
  return {
    cleared,
    source: 'store',
    sizeBytes: reader.info.sizeBytes,
    mediaType: cleared.located.mediaType ?? reader.info.mediaType,
    body: (range: ByteRange | undefined) => leaving(reader.stream(range, signal), leave),
    leave,
  } as unknown as Verified
}

async function fromTransfer(
  cleared: Cleared,
  seek: SeekOptions,
  options: FetchOptions,
  parts: ServeParts,
  transfers: Transfers,
): Promise<Verified> {
  const { signal } = options
  throwIfAborted(signal)
  const arrived = storedBlob(cleared.located, parts.store)
  if (arrived !== undefined) return fromStore(cleared, await openDemanded(cleared, arrived.id, parts, signal), signal)
  const transfer = transfers.running(cleared.located) ?? transfers.start(cleared, options.aliases, seek)
  transfer.join()
  const leave = onceLeft(signal, () => transfer.leave())
  try {
    if (!transfer.demands(cleared.located.digests)) {
      // It was begun on fewer digests: this client sees nothing before the others are known to agree as well.
      const { id } = await transfer.stored(signal)
      const reader = await openDemanded(cleared, id, parts, signal)
      leave()
      return fromStore(cleared, reader, signal)
    }
    const head = await transfer.ready(signal)
    return {
      cleared,
      source: head.source,
      sizeBytes: head.sizeBytes,
      mediaType: head.mediaType,
      body: (range: ByteRange | undefined) => leaving(transfer.read(range, signal), leave),
      leave,
    } as unknown as Verified
  } catch (error) {
    leave()
    throw error
  }
}

/** Size and type without the bytes; undefined if only the transfer can tell. */
async function measure(
  cleared: Cleared,
  seek: SeekOptions,
  parts: ServeParts,
  signal: AbortSignal,
): Promise<Verified | undefined> {
  const { located } = cleared
  const known = (source: SourceKind, sizeBytes: number, mediaType: string | undefined) =>
    ({
      cleared,
      source,
      sizeBytes,
      mediaType: located.mediaType ?? mediaType,
      body: unread,
      leave() {},
    }) as unknown as Verified
  const providers = await lookup(cleared, parts, signal, parts.limits.lookupMs)
  const trusted = providers.find(({ trust }) => trust !== 'stranger')
  if (trusted !== undefined) return known('peer', trusted.sizeBytes, trusted.mediaType)
  if (seek.unaskable.has(located.upstream) || !parts.upstream.askable(located.upstream)) {
    const [stranger] = providers
    return stranger && known('peer', stranger.sizeBytes, undefined)
  }
  const reply = await parts.upstream.request({
    upstream: located.upstream,
    method: 'HEAD',
    path: located.path,
    headers: located.requestHeaders,
    ...(located.patienceMs === undefined ? {} : { patienceMs: located.patienceMs }),
    interactive: true,
    signal,
  })
  const sizeBytes = located.sizeBytes ?? reply.sizeBytes ?? statedBytes(reply.headers['content-length'])
  if (reply.status === 404 || reply.status === 410) {
    throw new AppError('absent.blob', `${located.label}: ${located.upstream} has no such file`)
  }
  if (reply.status !== 200 || sizeBytes === undefined) return undefined
  return known('upstream', sizeBytes, reply.headers['content-type'])
}

function statedBytes(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : undefined
}

function unread(): ByteStream {
  throw new AppError('bug.assertion', 'the body of a reply to HEAD was read')
}

function wantsWhole({ located: { sizeBytes, wholeBytesMax = 0 } }: Cleared): boolean {
  return sizeBytes !== undefined && sizeBytes <= wholeBytesMax
}

function isCold(range: AskedRange, running: Transfer | undefined): boolean {
  if (range.kind === 'from' && range.first === 0 && range.last === undefined) return false
  if (running === undefined) return true
  const first =
    range.kind === 'from' ? range.first : (running.sizeBytes ?? Number.POSITIVE_INFINITY) - range.suffixBytes
  return first > running.writtenBytes + NEAR_BYTES
}
