/**
 * While upstream cannot be asked, an index lists only what can be had (`3-registries.md`, "All of them"): releases of which no
 * file is in the store or at a peer are hidden as the policy's are, or clients would choose a version whose file is nowhere.
 * Asked by `serve.ts` about each index then, and not at all while upstream answers; an answer is remembered briefly.
 */
import { type BlobId, type Digest, isStrong } from '../../base/digest.ts'
import type { StoredDocument } from '../../base/document.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import { parseReleases, type Release } from '../../base/releases.ts'
import { collect } from '../../base/streams.ts'
import type { Ecosystem, HiddenRelease } from '../../ecosystems/ecosystem.ts'
import type { Variants } from '../documents/variants.ts'
import { storedBlob } from '../find.ts'
import type { ServeParts } from '../parts.ts'
import { createSingleFlight, orLeave } from '../waiting/single-flight.ts'
import type { Held } from './rules.ts'

/** The reason of each release that is hidden here. */
export const NOT_KEPT = 'not kept here, and upstream cannot be asked'

/** For how long what was found is believed, milliseconds. */
const REMEMBERED_MS = 10_000
/** Releases that are remembered, of all indexes together. */
const REMEMBERED_MAX = 100_000
/** Files of one index that are looked up in the store; releases of which all files lie behind that stay listed. */
const FILES_MAX = 20_000
/** Look-ups in the store after which other requests have their turn: some milliseconds' worth. */
const FILES_PER_TURN = 512
/** Files of one index that peers are asked for, the latest releases first, and names in one look-up. */
const ASKED_MAX = 256
const BATCH_MAX = 64
/** A look-up ends soon after the first peer answered; what is missing then is asked for once more. */
const ROUNDS_MAX = 2
/** Hidden versions that a notice names. */
const NAMED_MAX = 8

/** Who knows what can be had without upstream. */
export interface AtHand {
  /**
   * True while upstream cannot be asked, so that indexes are to be narrowed. `failed`: it could not give this document; what
   * it sends may be malformed, though, and then it can be asked for files.
   */
  applies(upstream: string, failed: boolean): boolean
  /**
   * `held`, and the releases that cannot be had. Nothing more where none of them can: a range would find nothing then, while
   * the index alone may be all that is wanted (of an optional package for another platform). Never fails for what the index is.
   * @throws aborted.caller
   */
  narrow(held: Held, document: StoredDocument, ecosystem: Ecosystem, signal: AbortSignal): Promise<Held>
}

interface Found {
  readonly untilMs: number
  /** And one for the index itself. */
  readonly releasesCount: number
  readonly had: readonly string[]
  readonly missing: readonly HiddenRelease[]
  /** What was made of the policy's answer, so that what is derived from a list is not derived for each request. */
  narrowed: { readonly held: Held; readonly made: Held } | undefined
}

/** `life` ends work that is under way when the node stops. */
export function createAtHand(parts: ServeParts, variants: Variants, life: AbortSignal): AtHand {
  return new Lookout(parts, variants, life)
}

class Lookout implements AtHand {
  readonly #parts: ServeParts
  readonly #variants: Variants
  readonly #life: AbortSignal
  readonly #looking = createSingleFlight<Found>()
  readonly #found = new Map<string, Found>()
  #rememberedCount = 0

  constructor(parts: ServeParts, variants: Variants, life: AbortSignal) {
    this.#parts = parts
    this.#variants = variants
    this.#life = life
  }

