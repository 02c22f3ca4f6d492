/**
 * Where a document comes from, in this order: the kept copy while it is fresh; upstream, asked once for all who wait; the kept
 * copy with its age, or a newer one of a trusted peer, when upstream cannot be asked. Used by the resolve step and for
 * documents that are the answer themselves. Strangers' documents never come in: they supply the digests that all else is
 * checked against.
 */
import { type DocumentKey, documentKey, type StoredDocument } from '../../base/document.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import type { DocumentRequest, Reason } from '../../base/located.ts'
import type { PeerDocument } from '../../peers/peers.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import { type Cleared, checkKeptBody } from '../check.ts'
import type { SourceKind } from '../ledger.ts'
import type { ServeParts } from '../parts.ts'
import { reasonOf } from '../reply/reasons.ts'
import { shareOf } from '../rules/share-of.ts'
import { createSingleFlight, orLeave } from '../waiting/single-flight.ts'
import { within } from '../waiting/within.ts'
import { refresh } from './refresh.ts'

/** A document, or why there is none. `upstreamFailed`: upstream should have been asked and could not be. */
export type DocumentAnswer =
  | {
      readonly kind: 'found'
      readonly document: StoredDocument
      readonly ageSeconds: number
      readonly upstreamFailed: boolean
      /** Where it came from for this request. */
      readonly source: SourceKind
    }
  | {
      readonly kind: 'absent' | 'unavailable'
      readonly reason: Reason
      readonly upstreamFailed: boolean
      /** Upstream would not tell. */
      readonly refused?: true
    }

/** How one document is asked for. */
export interface DocumentAsk {
  readonly ecosystem: string
  /** Nobody is asked: the kept copy, however old, or `unavailable`. */
  readonly keptOnly: boolean
  readonly signal: AbortSignal
}

/** The documents of all upstreams. */
export interface Documents {
  /** @throws aborted.caller; bug.assertion */
  ask(request: DocumentRequest, options: DocumentAsk): Promise<DocumentAnswer>
  /** Asks upstream for what will be asked for next, if it may not be given from here; whoever asks then joins in. */
  prepare(request: DocumentRequest, ecosystem: string): void
  /** The kept document whose body is here too (or that needs none). */
  kept(key: DocumentKey): StoredDocument | undefined
}

/** Peers are asked for a newer copy of a kept document again only after this, milliseconds. */
const PEERS_AGAIN_MS = 10_000
/** Documents for which that is remembered. */
const PEERS_ASKED_MAX = 4_096
/** Documents of which it is remembered that they came in a form that cannot be used. */
const BAD_REPLIES_MAX = 4_096

/** What the documents need of the other steps. */
export interface DocumentSteps {
  /** Puts a blob into the store if any allowed source has it. */
  bring(cleared: Cleared, signal: AbortSignal): Promise<void>
  /** Makes a view of a document whose body is stored. @throws untrusted.reply if it is malformed */
  makeView(document: StoredDocument, ecosystem: string, view: string): Promise<void>
}

/** `life` ends work that nobody waits for. */
export function createDocuments(parts: ServeParts, life: AbortSignal, steps: DocumentSteps): Documents {
  return new KeptDocuments(parts, life, steps)
}

class KeptDocuments implements Documents {
  readonly #parts: ServeParts
  readonly #life: AbortSignal
  readonly #steps: DocumentSteps
  readonly #refreshes = createSingleFlight<StoredDocument>()
  readonly #peersAskedMs = new Map<DocumentKey, number>()
  readonly #badReplies = new Map<DocumentKey, { readonly error: AppError; readonly untilMs: number }>()

  constructor(parts: ServeParts, life: AbortSignal, steps: DocumentSteps) {
    this.#parts = parts
    this.#life = life
    this.#steps = steps
  }

