/**
 * Fetches what clients will most likely ask for next, where a file that has just come from upstream names it: clients that walk
 * a tree of small files one after the other would wait for upstream at each of them. The ecosystem says what may follow, the
 * read flow's own steps (policy, digests) bring it. Bounded in jobs and in what nobody comes for; failures cost nothing.
 */
import { errorChain } from '../../base/errors.ts'
import type { Located } from '../../base/located.ts'
import { collect } from '../../base/streams.ts'
import type { Ecosystem } from '../../ecosystems/ecosystem.ts'
import { storedBlob } from '../find.ts'
import type { ServeParts } from '../parts.ts'

/** Something to have before anybody asks. */
export interface AheadJob {
  readonly ecosystem: Ecosystem
  /** A client's path below the mount. */
  readonly path: string
  /** True: the file. False: what upstream states of it. */
  readonly whole: boolean
  readonly walk: Walk
}

/** What one file that a client took has led to so far, and what that led to. */
interface Walk {
  /** Jobs that may still be begun: files that name ever new ones must not be followed without end. */
  left: number
}

/** The largest file that is brought before anybody asks, bytes. */
export const AHEAD_BYTES_MAX = 16_777_216

/** Brings what a job names, under all rules of the read flow; the file, if it came from elsewhere just now. */
export type Bring = (job: AheadJob, signal: AbortSignal) => Promise<Located | undefined>

const RUNNING_MAX = 8
const WAITING_MAX = 512
/** A file that leads on is small; larger ones are not looked into, bytes. */
const LEADING_BYTES_MAX = 262_144
/** So many files may be brought within this time for which nobody has come, or nothing more is brought. */
const UNASKED_MAX = 1_024
const UNASKED_MS = 60_000
/** Jobs that one file may lead to, over all steps. */
const WALK_MAX = 1_024

/** What is on its way before anybody asks. */
export class Ahead {
  readonly #parts: ServeParts
  readonly #life: AbortSignal
  readonly #bring: Bring
  readonly #waiting: AheadJob[] = []
  /** When each path was begun, oldest first, until a client asks for it. */
  readonly #unasked = new Map<string, number>()
  #running = 0

  constructor(parts: ServeParts, life: AbortSignal, bring: Bring) {
    this.#parts = parts
    this.#life = life
    this.#bring = bring
  }

  /** A client asks for this itself. */
  asked(ecosystem: string, path: string): void {
    this.#unasked.delete(`${ecosystem} ${path}`)
  }

  /** A file that a client took came from elsewhere and is in the store: begins with what it leads to. Never throws. */
  follow(ecosystem: Ecosystem, path: string, located: Located): void {
    this.#follow(ecosystem, path, located, { left: WALK_MAX })
  }

  #follow(ecosystem: Ecosystem, path: string, located: Located, walk: Walk): void {
    if (located.leads !== true || ecosystem.ahead === undefined || walk.left <= 0) return
    this.#next(ecosystem, path, located, walk).catch((error) => this.#failed(path, error))
  }

  async #next(ecosystem: Ecosystem, path: string, located: Located, walk: Walk): Promise<void> {
    const { store } = this.#parts
    const blob = storedBlob(located, store)
    if (blob === undefined || blob.sizeBytes > LEADING_BYTES_MAX) return
    const reader = await store.open(blob.id)
    let bytes: Uint8Array
    try {
      bytes = await collect(reader.stream(undefined, this.#life), LEADING_BYTES_MAX)
    } finally {
      await reader.close()
    }
    const { files, statements } = ecosystem.ahead?.(path, bytes) ?? { files: [], statements: [] }
    const jobs = [
      ...files.map((each) => ({ ecosystem, path: each, whole: true, walk })),
      ...statements.map((each) => ({ ecosystem, path: each, whole: false, walk })),
    ]
    for (const job of jobs) this.#begin(job, located.upstream)
  }

  #begin(job: AheadJob, upstream: string): void {
    const nowMs = this.#parts.clock.monotonicMs()
    for (const [key, sinceMs] of this.#unasked) {
      if (nowMs - sinceMs < UNASKED_MS) break
      this.#unasked.delete(key)
    }
    const key = `${job.ecosystem.id} ${job.path}`
    if (this.#unasked.has(key) || this.#unasked.size >= UNASKED_MAX || this.#waiting.length >= WAITING_MAX) return
    if (job.walk.left <= 0 || !this.#parts.upstream.askable(upstream)) return
    job.walk.left -= 1
    this.#unasked.set(key, nowMs)
    this.#waiting.push(job)
    void this.#work()
  }

  async #work(): Promise<void> {
    if (this.#running >= RUNNING_MAX || this.#life.aborted) return
    const job = this.#waiting.shift()
    if (job === undefined) return
    this.#running += 1
    try {
      const located = await this.#bring(job, this.#life)
      if (located !== undefined) this.#follow(job.ecosystem, job.path, located, job.walk)
    } catch (error) {
      this.#failed(job.path, error)
    } finally {
      this.#running -= 1
      void this.#work()
    }
  }

  #failed(path: string, error: unknown): void {
    this.#parts.logger.debug({ path, why: errorChain(error) }, 'something could not be fetched beforehand')
  }
}