  applies(upstream: string, failed: boolean): boolean {
    if (!this.#parts.upstream.askable(upstream)) return true
    return failed && this.#parts.upstream.states().some((one) => one.name === upstream && one.reachable === 'no')
  }

  async narrow(held: Held, document: StoredDocument, ecosystem: Ecosystem, signal: AbortSignal): Promise<Held> {
    const { body } = document
    if (ecosystem.releases === undefined || body === undefined) return held
    try {
      const found = await orLeave(this.#look(document, body, ecosystem), signal)
      if (found.narrowed?.held !== held) found.narrowed = { held, made: narrowed(held, found, ecosystem) }
      return found.narrowed.made
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'aborted' || error.kind === 'bug') throw error
      this.#parts.logger.debug({ document: document.key, why: errorChain(error) }, 'an index could not be narrowed')
      return held
    }
  }

  async #look(document: StoredDocument, body: BlobId, ecosystem: Ecosystem): Promise<Found> {
    const key = `${ecosystem.id} ${document.upstream} ${body}`
    const before = this.#found.get(key)
    if (before !== undefined && this.#parts.clock.monotonicMs() < before.untilMs) return before
    return await this.#looking.run(key, async () => {
      const releases = await this.#releases(document, ecosystem)
      const found = await this.#search(releases, document.upstream)
      this.#remember(key, found)
      return found
    })
  }

  async #releases(document: StoredDocument, ecosystem: Ecosystem): Promise<Release[]> {
    const view = ecosystem.releases?.view ?? ''
    const { blob } = await this.#variants.get(document, ecosystem, view, this.#life)
    const reader = await this.#parts.store.open(blob.id)
    try {
      return parseReleases(await collect(reader.stream(undefined, this.#life), this.#parts.limits.viewBytesMax))
    } finally {
      await reader.close()
    }
  }

  async #search(releases: readonly Release[], upstream: string): Promise<Found> {
    const { store, clock } = this.#parts
    let left = FILES_MAX
    const had = new Set<string>()
    const lacking: Array<{ readonly version: string; readonly files: readonly Digest[] }> = []
    let turn = FILES_PER_TURN
    for (const { version, files = [] } of releases) {
      left -= files.length
      turn -= files.length
      if (turn < 0) {
        turn = FILES_PER_TURN
        await clock.sleep(0, this.#life)
      }
      if (files.length === 0 || left < 0) continue
      if (files.some((file) => storedBlob({ digests: [file], upstream }, store) !== undefined)) had.add(version)
      else lacking.push({ version, files })
    }
    const latest = lacking.toReversed().flatMap(({ files }) => files)
    const atPeers = await this.#atPeers(latest.slice(0, ASKED_MAX))
    const missing: HiddenRelease[] = []
    for (const { version, files } of lacking) {
      if (files.some((file) => atPeers.has(file))) had.add(version)
      else missing.push({ version, reason: NOT_KEPT })
    }
    const untilMs = clock.monotonicMs() + REMEMBERED_MS
    return { untilMs, releasesCount: releases.length + 1, had: [...had], missing, narrowed: undefined }
  }

  /** Those of these files that a peer says it holds. */
  async #atPeers(files: readonly Digest[]): Promise<Set<Digest>> {
    const held = new Set<Digest>()
    const batches: Array<readonly Digest[]> = []
    for (let at = 0; at < files.length; at += BATCH_MAX) batches.push(files.slice(at, at + BATCH_MAX))
    await Promise.all(batches.map((batch) => this.#askPeers(batch, held)))
    return held
  }

  async #askPeers(batch: readonly Digest[], held: Set<Digest>): Promise<void> {
    const { peers, limits, logger } = this.#parts
    const ask = { timeoutMs: limits.lastLookupMs, signal: this.#life, patient: true }
    for (let round = 0; peers !== undefined && round < ROUNDS_MAX; round++) {
      const names = batch.filter((file) => !held.has(file))
      if (names.length === 0) return
      const before = held.size
      try {
        for (const one of await peers.lookup(names, ask)) {
          for (const name of one.names ?? [one.id]) {
            // By a weak digest a stranger may have anything.
            if (isStrong(name) || one.trust !== 'stranger') held.add(name)
          }
        }
      } catch (error) {
        if (this.#life.aborted) throw error
        logger.debug({ why: errorChain(error) }, 'peers could not be asked what an index may list')
      }
      if (held.size === before) return
    }
  }

  #remember(key: string, found: Found): void {
    this.#rememberedCount += found.releasesCount - (this.#found.get(key)?.releasesCount ?? 0)
    this.#found.delete(key)
    this.#found.set(key, found)
    for (const [oldest, { releasesCount }] of this.#found) {
      if (this.#rememberedCount <= REMEMBERED_MAX) return
      this.#found.delete(oldest)
      this.#rememberedCount -= releasesCount
    }
  }
}

function narrowed(held: Held, { had, missing }: Found, ecosystem: Ecosystem): Held {
  const hiddenBefore = new Set(held.hidden.map(({ version }) => version))
  const best = had
    .filter((version) => !hiddenBefore.has(version))
    .reduce<string | undefined>(
      (top, version) => (top === undefined || ecosystem.compareVersions(top, version) < 0 ? version : top),
      undefined,
    )
  const added = missing.filter(({ version }) => !hiddenBefore.has(version))
  if (best === undefined || added.length === 0) return held
  const newer = added.map(({ version }) => version).filter((version) => ecosystem.compareVersions(version, best) > 0)
  return {
    hidden: [...held.hidden, ...added],
    all: undefined,
    notice: [held.notice, noticeOf(newer)].filter((line) => line !== undefined).join('; ') || undefined,
    passing: true,
  }
}

/** Older releases that are not there are missed by nobody. */
function noticeOf(newer: readonly string[]): string | undefined {
  if (newer.length === 0) return undefined
  const named = newer.slice(-NAMED_MAX).reverse()
  const more = newer.length > named.length ? ` and ${newer.length - named.length} more` : ''
  return `left out, ${NOT_KEPT}: ${named.join(', ')}${more}`
}
