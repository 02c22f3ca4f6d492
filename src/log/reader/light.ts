/**
 * A light copy of a log: the newest checkpoint and nothing else. An entry is fetched when it is asked for, and checked up to that
 * checkpoint's root; of what others may have, one source is as good as another, because none is believed. What it cannot do
 * without the entries is to search: `find` asks others, whose hits are proven and whose silence is not.
 */
import type { Logger } from '../../base/clock.ts'
import { AppError, errorChain, isKind, throwIfAborted } from '../../base/errors.ts'
import { createSourcePool, type LogSource } from '../files/source.ts'
import { VerifiedFiles } from '../files/verified-files.ts'
import type { AcceptedCheckpoint, KeysOf, LogHit, LogQuery, LogReader } from '../log.ts'
import { allOfKind, answers, limitOf } from '../rules.ts'
import { decodeEntries } from '../tree/entry-bundle.ts'
import { consistencyRows, inclusionRows, rootRow } from '../tree/nodes.ts'
import { consistencyProof, inclusionProof, rootOf } from '../tree/proof.ts'
import { TILE_WIDTH } from '../tree/tiles.ts'
import type { FollowedLog } from './follow.ts'
import { checkRevocations } from './revocation-list.ts'
import { searchSources } from './search.ts'

/** Keeps the accepted checkpoint and the revocation list over restarts. */
export interface CheckpointStore {
  read(): AcceptedCheckpoint | undefined
  /** Durable when it resolves. */
  write(checkpoint: AcceptedCheckpoint): Promise<void>
  /** The list as it was written last, newest first. */
  readRevocations(): readonly LogHit[]
  /** Durable when it resolves. */
  writeRevocations(hits: readonly LogHit[]): Promise<void>
}

/** What a light copy needs. */
export interface LightDependencies {
  readonly origin: string
  readonly store: CheckpointStore
  readonly sources: () => readonly LogSource[]
  readonly keysOf: KeysOf
  readonly logger: Logger
}

/** The light copy, as what the node reads and as what a follower follows. */
export interface LightLog extends LogReader, Pick<FollowedLog, 'accept' | 'update'> {
  readonly mode: 'light'
}

/** A light copy that goes on from what the store has. */
export function createLightLog(dependencies: LightDependencies): LightLog {
  return new Light(dependencies)
}

class Light implements LightLog {
  readonly mode = 'light'
  readonly origin: string
  readonly #with: LightDependencies
  readonly #listeners = new Set<(checkpoint: AcceptedCheckpoint) => void>()
  #newest: AcceptedCheckpoint | undefined
  #files: VerifiedFiles | undefined
  /** The complete list as of `#revokedAt`. */
  #revoked: readonly LogHit[]
  #revokedAt: number | undefined

  constructor(dependencies: LightDependencies) {
    this.origin = dependencies.origin
    this.#with = dependencies
    this.#newest = dependencies.store.read()
    this.#revoked = dependencies.store.readRevocations()
  }

  newest(): AcceptedCheckpoint | undefined {
    return this.#newest
  }

  async entry(index: number): Promise<Uint8Array> {
    const { size } = this.#accepted()
    if (index >= size) throw new AppError('absent.entry', `wanted entry ${index} of a log of ${size}`)
    const first = Math.floor(index / TILE_WIDTH) * TILE_WIDTH
    const width = Math.min(TILE_WIDTH, size - first)
    const bundle = await this.#theFiles().bundle(first / TILE_WIDTH, width, NEVER)
    return Uint8Array.from(decodeEntries(bundle, width)[index - first] as Uint8Array)
  }

  async *entries(from: number, to: number, signal: AbortSignal = NEVER): AsyncGenerator<LogHit> {
    const files = this.#theFiles()
    const end = Math.min(to, files.head.size)
    for (let at = from; at < end; ) {
      const first = Math.floor(at / TILE_WIDTH) * TILE_WIDTH
      const width = Math.min(TILE_WIDTH, files.head.size - first)
      const bundle = decodeEntries(await files.bundle(first / TILE_WIDTH, width, signal), width)
      for (; at < Math.min(end, first + width); at += 1) yield { index: at, entry: bundle[at - first] as Uint8Array }
    }
  }

