/**
 * Where a reader gets the files of a log from: several nodes and web servers at once, none of them believed. One that gives
 * what the checkpoint contradicts is blamed and left, one that has nothing is passed over, the others go on. What is right is
 * decided by whoever asked. Pure but for what the sources do.
 */
import { AppError, isKind, throwIfAborted } from '../../base/errors.ts'
import type { TileSource } from '../log.ts'
import { BUNDLE_BYTES_MAX } from '../tree/entry-bundle.ts'
import { HASH_BYTES } from '../tree/hash.ts'
import { parseTilePath, TILE_WIDTH } from '../tree/tiles.ts'

/** Most bytes of a checkpoint with its signatures. */
export const NOTE_BYTES_MAX = 65_536
/** Files asked of one source at the same time: fewer than upload slots that a node has for one peer. */
const OPEN_PER_SOURCE_MAX = 8
/** A source that had nothing so often in a row, or failed so often, is not asked again for this job. */
const MISSES_MAX = 8

/** One place that may have files of the log. */
export interface LogSource {
  /** Who it is, for people: a peer id or a URL. */
  readonly name: string
  /**
   * The file, unchecked, of at most `bytesMax` bytes; undefined if it has none.
   * @throws unavailable.peer, unavailable.upstream, exhausted.size, aborted.caller
   */
  fetch(
    path: string,
    options: { readonly bytesMax: number; readonly signal: AbortSignal },
  ): Promise<Uint8Array | undefined>
  /** Told that what it gave contradicts a checkpoint. */
  blame(about: string): void
}

/** Most bytes that the file at `path` may have. */
export function bytesMaxOf(path: string): number {
  const found = parseTilePath(path)
  if (found === undefined) return NOTE_BYTES_MAX
  return found.kind === 'entries' ? BUNDLE_BYTES_MAX : TILE_WIDTH * HASH_BYTES
}

/** The files of one log out of several sources; for one job, such as taking a checkpoint in. */
export interface SourcePool extends TileSource {
  /** Sources that are still asked. */
  left(): readonly LogSource[]
  /** Blames a source and asks it no more. */
  leave(source: LogSource, about: string): void
}

interface Place {
  readonly source: LogSource
  open: number
  /** Files asked of it so far. */
  asked: number
  misses: number
}

/** A pool over these sources, the best first. */
export function createSourcePool(sources: readonly LogSource[]): SourcePool {
  return new Pool(sources)
}

class Pool implements SourcePool {
  readonly #places: Place[]
  readonly #waiting: (() => void)[] = []
  /** Who gave what was not rejected yet. */
  readonly #givers = new Map<string, Place>()

  constructor(sources: readonly LogSource[]) {
    this.#places = sources.map((source) => ({ source, open: 0, asked: 0, misses: 0 }))
  }

  left(): readonly LogSource[] {
    return this.#places.map(({ source }) => source)
  }

  leave(source: LogSource, about: string): void {
    if (this.#drop(source)) source.blame(about)
  }

  fetch: SourcePool['fetch'] = async (path, signal) => {
    const asked = new Set<Place>()
    for (;;) {
      throwIfAborted(signal)
      const open = this.#places.filter((place) => !asked.has(place))
      if (open.length === 0) throw new AppError('unavailable.peer', `nobody is left who has ${path} of the log`)
      const place = bestOf(open)
      if (place === undefined) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
        continue
      }
      asked.add(place)
      const bytes = await this.#ask(place, path, signal)
      if (bytes === undefined) continue
      this.#givers.set(path, place)
      return bytes
    }
  }

  reject(path: string, error: unknown): void {
    const place = this.#givers.get(path)
    this.#givers.delete(path)
    const reason = error instanceof Error ? error.message : String(error)
    if (place !== undefined) this.leave(place.source, `${path}: ${reason}`)
  }

  async #ask(place: Place, path: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    place.open += 1
    place.asked += 1
    try {
      const bytes = await place.source.fetch(path, { bytesMax: bytesMaxOf(path), signal })
      if (bytes !== undefined) {
        place.misses = 0
        return bytes
      }
    } catch (error) {
      throwIfAborted(signal)
      // More than there can be is no answer of somebody who means well.
      if (error instanceof AppError && error.code === 'exhausted.size') {
        this.leave(place.source, `${path}: more bytes than it can have`)
        return undefined
      }
      if (!isKind(error, 'unavailable') && !isKind(error, 'exhausted')) throw error
    } finally {
      place.open -= 1
      this.#wake()
    }
    place.misses += 1
    if (place.misses >= MISSES_MAX) this.#drop(place.source)
    return undefined
  }

  #drop(source: LogSource): boolean {
    const at = this.#places.findIndex((place) => place.source === source)
    if (at < 0) return false
    this.#places.splice(at, 1)
    this.#wake()
    return true
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }
}

/** The least busy one that may be asked more; of two the one that was asked less. Undefined: all are busy. */
function bestOf(places: readonly Place[]): Place | undefined {
  let best: Place | undefined
  for (const place of places) {
    if (place.open >= OPEN_PER_SOURCE_MAX) continue
    const order = best === undefined ? -1 : place.open - best.open || place.asked - best.asked
    if (order < 0) best = place
  }
  return best
}
