/** Answers what an ecosystem asks for while it resolves: documents from `documents/`, blobs through this same flow. */

import type { BlobId } from '../../base/digest.ts'
import { AppError, isKind } from '../../base/errors.ts'
import type { DocumentRequest, Got, Located, Need, Reason } from '../../base/located.ts'
import { collect } from '../../base/streams.ts'
import type { Ecosystem } from '../../ecosystems/ecosystem.ts'
import { check } from '../check.ts'
import { fetch } from '../fetch.ts'
import { find, storedBlob } from '../find.ts'
import type { ServeParts } from '../parts.ts'
import { reasonOf } from '../reply/reasons.ts'
import type { CheckRules } from '../rules/rules.ts'
import type { Transfers } from '../transfer/transfers.ts'
import type { Documents } from './documents.ts'
import type { Variants } from './variants.ts'

/** What one request's needs are answered with. */
export interface AnswerOptions {
  readonly ecosystem: Ecosystem
  readonly documents: Documents
  readonly variants: Variants
  readonly transfers: Transfers
  readonly signal: AbortSignal
  readonly rules: CheckRules
  /** Why an upstream must not be asked on behalf of this request. */
  readonly forbidden: (upstream: string) => Reason | undefined
  /** Told the age of each document that upstream could not confirm. */
  readonly onStale: (ageSeconds: number) => void
}

/** The answer to one need; failures of sources are answers too. @throws aborted.caller, bug.assertion */
export async function answerNeed(
  need: Need,
  unaskable: Set<string>,
  options: AnswerOptions,
  parts: ServeParts,
): Promise<Got> {
  if (need.kind === 'blob' && need.namesOnly === true) return answerNames(need.located, parts)
  const forbidden = options.forbidden(need.kind === 'blob' ? need.located.upstream : need.request.upstream)
  if (forbidden !== undefined) return { kind: 'absent', reason: forbidden }
  if (need.kind === 'blob') return await answerBlob(need.located, need.bytesMax, unaskable, options, parts)
  try {
    return await answerDocument(need, unaskable, options, parts)
  } catch (error) {
    // Evicted or found damaged while it was being read: the second look does not see it any more.
    if (isKind(error, 'absent') || isKind(error, 'damaged'))
      return await answerDocument(need, unaskable, options, parts)
    throw error
  }
}

async function answerDocument(
  need: Need & { readonly kind: 'document' },
  unaskable: Set<string>,
  options: AnswerOptions,
  parts: ServeParts,
): Promise<Got> {
  const { ecosystem, signal } = options
  const { request } = need
  const keptOnly = need.keptOnly === true
  for (const next of need.soon ?? [])
    if (next.upstream === request.upstream) options.documents.prepare(next, ecosystem.id)
  const answer = await options.documents.ask(request, { ecosystem: ecosystem.id, keptOnly, signal })
  if (answer.upstreamFailed) unaskable.add(request.upstream)
  if (answer.kind !== 'found') return answer
  const { document, ageSeconds } = answer
  if (answer.upstreamFailed) options.onStale(ageSeconds)
  try {
    return {
      kind: 'document',
      bytes: await bytesOf(request, need.view ?? '', document, options, parts),
      mediaType: document.mediaType,
      headers: document.headers,
      ageSeconds,
      stale: answer.upstreamFailed,
      origin: document.origin,
    }
  } catch (error) {
    if (!isKind(error, 'untrusted') && !isKind(error, 'exhausted') && !isKind(error, 'unavailable')) throw error
    return { kind: 'unavailable', reason: reasonOf(error) }
  }
}

async function bytesOf(
  request: DocumentRequest,
  view: string,
  document: Parameters<Variants['get']>[0],
  options: AnswerOptions,
  parts: ServeParts,
): Promise<Uint8Array> {
  if (request.method === 'HEAD') return new Uint8Array(0)
  const { blob } = await options.variants.get(document, options.ecosystem, view, options.signal)
  return await readBlob(blob.id, view === '' ? request.bytesMax : parts.limits.viewBytesMax, parts, options.signal)
}

async function readBlob(id: BlobId, bytesMax: number, parts: ServeParts, signal: AbortSignal): Promise<Uint8Array> {
  const reader = await parts.store.open(id)
  try {
    return await collect(reader.stream(undefined, signal), bytesMax)
  } finally {
    await reader.close()
  }
}

async function answerBlob(
  located: Located,
  bytesMax: number,
  unaskable: Set<string>,
  options: AnswerOptions,
  parts: ServeParts,
): Promise<Got> {
  const { ecosystem, transfers, signal } = options
  // Only the bytes are wanted, nothing is promised yet: what they refer to is looked for when they are given to a client.
  const wantedFile = { ...located, bytesMax: Math.min(located.bytesMax, bytesMax), requires: [] }
  const checked = await check(wantedFile, parts, options.rules, signal)
  if (checked.kind === 'denied') return { kind: 'absent', reason: checked.reason }
  try {
    const seek = { unaskable, requestPath: undefined, upstreamOnly: false }
    const source = await find(checked.cleared, seek, parts, transfers, signal)
    if (source.kind === 'nowhere') return { kind: 'unavailable', reason: source.reason }
    const wanted = { range: undefined, headersOnly: false, aliases: ecosystem.aliases, signal }
    const fetched = await fetch(source, wanted, parts, transfers)
    if (fetched.kind !== 'verified') throw new AppError('bug.assertion', 'a range came although none was asked for')
    const { verified } = fetched
    const bytes = await collect(verified.body(undefined), bytesMax)
    const origin = storedBlob(located, parts.store)?.origin ?? { kind: 'upstream', name: located.upstream }
    return { kind: 'blob', bytes, mediaType: verified.mediaType, origin }
  } catch (error) {
    if (!(error instanceof AppError) || error.kind === 'aborted' || error.kind === 'bug') throw error
    if (error.code === 'unavailable.upstream' || error.code === 'unavailable.offline') unaskable.add(located.upstream)
    return { kind: error.kind === 'absent' ? 'absent' : 'unavailable', reason: reasonOf(error) }
  }
}

function answerNames(located: Located, parts: Pick<ServeParts, 'store'>): Got {
  const blob = storedBlob(located, parts.store)
  if (blob === undefined) {
    return { kind: 'unavailable', reason: { code: 'unavailable', message: `${located.label} is not kept here` } }
  }
  const { mediaType, origin, names } = blob
  return { kind: 'blob', bytes: new Uint8Array(0), mediaType, origin, names }
}