  /** What others know, and what the revocation list has, which nobody can keep from this node. */
  async find(query: LogQuery, signal: AbortSignal = NEVER): Promise<LogHit[]> {
    const limit = limitOf(query)
    const before = query.before ?? Number.POSITIVE_INFINITY
    const listed = this.#revoked.filter(
      ({ index, entry }) => index >= (query.from ?? 0) && index < before && answers(query, this.#with.keysOf(entry)),
    )
    const found = new Map(listed.map((hit) => [hit.index, hit]))
    try {
      for (const hit of await this.#search({ ...query, limit }, signal)) found.set(hit.index, hit)
    } catch (error) {
      if (found.size === 0 || !isKind(error, 'unavailable')) throw error
    }
    return [...found.values()].sort((a, b) => b.index - a.index).slice(0, limit)
  }

  /**
   * All of them, proven complete by the newest head that anybody showed; while nobody can be asked the list as it was last.
   * @throws untrusted.proof, unavailable.peer if there never was one, aborted.caller
   */
  async revocations(signal: AbortSignal = NEVER): Promise<LogHit[]> {
    const { size } = this.#accepted()
    if (this.#revokedAt !== size) {
      try {
        await this.#syncRevocations(size, signal)
      } catch (error) {
        if (this.#revoked.length === 0 || !isKind(error, 'unavailable')) throw error
      }
    }
    return [...this.#revoked]
  }

  async rootAt(size: number): Promise<Uint8Array> {
    if (size === this.#accepted().size) return this.#accepted().root
    const files = this.#theFiles()
    return rootOf(size, await files.nodes(rootRow(size), NEVER))
  }

  async inclusion(index: number, size: number): Promise<Uint8Array[]> {
    this.#within(size)
    return inclusionProof(index, size, await this.#theFiles().nodes(inclusionRows(index, size).flat(), NEVER))
  }

  async consistency(fromSize: number, toSize: number): Promise<Uint8Array[]> {
    this.#within(toSize)
    const nodes = consistencyRows(fromSize, toSize).flat()
    return consistencyProof(fromSize, toSize, await this.#theFiles().nodes(nodes, NEVER))
  }

  /** A light copy serves nobody. */
  async tile(): Promise<undefined> {
    return undefined
  }

  watch(listener: (checkpoint: AcceptedCheckpoint) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Its consistency and its edge were checked with these very files. The revocation list comes with it. */
  async accept(checkpoint: AcceptedCheckpoint, files: VerifiedFiles, signal: AbortSignal): Promise<void> {
    await this.#keep(checkpoint)
    this.#files = files
    try {
      await this.#syncRevocations(checkpoint.size, signal)
    } catch (error) {
      throwIfAborted(signal)
      const facts = { size: checkpoint.size, cause: errorChain(error) }
      this.#with.logger.warn(facts, 'the revocation list was not had completely: the older one stands until it is')
    }
  }

  async update(checkpoint: AcceptedCheckpoint): Promise<void> {
    await this.#keep(checkpoint)
  }

  async #keep({ origin, size, root, note, cosignatures }: AcceptedCheckpoint): Promise<void> {
    const kept = { origin, size, root, note, cosignatures }
    await this.#with.store.write(kept)
    this.#newest = kept
    for (const listener of this.#listeners) listener(kept)
  }

  async #syncRevocations(size: number, signal: AbortSignal): Promise<void> {
    const [head] = await this.#search({ kind: 'head', limit: 1 }, signal)
    if (!isComplete(this.#revoked, head)) {
      const hits = await allOfKind('revocation', (query) => this.#search(query, signal))
      checkRevocations(hits, head)
      await this.#with.store.writeRevocations(hits)
      this.#revoked = hits
    }
    this.#revokedAt = size
  }

  /** What others say that a query wants, as far as it is so. One wrong hit and nothing more is fetched on its giver's word alone. */
  async #search(query: LogQuery, signal: AbortSignal): Promise<LogHit[]> {
    const { size } = this.#accepted()
    const limit = limitOf(query)
    const found: LogHit[] = []
    const liars = new Set<LogSource>()
    for (const { index, givers } of await searchSources(query, this.#with.sources(), signal)) {
      if (found.length >= limit) break
      if (index < (query.from ?? 0) || index >= (query.before ?? size) || index >= size) continue
      if (givers.every((giver) => liars.has(giver))) continue
      const entry = await this.entry(index)
      if (answers(query, this.#with.keysOf(entry))) found.push({ index, entry })
      else for (const giver of givers) blameOnce(giver, liars)
    }
    return found
  }

  #accepted(): AcceptedCheckpoint {
    if (this.#newest === undefined) throw new AppError('absent.entry', `no checkpoint of ${this.origin} is known yet`)
    return this.#newest
  }

  #within(size: number): void {
    const newest = this.#accepted()
    if (size > newest.size) throw new AppError('absent.entry', `wanted the tree of ${size} of a log of ${newest.size}`)
  }

  /** The checked files of the newest tree; sources may have changed, so a new pool is made when the old one is empty. */
  #theFiles(): VerifiedFiles {
    const { size, root } = this.#accepted()
    if (this.#files?.head.size !== size || !this.#files.usable()) {
      this.#files = new VerifiedFiles({ size, root }, createSourcePool(this.#with.sources()))
    }
    return this.#files
  }
}

const NEVER = new AbortController().signal

function blameOnce(giver: LogSource, liars: Set<LogSource>): void {
  if (!liars.has(giver)) giver.blame('a hit of a search of the log that is none')
  liars.add(giver)
}

/** True if the list that is here already is the one that `head` states. */
function isComplete(hits: readonly LogHit[], head: LogHit | undefined): boolean {
  try {
    checkRevocations(hits, head)
    return true
  } catch (error) {
    if (isKind(error, 'untrusted')) return false
    throw error
  }
}
