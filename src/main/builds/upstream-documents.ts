/**
 * Documents of upstream for one job: asked once, kept in memory until the job is over, never taken from peers or from what this node kept
 * for its clients. What upstream says is what a builder vouches for.
 */
import { documentKey } from '../../base/document.ts'
import { AppError } from '../../base/errors.ts'
import type { DocumentRequest, Headers, Reason } from '../../base/located.ts'
import { parseReleases, type Release } from '../../base/releases.ts'
import { collect } from '../../base/streams.ts'
import type { Ecosystem, HiddenRelease, Transformed } from '../../ecosystems/ecosystem.ts'
import type { Transform } from '../../serve/parts.ts'
import { reasonOf } from '../../serve/reply/reasons.ts'
import { createSingleFlight, orLeave } from '../../serve/waiting/single-flight.ts'
import type { Upstream } from '../../upstream/upstream.ts'

/** A document as upstream gave it. */
export interface FoundDocument {
  readonly kind: 'found'
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly headers: Headers
}

/** A document, or why there is none. */
export type DocumentFound =
  | FoundDocument
  | { readonly kind: 'absent'; readonly reason: Reason; readonly refused?: true }
  | { readonly kind: 'unavailable'; readonly reason: Reason }

/** The documents of one ecosystem for one job. */
export interface UpstreamDocuments {
  /** @throws aborted.caller */
  get(request: DocumentRequest, signal: AbortSignal): Promise<DocumentFound>
  /** In the form `variant`, without these releases. @throws untrusted.reply if it is malformed; exhausted.queue, unavailable.timeout, aborted.caller */
  form(
    document: FoundDocument,
    variant: string,
    hidden: readonly HiddenRelease[],
    signal: AbortSignal,
  ): Promise<Transformed>
  /** The releases that an index lists, with their times. @throws as `form` */
  releases(document: FoundDocument, signal: AbortSignal): Promise<readonly Release[]>
}

/** What they are asked of and made with. */
export interface DocumentDependencies {
  readonly upstream: Pick<Upstream, 'request'>
  readonly transform: Transform
}

/** All that is kept for a job, bytes; what is used least goes first and is asked for again. */
const KEPT_BYTES_MAX = 256 * 1_048_576

/** None are kept as yet. */
export function createUpstreamDocuments(ecosystem: Ecosystem, deps: DocumentDependencies): UpstreamDocuments {
  const kept = new Map<string, FoundDocument | { readonly kind: 'absent'; readonly reason: Reason }>()
  const flights = createSingleFlight<DocumentFound>()
  // Whoever asked first may leave while others wait; the client of upstream bounds the time.
  const life = new AbortController().signal
  const lists = new WeakMap<FoundDocument, Promise<readonly Release[]>>()

  const keep = (key: string, found: FoundDocument | { readonly kind: 'absent'; readonly reason: Reason }): void => {
    kept.delete(key)
    kept.set(key, found)
    let bytes = [...kept.values()].reduce((sum, each) => sum + sizeOf(each), 0)
    for (const [oldest, each] of kept) {
      if (bytes <= KEPT_BYTES_MAX || oldest === key) break
      kept.delete(oldest)
      bytes -= sizeOf(each)
    }
  }
  const ask = async (request: DocumentRequest, signal: AbortSignal): Promise<DocumentFound> => {
    const key = documentKey(request)
    const before = kept.get(key)
    if (before !== undefined) {
      keep(key, before)
      return before
    }
    const found = await fetchDocument(request, deps.upstream, signal)
    if (found.kind === 'found' || (found.kind === 'absent' && found.refused !== true)) keep(key, found)
    return found
  }
  const form: UpstreamDocuments['form'] = async (document, variant, hidden, signal) => {
    const { bytes, mediaType, headers } = document
    if (variant === '' && hidden.length === 0) return { bytes, mediaType, encoding: undefined }
    const facts = hidden.length === 0 ? { mediaType, headers } : { mediaType, headers, hidden }
    // A copy: who transforms it elsewhere takes its memory along.
    const load = async (): Promise<Uint8Array> => new Uint8Array(bytes)
    return await deps.transform({ ecosystem: ecosystem.id, sizeBytes: bytes.byteLength, load, facts, variant }, signal)
  }
  return {
    get: (request, signal) =>
      orLeave(
        flights.run(documentKey(request), () => ask(request, life)),
        signal,
      ),
    form,
    releases(document, signal) {
      const before = lists.get(document)
      if (before !== undefined) return before
      const view = ecosystem.releases?.view
      if (view === undefined) return Promise.resolve([])
      const made = form(document, view, [], signal).then(({ bytes }) => parseReleases(bytes))
      lists.set(document, made)
      made.catch(() => lists.delete(document))
      return made
    },
  }
}

function sizeOf(found: FoundDocument | { readonly kind: 'absent' }): number {
  return found.kind === 'found' ? found.bytes.byteLength : 0
}

async function fetchDocument(
  request: DocumentRequest,
  upstream: Pick<Upstream, 'request'>,
  signal: AbortSignal,
): Promise<DocumentFound> {
  const { method, path, headers, bytesMax } = request
  try {
    const asked = { upstream: request.upstream, method, path, headers, interactive: false, signal }
    const reply = await upstream.request(asked)
    const bytes = await collect(reply.body, bytesMax)
    const { status } = reply
    if (status === 404 || status === 410) {
      return { kind: 'absent', reason: { code: 'absent', message: `${request.upstream} has no ${path}` } }
    }
    if (status === 200) {
      const mediaType = reply.headers['content-type'] ?? 'application/octet-stream'
      return { kind: 'found', bytes, mediaType, headers: reply.headers }
    }
    const message = `${method} ${path} of ${request.upstream}: found status ${status}`
    const refused = status >= 400 && status < 500 && status !== 408 && status !== 429
    if (refused) return { kind: 'absent', reason: { code: 'absent', message }, refused }
    return { kind: 'unavailable', reason: { code: 'unavailable', message } }
  } catch (error) {
    if (!(error instanceof AppError) || error.kind === 'aborted' || error.kind === 'bug') throw error
    return { kind: 'unavailable', reason: reasonOf(error) }
  }
}
