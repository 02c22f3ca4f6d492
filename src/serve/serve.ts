/**
 * READ: the steps between a client's request and its reply: resolve, check, find, fetch, stream. Blind to ecosystems.
 * `ReadFlow.#read` lists the steps, each has a file; `documents/` and `transfer/` are what resolve and fetch work with.
 * Called by the HTTP edge (`handle`), by the peers' host (`lead`, `document`) and by `keep/` (`refetch`).
 */

import type { DocumentKey, StoredDocument } from '../base/document.ts'
import { AppError, errorChain } from '../base/errors.ts'
import type { Headers, Located, NativeReply, Reason, Resolution, Want } from '../base/located.ts'
import { type Purl, purlParts } from '../base/purl.ts'
import type { Asker } from '../base/share.ts'
import type { ByteStream } from '../base/streams.ts'
import type { ResolveContext } from '../ecosystems/ecosystem.ts'
import type { LeadRequest } from '../peers/peers.ts'
import type { ReleaseAnswer } from '../policy/policy.ts'
import type { BlobInfo } from '../store/store.ts'
import { check } from './check.ts'
import { answerNeed } from './documents/answer.ts'
import { createDocuments, type Documents } from './documents/documents.ts'
import { keptBlob, keptDocuments } from './documents/kept.ts'
import { createVariants, type Variants } from './documents/variants.ts'
import { fetch } from './fetch.ts'
import { find, findStored, storedBlob } from './find.ts'
import { lead } from './lead.ts'
import { createLedger } from './ledger.ts'
import { SERVE_LIMITS, type ServeDependencies, type ServeOptions, type ServeParts } from './parts.ts'
import { relay } from './relay.ts'
import { forgetRemoved, refetch, rememberLocated } from './repair.ts'
import { ageHeaders, etagOf, GUARD_HEADERS, indexCaching, matches, sourceHeader, tagDigest } from './reply/headers.ts'
import { parseRange } from './reply/ranges.ts'
import { reasonOf } from './reply/reasons.ts'
import type { ServeReply, ServeRequest } from './request.ts'
import { resolve } from './resolve.ts'
import { match, pathAndQuery } from './routing.ts'
import { type AtHand, createAtHand, NOT_KEPT } from './rules/at-hand.ts'
import { createGuard, type GuardDependencies } from './rules/guard.ts'
import { createKnownNames } from './rules/known-as.ts'
import { createListed } from './rules/listed.ts'
import { createPackageVerdicts } from './rules/package-verdicts.ts'
import { createReleasedFiles } from './rules/released.ts'
import {
  type CheckRules,
  type FileVerdict,
  type Held,
  type Listed,
  NOTHING_HELD,
  type ReleaseConflict,
} from './rules/rules.ts'
import { createVerdicts } from './rules/verdicts.ts'
import type { AuditedFile, ServeState, WhyFact } from './shown/views.ts'
import { streamBlob, streamPassed, streamVerified } from './stream.ts'
import { AHEAD_BYTES_MAX, Ahead, type AheadJob } from './transfer/ahead.ts'
import { ExpectedSizes } from './transfer/expected-sizes.ts'
import { Transfers } from './transfer/transfers.ts'

export type { ServeReply, ServeRequest, StoreOnly, Used } from './request.ts'
export type { FileVerdict, ReleaseConflict } from './rules/rules.ts'
export type { ServeState, TransferState, WhyFact } from './shown/views.ts'

