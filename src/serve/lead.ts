/**
 * Fetching for the neighbourhood: a member names upstream, digest and its client's request path; this node locates the file
 * itself, asks upstream only, and streams while it arrives. Never delegates further.
 */
import { AppError } from '../base/errors.ts'
import type { Resolution } from '../base/located.ts'
import { type Asker, mayShare } from '../base/share.ts'
import type { ByteStream } from '../base/streams.ts'
import type { Ecosystem } from '../ecosystems/ecosystem.ts'
import type { LeadRequest } from '../peers/peers.ts'
import { check } from './check.ts'
import { fetch } from './fetch.ts'
import { find } from './find.ts'
import type { ServeParts } from './parts.ts'
import type { ServeRequest } from './request.ts'
import type { CheckRules } from './rules/rules.ts'
import type { Transfers } from './transfer/transfers.ts'

/** Longest request path of a neighbour's client, characters. */
const PATH_MAX = 2_048

/**
 * The bytes for a neighbour, the tail held until the digest agrees.
 * @throws usage.request, denied.share, denied.policy, absent.blob, unavailable.upstream, aborted.caller
 */
export async function lead(
  request: LeadRequest,
  asker: Asker,
  signal: AbortSignal,
  ecosystems: readonly Ecosystem[],
  resolveFor: (
    asked: ServeRequest,
  ) => Promise<{ readonly resolution: Resolution; readonly unaskable: ReadonlySet<string> }>,
  parts: ServeParts,
  transfers: Transfers,
  rules: CheckRules,
): Promise<{ readonly sizeBytes: number | undefined; readonly stream: ByteStream }> {
  const ecosystem = ecosystems.find(({ id }) => id === request.ecosystem)
  if (ecosystem === undefined || request.requestPath.length > PATH_MAX) {
    throw new AppError(
      'usage.request',
      `a neighbour asked for ${request.id} in a way that this node does not understand`,
    )
  }
  const share = parts.upstream.config(request.upstream)?.share ?? 'none'
  if (share === 'lan' || !mayShare(share, asker, parts.peers?.state().privateNetwork ?? false)) {
    throw new AppError('denied.share', `${request.upstream} is not shared with ${asker.peerId}`)
  }
  const { resolution, unaskable } = await resolveFor(asRequest(request, ecosystem, signal))
  if (resolution.kind !== 'file' || !resolution.located.digests.includes(request.id)) {
    throw new AppError('absent.blob', `the path that a neighbour gave does not lead to ${request.id}`)
  }
  if (resolution.located.upstream !== request.upstream) {
    throw new AppError(
      'denied.share',
      `${request.id} belongs to ${resolution.located.upstream}, not ${request.upstream}`,
    )
  }
  const checked = await check(resolution.located, parts, rules, signal)
  if (checked.kind === 'denied') throw new AppError('denied.policy', checked.reason.message)
  if (checked.cleared.share === 'none') throw new AppError('denied.share', `${request.id} is shared with nobody`)
  const seek = { unaskable, requestPath: undefined, upstreamOnly: true }
  const source = await find(checked.cleared, seek, parts, transfers, signal)
  if (source.kind === 'nowhere') throw new AppError('absent.blob', source.reason.message)
  // This node's own clients may be first: the neighbour waits with them until it is known where the bytes come from. Who asks
  // leaves after 300 ms, so that two nodes that see one another as leaders do not wait for ever.
  if (source.kind === 'running') await source.transfer.ready(signal)
  if (source.kind === 'running' && source.transfer.source !== 'upstream') {
    throw new AppError('unavailable.upstream', `${request.id} is being fetched from elsewhere`)
  }
  const wanted = { range: undefined, headersOnly: false, aliases: ecosystem.aliases, signal }
  const fetched = await fetch(source, wanted, parts, transfers)
  if (fetched.kind !== 'verified') throw new AppError('bug.assertion', 'a range came although none was asked for')
  return { sizeBytes: fetched.verified.sizeBytes, stream: fetched.verified.body(undefined) }
}

function asRequest(request: LeadRequest, ecosystem: Ecosystem, signal: AbortSignal): ServeRequest {
  const [path = '', query = ''] = request.requestPath.split('?', 2)
  return {
    ecosystem,
    method: 'GET',
    path,
    query: Object.fromEntries(new URLSearchParams(query)),
    headers: {},
    base: '',
    body: undefined,
    signal,
  }
}
