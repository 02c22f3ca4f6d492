/**
 * Which source fetches which pieces: a window that moves with the consumer, returned pieces first, a whole tail for a lone
 * source, and second copies of pieces that are late or that a faster source would have sooner (hedge and endgame). No I/O.
 */
import type { Source } from './source.ts'

/** A contiguous run of pieces that one source was asked for. */
export interface Job {
  readonly source: Source
  /** First piece not yet complete. */
  current: number
  /** Piece after the last one. */
  readonly end: number
  /** When `current` was begun, with pauses taken out. */
  pieceStartedAtMs: number
  /** True while the consumer, not the source, is what it waits for. */
  paused: boolean
}

const COPIES_MAX = 2

/** The state of a transfer's pieces. Owned by the transfer. */
export class Schedule {
  /** The piece the consumer waits for or holds. */
  next: number
  readonly end: number
  readonly jobs: Set<Job> = new Set()
  readonly #windowPieces: number
  readonly #hedgeMinMs: number
  readonly #done = new Set<number>()
  #returned: number[] = []
  #fresh: number

  constructor(first: number, end: number, options: { readonly windowPieces: number; readonly hedgeMinMs: number }) {
    this.next = first
    this.end = end
    this.#fresh = first
    this.#windowPieces = options.windowPieces
    this.#hedgeMinMs = options.hedgeMinMs
  }

  /** True if piece `index` may be held now. */
  inWindow(index: number): boolean {
    return index < this.next + this.#windowPieces
  }

  /** True if nobody needs to send piece `index` any more. */
  isDone(index: number): boolean {
    return index < this.next || this.#done.has(index)
  }

  complete(index: number): void {
    this.#done.add(index)
  }

  /** The consumer is through with piece `next`. */
  advance(): void {
    this.#done.delete(this.next)
    this.next += 1
  }

  /** Gives work to an idle source; undefined if there is none for it now. */
  assign(source: Source, alone: boolean, nowMs: number): Job | undefined {
    this.#returned = this.#returned.filter((index) => !this.isDone(index))
    const first = this.#returned[0] ?? this.#fresh
    if (first >= this.end || !this.inWindow(first)) return alone ? undefined : this.#copy(source, nowMs)
    return this.#start(source, first, this.#runFrom(first, alone ? this.end - first : source.spanPieces), nowMs)
  }

  /** Ends a job; what it did not complete is given to others. */
  finish(job: Job): void {
    this.jobs.delete(job)
    for (let index = job.current; index < job.end; index += 1) {
      if (!this.isDone(index) && !this.#worked(index) && !this.#returned.includes(index)) this.#returned.push(index)
    }
    this.#returned.sort((a, b) => a - b)
  }

  /** Gives one piece back that a running job went past. */
  putBack(index: number): void {
    this.#returned = [...this.#returned, index].sort((a, b) => a - b)
  }

  #runFrom(first: number, piecesMax: number): number {
    let end = first
    while (end < this.end && end - first < piecesMax) {
      if (this.#returned[0] === end) this.#returned.shift()
      else if (this.#fresh === end) this.#fresh += 1
      else break
      end += 1
    }
    return end
  }

  #start(source: Source, first: number, end: number, nowMs: number): Job {
    const job = { source, current: first, end, pieceStartedAtMs: nowMs, paused: false }
    this.jobs.add(job)
    return job
  }

  #copy(source: Source, nowMs: number): Job | undefined {
    let best: number | undefined
    for (const job of this.jobs) {
      if (job.source === source || job.paused) continue
      for (let index = job.current; index < job.end && this.inWindow(index); index += 1) {
        if (best !== undefined && index >= best) break
        if (this.isDone(index) || this.#copies(index) >= COPIES_MAX || !this.#late(job, index, source, nowMs)) continue
        best = index
      }
    }
    return best === undefined ? undefined : this.#start(source, best, best + 1, nowMs)
  }

  #late(job: Job, index: number, other: Source, nowMs: number): boolean {
    const elapsedMs = nowMs - job.pieceStartedAtMs
    if (elapsedMs > job.source.lateAfterMs(this.#hedgeMinMs)) return true
    const pieceMs = job.source.pieceMs
    const otherMs = other.pieceMs
    if (pieceMs === undefined || otherMs === undefined) return false
    return (index - job.current + 1) * pieceMs - elapsedMs > 2 * otherMs
  }

  #copies(index: number): number {
    let count = 0
    for (const job of this.jobs) if (index >= job.current && index < job.end) count += 1
    return count
  }

  #worked(index: number): boolean {
    return this.#copies(index) > 0
  }
}