/** The read flow as the edges and the peers' host see it. */
export interface Serve {
  /** Answers a client; refusals are replies in the client's own format. @throws aborted.caller when the client left */
  handle(request: ServeRequest): Promise<ServeReply>
  /**
   * Fetches for a member of the neighbourhood from upstream (never from peers) and streams while it arrives, the tail held
   * until the digest agrees. @throws usage.request, denied.share, absent.blob, unavailable.upstream
   */
  lead(
    request: LeadRequest,
    asker: Asker,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number | undefined; readonly stream: ByteStream }>
  /** Fetches a damaged blob again from peers or from where it once came. @throws absent.blob, unavailable.upstream, unavailable.peer */
  refetch(
    blob: Pick<BlobInfo, 'id' | 'names' | 'sizeBytes' | 'share' | 'mediaType'>,
    signal: AbortSignal,
  ): Promise<void>
  /** A kept document whose body is here too; the caller applies its share level. */
  document(key: DocumentKey): StoredDocument | undefined
  /** What was served under this purl and where it came from, newest first. */
  why(purl: Purl): WhyFact[]
  /** Released files for which upstream states another digest than before; the latest first, at most 100. */
  conflicts(): readonly ReleaseConflict[]
  /** What the log says of a file, or without digests of a release, and what that does to serving it. Whoever knows is asked. @throws aborted.caller */
  verdictOn(file: AuditedFile, signal: AbortSignal): Promise<FileVerdict>
  /** What the policy says of a release or a package. @throws usage.purl for another ecosystem, aborted.caller */
  decide(purl: Purl, signal: AbortSignal): Promise<ReleaseAnswer>
  state(): ServeState
  /** Ends all transfers; their clients' streams fail with aborted.shutdown. */
  close(): Promise<void>
}

const ASKED_EACH_TIME: Reason = { code: 'unavailable', message: 'this is asked of upstream each time and never kept' }

/** The read flow of one node. */
export function createServe(options: ServeOptions, dependencies: ServeDependencies): Serve {
  return new ReadFlow(options, dependencies)
}

class ReadFlow implements Serve {
  readonly #options: ServeOptions
  readonly #parts: ServeParts
  readonly #transfers: Transfers
  readonly #documents: Documents
  readonly #variants: Variants
  readonly #context: ResolveContext
  readonly #rules: CheckRules
  readonly #expected = new ExpectedSizes()
  readonly #judging: GuardDependencies
  readonly #atHand: AtHand
  readonly #listed: Listed
  readonly #ahead: Ahead
  readonly #life = new AbortController()
  readonly #stopWatching: () => void

