/**
 * Places that bytes of one blob can be had from, each opened at an exact offset: peers, a neighbour that fetches for all, and
 * upstream. Made by `seek.ts`, opened by `transfer.ts`. They give bytes, they prove nothing.
 */
import { AppError, wrapError } from '../../base/errors.ts'
import type { Located, Origin } from '../../base/located.ts'
import type { ByteRange, ByteStream } from '../../base/streams.ts'
import type { LeadRequest, Provider } from '../../peers/peers.ts'
import type { UpstreamReply } from '../../upstream/upstream.ts'
import { leaveUnread } from '../documents/refresh.ts'
import type { ServeParts } from '../parts.ts'
import { parseContentRange, parseUnsatisfied } from '../reply/ranges.ts'
import type { Hold } from './release.ts'

/** An opened place. */
export interface OpenPlace {
  readonly hold: Hold
  /** Size of the whole blob as this place states it. */
  readonly sizeBytes: number | undefined
  readonly mediaType: string | undefined
  /** From the offset that was asked for to the end. */
  readonly stream: ByteStream
  origin(): Origin
  /** Told whether the whole digest agreed, if all bytes came from here. */
  settle(digestAgreed: boolean): void
}

/** A place that was not opened yet. */
export interface Place {
  readonly kind: 'peer' | 'upstream'
  /** True if it is expected that its bytes may be given to clients while they arrive. */
  readonly streams: boolean
  /** True if another place should be tried when this one takes long. */
  readonly hurry: boolean
  /** @throws unavailable.peer, unavailable.upstream, absent.blob, exhausted.quota, untrusted.reply, aborted.caller */
  open(offset: number, signal: AbortSignal): Promise<OpenPlace>
}

/** Peers that hold the blob; all name the same id. */
export function peerPlace(
  providers: readonly [Provider, ...Provider[]],
  hurry: boolean,
  parts: Pick<ServeParts, 'peers'>,
): Place {
  const trusted = providers.every(({ trust }) => trust !== 'stranger')
  const [first] = providers
  return {
    kind: 'peer',
    streams: trusted,
    hurry,
    async open(offset, signal) {
      if (parts.peers === undefined) throw new AppError('unavailable.peer', 'this node knows no peers')
      const range: ByteRange = { offset, lengthBytes: first.sizeBytes - offset }
      const transfer = await parts.peers.fetch(providers, offset === 0 ? { signal } : { range, signal })
      return {
        hold: transfer.vouched ? 'piece' : 'all',
        sizeBytes: transfer.sizeBytes,
        // No digest proves it: a stranger's word would stay with the blob.
        mediaType: trusted ? (transfer.mediaType ?? first.mediaType) : undefined,
        stream: transfer.stream,
        origin: () => ({ kind: 'peer', peerId: transfer.from()[0] ?? first.peerId, trusted }),
        settle: (digestAgreed) => transfer.settle(digestAgreed),
      }
    },
  }
}

/** The member of the neighbourhood that fetches this blob from upstream for all; its bytes are held as upstream's own are. */
export function leaderPlace(request: LeadRequest, parts: Pick<ServeParts, 'peers'>): Place {
  return {
    kind: 'peer',
    streams: true,
    hurry: false,
    async open(offset, signal) {
      const { peers } = parts
      const led = offset === 0 ? await peers?.follow(request, { signal }) : undefined
      if (peers === undefined || led === undefined) {
        throw new AppError('unavailable.peer', `no neighbour fetches ${request.id} for this node`)
      }
      return {
        hold: 'tail',
        sizeBytes: led.sizeBytes,
        mediaType: undefined,
        stream: led.stream,
        origin: () => ({ kind: 'peer', peerId: led.peerId, trusted: true }),
        settle(digestAgreed) {
          if (!digestAgreed) peers.blame(led.peerId, { kind: 'bad-digest', about: request.id })
        },
      }
    },
  }
}

/** The upstream that the file was located at. */
export function upstreamPlace(located: Located, parts: Pick<ServeParts, 'upstream'>): Place {
  return {
    kind: 'upstream',
    streams: true,
    hurry: false,
    async open(offset, signal) {
      const reply = await askUpstream(located, offset === 0 ? undefined : { offset }, parts, signal)
      const found = readReply(reply, located, offset)
      return {
        hold: 'tail',
        sizeBytes: found.sizeBytes,
        mediaType: reply.headers['content-type'],
        stream: found.skipBytes === 0 ? reply.body : skip(reply.body, found.skipBytes),
        origin: () => ({ kind: 'upstream', name: located.upstream }),
        settle() {},
      }
    },
  }
}

/**
 * Upstream's reply to a request for the file or a part of it; 200 or 206, anything else throws.
 * @throws absent.blob, unavailable.upstream and whatever `Upstream.request` throws
 */
export async function askUpstream(
  located: Located,
  range: { readonly offset: number; readonly lengthBytes?: number } | undefined,
  parts: Pick<ServeParts, 'upstream'>,
  signal: AbortSignal,
): Promise<UpstreamReply> {
  const reply = await parts.upstream.request({
    upstream: located.upstream,
    method: 'GET',
    path: located.path,
    headers: located.requestHeaders,
    ...(range === undefined ? patience(located) : { range }),
    interactive: true,
    signal,
  })
  if (reply.status === 200 || (reply.status === 206 && range !== undefined)) return reply
  await leaveUnread(reply.body)
  const gone = reply.status >= 400 && reply.status < 500 && reply.status !== 408 && reply.status !== 429
  throw new AppError(
    gone ? 'absent.blob' : 'unavailable.upstream',
    `${located.label}: asked ${located.upstream} for it, found status ${reply.status}`,
    { data: { status: reply.status, sizeBytes: parseUnsatisfied(reply.headers['content-range']) } },
  )
}

/** Only for a beginning: who has half of a file has nowhere else to go. */
function patience({ patienceMs }: Located): { readonly patienceMs?: number } {
  return patienceMs === undefined ? {} : { patienceMs }
}

function readReply(reply: UpstreamReply, located: Located, offset: number) {
  if (reply.status === 200) return { sizeBytes: reply.sizeBytes, skipBytes: offset }
  const part = parseContentRange(reply.headers['content-range'])
  if (part?.offset !== offset) {
    throw new AppError('untrusted.reply', `${located.label}: wanted bytes from ${offset}, found another part`)
  }
  const statedBytes = reply.sizeBytes === undefined ? undefined : offset + reply.sizeBytes
  return { sizeBytes: part.totalBytes ?? statedBytes, skipBytes: 0 }
}

async function* skip(body: ByteStream, skipBytes: number): AsyncGenerator<Uint8Array> {
  let leftBytes = skipBytes
  for await (const chunk of body) {
    const passed = Math.min(leftBytes, chunk.byteLength)
    leftBytes -= passed
    if (passed < chunk.byteLength) yield chunk.subarray(passed)
  }
}

/** `error` as the end of one attempt at a place. */
export function placeError(kind: Place['kind'], label: string, error: unknown): AppError {
  return wrapError(
    error,
    kind === 'peer' ? 'unavailable.peer' : 'unavailable.upstream',
    `${label}: the transfer broke off`,
  )
}