  kept(key: DocumentKey): StoredDocument | undefined {
    const document = this.#parts.store.documents.get(key)
    if (document?.body !== undefined && this.#parts.store.lookup(document.body) === undefined) return undefined
    return document
  }

  async ask(request: DocumentRequest, options: DocumentAsk): Promise<DocumentAnswer> {
    const ours = this.kept(documentKey(request))
    if (ours !== undefined) {
      const believed = this.#believe(request, ours, options)
      if (believed) return this.#answer(ours, 'store', false)
    }
    if (options.keptOnly) return nothingKept(request)
    const patienceMs = ours?.status === 'found' ? this.#parts.limits.staleWaitMs : undefined
    const asked = await this.#fromUpstream(request, patienceMs, options)
    if (asked.answer !== undefined) return this.#answer(asked.answer, 'upstream', false)
    if (asked.error.kind === 'absent') {
      const refused = asked.error.code === 'absent.document' ? ({ refused: true } as const) : {}
      return { kind: 'absent', reason: reasonOf(asked.error), upstreamFailed: false, ...refused }
    }
    const theirs = await this.#fromPeers(request, ours, options)
    if (theirs !== undefined) return this.#answer(theirs, 'peer', true)
    if (ours !== undefined) return this.#answer(ours, 'store', true)
    return { kind: 'unavailable', reason: reasonOf(asked.error), upstreamFailed: true }
  }

  prepare(request: DocumentRequest, ecosystem: string): void {
    const ours = this.kept(documentKey(request))
    if (ours !== undefined && this.#believe(request, ours, { ecosystem, keptOnly: false })) return
    if (!this.#parts.upstream.askable(request.upstream)) return
    this.#refreshOnce(request, ecosystem, true).catch((error) => {
      const why = errorChain(error)
      this.#parts.logger.debug({ path: request.path, why }, 'a document could not be asked for beforehand')
    })
  }

  /** True if the kept copy may be given without waiting for upstream; renews it in the background where that is due. */
  #believe(
    request: DocumentRequest,
    ours: StoredDocument,
    { ecosystem, keptOnly }: Pick<DocumentAsk, 'ecosystem' | 'keptOnly'>,
  ): boolean {
    const { clock, limits, logger, upstream } = this.#parts
    if (keptOnly || (request.immutable && ours.status === 'found')) return true
    const ageSeconds = (clock.nowMs() - ours.checkedAtMs) / 1000
    if (ours.status === 'absent') return ageSeconds < limits.absentSeconds
    if (ageSeconds < request.freshSeconds) return true
    if (ageSeconds >= request.freshSeconds + request.staleSeconds || !upstream.askable(request.upstream)) return false
    this.#refreshOnce(request, ecosystem, false).catch((error) => {
      logger.debug({ path: request.path, why: errorChain(error) }, 'a document could not be renewed in the background')
    })
    return true
  }

  #refreshOnce(request: DocumentRequest, ecosystem: string, interactive: boolean): Promise<StoredDocument> {
    const key = documentKey(request)
    const countMax = this.#parts.limits.refreshesMax
    return this.#refreshes.run(key, async () => {
      const bad = this.#badReplies.get(key)
      if (bad !== undefined && this.#parts.clock.monotonicMs() < bad.untilMs) throw bad.error
      if (this.#refreshes.size() >= countMax) {
        throw new AppError('exhausted.queue', `${request.path}: ${countMax} documents are being asked for already`)
      }
      const prove = (document: StoredDocument) => this.#prove(request, document, ecosystem)
      try {
        const asked = await refresh(request, this.kept(key), this.#parts, { interactive, signal: this.#life, prove })
        this.#badReplies.delete(key)
        return asked
      } catch (error) {
        if (isBadReply(error)) this.#avoid(key, error)
        throw error
      }
    })
  }

  /** @throws untrusted.reply for a document that is malformed */
  async #prove(request: DocumentRequest, document: StoredDocument, ecosystem: string): Promise<void> {
    if (request.provenBy !== undefined) await this.#steps.makeView(document, ecosystem, request.provenBy)
  }

  /** What came malformed, or never ends, is not read again for each client that asks. */
  #avoid(key: DocumentKey, error: AppError): void {
    if (this.#badReplies.size >= BAD_REPLIES_MAX) this.#badReplies.clear()
    const { clock, limits } = this.#parts
    this.#badReplies.set(key, { error, untilMs: clock.monotonicMs() + limits.badReplyMs })
  }

  /** Upstream's answer, or why there is none. */
  async #fromUpstream(
    request: DocumentRequest,
    patienceMs: number | undefined,
    { ecosystem, signal }: DocumentAsk,
  ): Promise<
    { readonly answer: StoredDocument; readonly error?: never } | { readonly answer?: never; readonly error: AppError }
  > {
    const { clock, logger, upstream } = this.#parts
    if (!upstream.askable(request.upstream)) return { error: notAskable(request, upstream) }
    const asking = orLeave(this.#refreshOnce(request, ecosystem, true), signal)
    try {
      const answer = patienceMs === undefined ? await asking : await within(clock, patienceMs, asking)
      if (answer !== undefined) return { answer }
      asking.catch(() => {})
      return {
        error: new AppError('unavailable.timeout', `${request.upstream} did not answer within ${patienceMs} ms`),
      }
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'aborted' || error.kind === 'bug') throw error
      logger.debug(
        { upstream: request.upstream, path: request.path, why: errorChain(error) },
        'upstream gave no document',
      )
      return { error }
    }
  }

  /** The newest copy of trusted peers if it is newer than ours; kept from then on. */
  async #fromPeers(
    request: DocumentRequest,
    ours: StoredDocument | undefined,
    options: DocumentAsk,
  ): Promise<StoredDocument | undefined> {
    const { peers, clock, limits, logger, upstream } = this.#parts
    const key = documentKey(request)
    const nowMs = clock.nowMs()
    const askedMs = this.#peersAskedMs.get(key)
    const askedLately = askedMs !== undefined && nowMs < askedMs + PEERS_AGAIN_MS
    // Who has nothing to give asks each time, and waits longer: peers under load may have been late.
    if (peers === undefined || (askedLately && ours !== undefined)) return undefined
    // The name of a private thing is private too.
    if ((upstream.config(request.upstream)?.share ?? 'none') === 'none') return undefined
    const last = request.patienceMs === undefined ? limits.lastLookupMs : limits.patientLookupMs
    const timeoutMs = ours === undefined ? last : limits.lookupMs
    if (this.#peersAskedMs.size >= PEERS_ASKED_MAX) this.#peersAskedMs.clear()
    try {
      const found = await peers.document(key, { timeoutMs, signal: options.signal })
      this.#peersAskedMs.set(key, nowMs)
      const trust = found && peers.list().find(({ peerId }) => peerId === found.peerId)?.trust
      if (found === undefined || trust === undefined || trust === 'stranger') return undefined
      return await this.#keepTheirs(request, found, ours, options)
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'aborted') throw error
      logger.debug({ path: request.path, why: errorChain(error) }, 'no peer gave a document')
      return undefined
    }
  }

  async #keepTheirs(
    request: DocumentRequest,
    { document, peerId }: PeerDocument,
    ours: StoredDocument | undefined,
    options: DocumentAsk,
  ): Promise<StoredDocument | undefined> {
    const { clock, store } = this.#parts
    const checkedAtMs = Math.min(document.checkedAtMs, clock.nowMs())
    const { body } = document
    if (document.key !== documentKey(request) || document.status !== 'found') return undefined
    if (ours?.status === 'found' && ours.checkedAtMs >= checkedAtMs) return undefined
    if ((body === undefined) !== (request.method === 'HEAD') || document.sizeBytes > request.bytesMax) return undefined
    const share = shareOf(request, this.#parts)
    if (body !== undefined) {
      const cleared = checkKeptBody({ ...document, body }, options.ecosystem, request.bytesMax, share)
      await this.#steps.bring(cleared, options.signal)
    }
    const origin = { kind: 'peer', peerId, trusted: true } as const
    const kept: StoredDocument = { ...document, upstream: request.upstream, checkedAtMs, origin, share }
    await this.#prove(request, kept, options.ecosystem)
    store.documents.put(kept)
    return kept
  }

  #answer(document: StoredDocument, source: SourceKind, upstreamFailed: boolean): DocumentAnswer {
    if (document.status === 'found') {
      const ageSeconds = Math.max(0, Math.floor((this.#parts.clock.nowMs() - document.checkedAtMs) / 1000))
      return { kind: 'found', document, ageSeconds, upstreamFailed, source }
    }
    const message = `${document.upstream} has no such thing`
    return { kind: 'absent', reason: { code: 'absent', message }, upstreamFailed }
  }
}

/** True if the reply itself was bad, and not the way to it: the breaker of the upstream knows nothing of that. */
function isBadReply(error: unknown): error is AppError {
  if (!(error instanceof AppError)) return false
  if (error.kind === 'untrusted' || error.code === 'exhausted.size' || error.code === 'unavailable.timeout') return true
  return error.code === 'unavailable.upstream' && error.data.phase === 'broken'
}

function notAskable(request: DocumentRequest, upstream: Pick<Upstream, 'config'>): AppError {
  if (upstream.config(request.upstream) === undefined) {
    return new AppError('absent.upstream', `no upstream named ${request.upstream} is configured`)
  }
  return new AppError('unavailable.upstream', `${request.upstream} cannot be asked for ${request.path} now`)
}

function nothingKept(request: DocumentRequest): DocumentAnswer {
  const message = `${request.path} of ${request.upstream} is not kept here`
  return { kind: 'unavailable', reason: { code: 'unavailable', message }, upstreamFailed: false }
}