  constructor(options: ServeOptions, dependencies: ServeDependencies) {
    const parts = { ...dependencies, limits: { ...SERVE_LIMITS, ...options.limits }, ledger: createLedger() }
    this.#options = options
    this.#parts = parts
    this.#transfers = new Transfers(parts, ({ options: { cleared } }, blob) => {
      if (cleared.sources === 'all') rememberLocated(parts.store, blob.id, cleared.located)
    })
    const peersOnly = { unaskable: new Set<string>(), requestPath: undefined, upstreamOnly: false }
    const variants = createVariants(parts, this.#life.signal)
    this.#variants = variants
    this.#documents = createDocuments(parts, this.#life.signal, {
      bring: (cleared, signal) => this.#transfers.whole(cleared, [], peersOnly, signal),
      makeView: (document, ecosystem, view) => variants.prove(document, ecosystem, view),
    })
    this.#context = {
      upstreams: options.upstreams,
      freshSeconds: options.freshSeconds,
      baseUrl: (upstream) => parts.upstream.config(upstream)?.url,
    }
    const { ecosystems } = options
    const said = { verdicts: createVerdicts(parts.log, parts), packages: createPackageVerdicts(parts.log, parts) }
    this.#judging = { ecosystems, documents: this.#documents, variants, context: this.#context, ...said }
    const guard = createGuard(parts, this.#judging)
    this.#rules = { guard, known: createKnownNames(parts, guard), released: createReleasedFiles(parts) }
    this.#atHand = createAtHand(parts, variants, this.#life.signal)
    this.#listed = createListed(parts, variants, this.#life.signal)
    this.#ahead = new Ahead(parts, this.#life.signal, (job, signal) => this.#bring(job, signal))
    this.#stopWatching = forgetRemoved(parts.store)
  }

  async handle(request: ServeRequest): Promise<ServeReply> {
    try {
      return await this.#read(request)
    } catch (error) {
      if (request.signal.aborted) throw error
      if (error instanceof AppError && error.code === 'usage.range') return unsatisfiable(error)
      if (!(error instanceof AppError) || error.kind === 'bug') {
        this.#parts.logger.error({ path: request.path, why: errorChain(error) }, 'a request failed by a bug')
      } else {
        this.#parts.logger.debug({ path: request.path, why: errorChain(error) }, 'a request was refused')
      }
      return this.#refuse(reasonOf(error), request)
    }
  }

  /** The read flow. */
  async #read(request: ServeRequest): Promise<ServeReply> {
    const { signal } = request
    const want = match(request)
    this.#ahead.asked(request.ecosystem.id, request.path)
    if (want.kind === 'ping') return native(want.reply)
    if (want.kind === 'unsupported') return this.#refuse(want.reason, request)
    if (want.kind === 'relay') {
      if (request.storeOnly !== undefined) return this.#refuse(ASKED_EACH_TIME, request)
      const refused = this.#admit(want, request) ?? this.#forbidden(want, request, want.upstream)
      return refused === undefined
        ? await relay(want, request, this.#parts, this.#rules.guard)
        : this.#refuse(refused, request)
    }

    const { resolution, unaskable, staleSeconds } = await this.#resolve(want, request)
    if (resolution.kind === 'reply') return native(resolution.reply)
    if (resolution.kind === 'document') return await this.#document(resolution, want, request)
    if (resolution.kind !== 'file') return this.#refuse(resolution.reason, request)
    const { located } = resolution

    const checked = await check(located, this.#parts, this.#rulesFor(request), signal)
    if (checked.kind === 'denied') return this.#refuse(checked.reason, request)

    const etag = etagOf(tagDigest(located))
    if (matches(request.headers['if-none-match'], etag)) return unchanged(etag, located.replyHeaders)

    this.#expected.note(located.requires)
    const expectedBytes = located.sizeBytes ?? this.#expected.sizeOf(located.digests)
    const seek = { unaskable, requestPath: pathAndQuery(request), upstreamOnly: false, expectedBytes }
    const source =
      request.storeOnly === undefined
        ? await find(checked.cleared, seek, this.#parts, this.#transfers, signal)
        : findStored(checked.cleared, this.#parts.store)
    if (source.kind === 'nowhere') return this.#refuse(source.reason, request)
    if (source.kind === 'stored') request.storeOnly?.onUsed({ kind: 'blob', blob: source.blob })

    const sameFile = request.headers['if-range'] === undefined || request.headers['if-range'] === etag
    const range = sameFile && request.method === 'GET' ? parseRange(request.headers.range) : undefined
    const headersOnly = request.method === 'HEAD'
    const wanted = { range, headersOnly, aliases: request.ecosystem.aliases, signal }
    const fetched = await fetch(source, wanted, this.#parts, this.#transfers)

    const { ledger } = this.#parts
    const how = {
      method: request.method,
      range,
      headers: { ...ageHeaders(staleSeconds), ...noticeOf(checked.cleared.notes.join('; '), request) },
      ledger,
      onEnd: () => {
        this.#record(located)
        if (source.kind !== 'stored') this.#ahead.follow(request.ecosystem, request.path, located)
      },
    }
    if (fetched.kind === 'passed') return streamPassed(fetched.passed, how)
    return streamVerified(fetched.verified, how)
  }

  /** Has a file, or what upstream states of it, before anybody asks; the file, if it came from elsewhere. */
  async #bring({ ecosystem, path, whole }: Omit<AheadJob, 'walk'>, signal: AbortSignal): Promise<Located | undefined> {
    const request = { ecosystem, method: 'GET', path, query: {}, headers: {}, base: '', body: undefined, signal }
    const want = match(request)
    if (want.kind !== 'artifact') return undefined
    const { resolution, unaskable } = await this.#resolve(want, request)
    if (resolution.kind !== 'file' || !whole) return undefined
    const located = { ...resolution.located, bytesMax: Math.min(resolution.located.bytesMax, AHEAD_BYTES_MAX) }
    const checked = await check(located, this.#parts, this.#rules, signal)
    if (checked.kind === 'denied' || storedBlob(located, this.#parts.store) !== undefined) return undefined
    const seek = { unaskable, requestPath: undefined, upstreamOnly: false }
    await this.#transfers.whole(checked.cleared, ecosystem.aliases, seek, signal)
    return located
  }

  /** Why the package that is asked for must not be looked up. */
  #admit(want: Want, { ecosystem }: ServeRequest): Reason | undefined {
    const subject = ecosystem.subject?.(want)
    const named = subject === undefined ? (ecosystem.readings?.(want) ?? []) : [subject]
    return named.map((purl) => this.#rules.guard.admit(ecosystem, purl)).find(Boolean)
  }

  /** Why this upstream must not be asked. */
  #forbidden(want: Want, { ecosystem }: ServeRequest, upstream: string): Reason | undefined {
    const subject = ecosystem.subject?.(want)
    const named = [...(subject === undefined ? [] : [subject]), ...(ecosystem.readings?.(want) ?? [])]
    return named.map((purl) => this.#rules.guard.forbidden(ecosystem, purl, upstream)).find(Boolean)
  }

  async #resolve(want: Want, request: ServeRequest) {
    const refused = this.#admit(want, request)
    if (refused !== undefined) {
      const resolution: Resolution = { kind: 'absent', reason: refused }
      return { resolution, unaskable: new Set<string>(), staleSeconds: undefined }
    }
    const forbidden = (upstream: string) => this.#forbidden(want, request, upstream)
    let staleSeconds: number | undefined
    const answering = {
      ecosystem: request.ecosystem,
      documents: this.#documentsFor(request),
      variants: this.#variants,
      transfers: this.#transfers,
      signal: request.signal,
      rules: this.#rules,
      forbidden,
      onStale(ageSeconds: number) {
        staleSeconds = Math.max(staleSeconds ?? 0, ageSeconds)
      },
    }
    const resolved = await resolve(request.ecosystem, want, request, this.#context, {
      needsMax: this.#parts.limits.needsMax,
      answer: (need, unaskable) =>
        request.storeOnly !== undefined && need.kind === 'blob' && need.namesOnly !== true
          ? keptBlob(need, this.#parts.store, request.storeOnly, request.signal)
          : answerNeed(need, unaskable, answering, this.#parts),
      signal: request.signal,
    })
    const { resolution } = resolved
    const asked =
      resolution.kind === 'file' ? resolution.located : 'request' in resolution ? resolution.request : undefined
    const reason = asked === undefined ? undefined : forbidden(asked.upstream)
    if (reason !== undefined) return { ...resolved, resolution: { kind: 'absent', reason } as const, staleSeconds }
    return { ...resolved, staleSeconds }
  }

  #documentsFor({ storeOnly }: ServeRequest): Documents {
    return storeOnly === undefined ? this.#documents : keptDocuments(this.#documents, storeOnly)
  }

  /** With `storeOnly` a file is judged by the index that is kept. */
  #rulesFor(request: ServeRequest): CheckRules {
    if (request.storeOnly === undefined) return this.#rules
    const documents = this.#documentsFor(request)
    const guard = createGuard(this.#parts, { ...this.#judging, documents })
    return { ...this.#rules, guard, known: createKnownNames(this.#parts, guard) }
  }

  /** A document in the client's own form: made once, then streamed from the store like any blob. */
  async #document(
    resolution: Resolution & { readonly kind: 'document' },
    want: Want,
    request: ServeRequest,
  ): Promise<ServeReply> {
    const { ecosystem, signal } = request
    const documents = this.#documentsFor(request)
    if (resolution.listsReleases !== true && resolution.purl !== undefined) {
      // What says something of one release alone is of that release.
      const about = { ecosystem: ecosystem.id, purl: resolution.purl, upstream: resolution.request.upstream }
      const judged = await this.#rulesFor(request).guard.judge(about, signal)
      if (judged.kind === 'deny') return this.#refuse(judged.reason, request)
    }
    const asked = await documents.ask(resolution.request, { ecosystem: ecosystem.id, keptOnly: false, signal })
    if (asked.kind !== 'found') return this.#refuse(asked.reason, request)
    const { document, ageSeconds, upstreamFailed, source } = asked
    const headers = {
      ...withoutBodyHeaders(document.headers),
      ...indexCaching(resolution.request.freshSeconds, ageSeconds, resolution.request.immutable),
      ...ageHeaders(upstreamFailed ? ageSeconds : undefined),
      ...resolution.replyHeaders,
    }
    if (document.body === undefined) {
      const reply = { ...headers, 'content-type': document.mediaType, ...sourceHeader(source), ...GUARD_HEADERS }
      return { status: 200, statusText: undefined, headers: reply, body: undefined }
    }
    const { purl } = resolution
    const narrows = request.storeOnly === undefined && this.#atHand.applies(document.upstream, upstreamFailed)
    const held = await this.#held(resolution, document, narrows, request)
    if (held.all !== undefined) return this.#refuse(held.all, request)
    const named = purl === undefined ? undefined : purlParts(purl).version
    const own = held.hidden.find(({ version }) => version === named)
    if (own !== undefined) {
      const code = own.reason === NOT_KEPT ? 'unavailable' : 'denied'
      return this.#refuse(
        { code, message: code === 'denied' ? own.reason : `${resolution.label}: ${own.reason}` },
        request,
      )
    }
    const hides = narrows || held.hidden.length > 0 || this.#rules.guard.mayHide(ecosystem)
    const key = ecosystem.variant({ ...request, hides }, want)
    const variant = await this.#variants.get(document, ecosystem, key, signal, held.hidden)
    const etag = variant.headers.etag ?? etagOf(variant.blob.id)
    const caching = held.passing === true ? { 'cache-control': 'no-cache' } : {}
    if (matches(request.headers['if-none-match'], etag))
      return unchanged(etag, { ...headers, ...caching, ...variant.headers })
    const reader = await this.#parts.store.open(variant.blob.id)
    return streamBlob(reader, variant, {
      method: request.method,
      range: request.method === 'GET' ? parseRange(request.headers.range) : undefined,
      headers: { ...headers, ...caching, ...variant.headers, ...noticeOf(held.notice ?? '', request), etag },
      source,
      ledger: this.#parts.ledger,
      signal,
    })
  }

  /** What is to be left out of an index: by the policy and, with `narrows`, because it cannot be had. */
  async #held(
    { purl, listsReleases, listsPackages }: Resolution & { readonly kind: 'document' },
    document: StoredDocument,
    narrows: boolean,
    { ecosystem, signal }: ServeRequest,
  ): Promise<Held> {
    if (listsPackages === true) return await this.#listed.held(document, ecosystem, signal)
    if (listsReleases !== true || purl === undefined) return NOTHING_HELD
    const held = await this.#rules.guard.held(document, ecosystem, purl, signal)
    if (held.all !== undefined || !narrows) return held
    return await this.#atHand.narrow(held, document, ecosystem, signal)
  }

  #refuse(reason: Reason, request: ServeRequest): ServeReply {
    this.#parts.ledger.refused(reason.code === 'denied')
    return native(request.ecosystem.refuse(reason, request))
  }

  /** Notes what was served under a purl. A client that leaves early was served nothing. */
  #record(located: Located): void {
    const blob = located.purl === undefined ? undefined : storedBlob(located, this.#parts.store)
    if (located.purl === undefined || blob === undefined) return
    const { purl, label, upstream, evidence } = located
    this.#rules.known.noteGiven(located, blob.id)
    this.#parts.store.record({ purl, label, id: blob.id, upstream, evidence, origin: blob.origin })
  }

  async lead(request: LeadRequest, asker: Asker, signal: AbortSignal) {
    const resolveFor = (asked: ServeRequest) => this.#resolve(match(asked), asked)
    const { ecosystems } = this.#options
    return await lead(request, asker, signal, ecosystems, resolveFor, this.#parts, this.#transfers, this.#rules)
  }

  async refetch(blob: Parameters<Serve['refetch']>[0], signal: AbortSignal): Promise<void> {
    await refetch(blob, this.#parts.store, this.#transfers, signal)
  }

  document(key: DocumentKey): StoredDocument | undefined {
    const document = this.#documents.kept(key)
    return document?.status === 'found' ? document : undefined
  }

  why(purl: Purl): WhyFact[] {
    return this.#parts.store.served(purl).map((fact) => {
      const blob = this.#parts.store.lookup(fact.id)
      const { sizeBytes, share, pins, storedAtMs } = blob ?? {}
      const stored =
        sizeBytes === undefined || share === undefined || pins === undefined || storedAtMs === undefined
          ? undefined
          : { sizeBytes, share, pins, storedAtMs }
      return { ...fact, stored }
    })
  }

  async decide(purl: Purl, signal: AbortSignal): Promise<ReleaseAnswer> {
    const { type } = purlParts(purl)
    const ecosystem = this.#options.ecosystems.find(({ id }) => id === type)
    if (ecosystem === undefined) throw new AppError('usage.purl', `${purl} is of no ecosystem that this node serves`)
    const reason = this.#rules.guard.admit(ecosystem, purl)
    if (reason !== undefined) return { kind: 'deny', reason }
    const upstream = ecosystem.upstreams[0]?.name ?? ''
    return await this.#rules.guard.decide({ ecosystem: type, purl, upstream }, signal)
  }

  async verdictOn({ purl, digests, name }: AuditedFile, signal: AbortSignal): Promise<FileVerdict> {
    const about = { ecosystem: purlParts(purl).type, purl, label: purl, path: name ?? '', digests, patient: true }
    return await this.#rules.guard.verify(about, signal)
  }

  conflicts(): readonly ReleaseConflict[] {
    return this.#rules.released.conflicts()
  }

  state(): ServeState {
    const transfers = this.#transfers.list().map((transfer) => ({
      label: transfer.options.cleared.located.label,
      upstream: transfer.options.cleared.located.upstream,
      bytes: transfer.writtenBytes,
      totalBytes: transfer.sizeBytes,
      source: transfer.source,
      clients: transfer.clients,
      startedAtMs: transfer.startedAtMs,
    }))
    const { ledger } = this.#parts
    const conflictCount = this.#rules.released.conflictCount()
    return {
      transfers,
      sources: ledger.counts(),
      refusals: ledger.refusals(),
      denials: ledger.denials(),
      conflictCount,
    }
  }

  async close(): Promise<void> {
    this.#stopWatching()
    this.#life.abort(new AppError('aborted.shutdown', 'the node is shutting down'))
    await this.#transfers.close()
  }
}

function native(reply: NativeReply): ServeReply {
  const { status, statusText, headers, body } = reply
  return { status, statusText, headers: { ...headers, ...GUARD_HEADERS }, body }
}

/** What the client's user should read beside a successful reply. */
function noticeOf(text: string, request: ServeRequest): Headers {
  return text === '' ? {} : (request.ecosystem.notice?.(text, request) ?? {})
}

function unsatisfiable(error: AppError): ServeReply {
  const headers = { 'content-range': `bytes */${error.data.sizeBytes ?? '*'}`, ...GUARD_HEADERS }
  return { status: 416, statusText: undefined, headers, body: undefined }
}

function unchanged(etag: string, headers: Headers): ServeReply {
  const { 'content-type': _, 'content-length': __, ...kept } = headers
  return { status: 304, statusText: undefined, headers: { ...kept, etag, ...GUARD_HEADERS }, body: undefined }
}

/** Upstream's headers that say something of its own bytes, not of the form that this node made. */
function withoutBodyHeaders(headers: Headers): Headers {
  const { etag: _, 'content-type': __, 'content-length': ___, 'content-encoding': ____, ...kept } = headers
  return kept
}
