/**
 * A transfer of pieces from several peers at once: every source is a worker that takes jobs from the schedule, pieces are checked
 * as they complete, and a generator hands them out in order. Blame for pieces is decided here (`4-network.md`, "Getting it").
 */
import type { Clock, Logger } from '../../../base/clock.ts'
import { AppError, wrapError } from '../../../base/errors.ts'
import { pieceAgrees } from '../../../base/piece-hash.ts'
import { PIECE_BYTES, type PieceManifest, pieceSize } from '../../../base/pieces.ts'
import type { ByteRange } from '../../../base/streams.ts'
import type { PeerFault, PeerId } from '../../peers.ts'
import type { TokenBucket } from '../token-bucket.ts'
import { type Job, Schedule } from './schedule.ts'
import type { SlotLease } from './slot-pool.ts'
import type { Source } from './source.ts'
import { type Span, type SpanSink, startSpan } from './span.ts'

const FAILURES_MAX = 3
const BUSY_WAIT_MS = 100
const SCRATCH_BYTES = 65_536

/** What a transfer needs to know. */
export interface TransferPlan {
  readonly id: PieceManifest['id']
  readonly sizeBytes: number
  readonly range: ByteRange
  /** Undefined: pieces cannot be checked. */
  readonly manifest: PieceManifest | undefined
  /** Who signed the manifest. */
  readonly signer: PeerId | undefined
  /** The signer's word counts: a bad piece is the sender's lie. */
  readonly vouched: boolean
  readonly sources: readonly Source[]
  readonly lease: SlotLease
  readonly windowPieces: number
  readonly hedgeMinMs: number
  readonly stallTimeoutMs: number
  readonly signal: AbortSignal
}

/** What a transfer reports to. */
export interface TransferDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly download: TokenBucket
  readonly received: (peerId: PeerId, bytes: number, elapsedMs: number) => void
  readonly blame: (peerId: PeerId, fault: Omit<PeerFault, 'atMs'>) => void
}

/** A piece that is being received, or of which a first part was. */
interface Filling {
  readonly slot: Buffer
  filledBytes: number
  readonly senders: Set<PeerId>
}

interface Running extends Job {
  filling: Filling | undefined
  span: Span | undefined
  pausedAtMs: number | undefined
}

/** A transfer. `pieces` may be iterated once. */
export class Transfer {
  /** Peers whose pieces disagree with a manifest that nobody vouches for: guilty if the whole digest agrees. */
  readonly suspects: Set<PeerId> = new Set()
  readonly #plan: TransferPlan
  readonly #with: TransferDependencies
  readonly #schedule: Schedule
  readonly #ready = new Map<number, Buffer>()
  readonly #partials = new Map<number, Filling>()
  readonly #running = new Set<Running>()
  readonly #scratch = Buffer.allocUnsafe(SCRATCH_BYTES)
  #waiters: Array<() => void> = []
  #blockedUntilMs = 0
  #failure: AppError | undefined
  #over = false

  constructor(plan: TransferPlan, dependencies: TransferDependencies) {
    this.#plan = plan
    this.#with = dependencies
    const first = Math.floor(plan.range.offset / PIECE_BYTES)
    const end = Math.ceil((plan.range.offset + plan.range.lengthBytes) / PIECE_BYTES)
    this.#schedule = new Schedule(first, end, plan)
  }

  /** The bytes of the range, in order. @throws unavailable.peer when no source is left; aborted.caller */
  async *pieces(): AsyncGenerator<Uint8Array> {
    const { range, signal } = this.#plan
    const abort = (): void => this.#fail(wrapError(signal.reason, 'aborted.caller', 'the caller left the transfer'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    void this.#work()
    try {
      while (this.#schedule.next < this.#schedule.end) {
        const index = this.#schedule.next
        const slot = this.#ready.get(index)
        if (slot === undefined) {
          if (this.#failure !== undefined) throw this.#failure
          await this.#changed()
          continue
        }
        const start = index * PIECE_BYTES
        const from = Math.max(range.offset - start, 0)
        const to = Math.min(range.offset + range.lengthBytes - start, pieceSize(this.#plan.sizeBytes, index))
        yield slot.subarray(from, to)
        this.#ready.delete(index)
        this.#plan.lease.give(slot)
        this.#schedule.advance()
        this.#resumeAll()
        this.#wake()
      }
    } finally {
      signal.removeEventListener('abort', abort)
      this.#fail(new AppError('aborted.caller', 'the transfer is over'))
      this.#over = true
      this.#wake()
      this.#plan.lease.close()
    }
  }

  async #work(): Promise<void> {
    const failures = await Promise.all(this.#plan.sources.map((source) => this.#serve(source)))
    const cause = failures.findLast((failure) => failure !== undefined)
    const message = `no provider of ${this.#plan.id} is left`
    this.#fail(new AppError('unavailable.peer', message, { cause }))
    this.#wake()
  }

  async #serve(source: Source): Promise<unknown> {
    let failure: unknown
    while (source.live && this.#failure === undefined && !this.#over) {
      const assigned = this.#schedule.assign(source, this.#alone(), this.#now())
      if (assigned === undefined) {
        await this.#changed(this.#plan.hedgeMinMs / 2)
        continue
      }
      const job: Running = Object.assign(assigned, { filling: undefined, span: undefined, pausedAtMs: undefined })
      try {
        await this.#run(job)
        source.failures = 0
      } catch (error) {
        failure = error
        await this.#afterFailure(source, error)
      } finally {
        this.#close(job)
      }
    }
    this.#wake()
    return failure
  }

  async #run(job: Running): Promise<void> {
    const { id, sizeBytes, signal, stallTimeoutMs } = this.#plan
    const { client } = job.source
    this.#running.add(job)
    const kept = this.#partials.get(job.current)
    if (kept !== undefined) {
      this.#partials.delete(job.current)
      job.filling = kept
    }
    for (let attempt = 0; ; attempt += 1) {
      const connection = await client.take(signal)
      const reused = connection.completed > 0
      const offset = job.current * PIECE_BYTES + (job.filling?.filledBytes ?? 0)
      const lengthBytes = Math.min(job.end * PIECE_BYTES, sizeBytes) - offset
      const request = { id, sizeBytes, range: { offset, lengthBytes }, headers: client.headers, stallTimeoutMs }
      const before = job.source.receivedBytes
      job.pieceStartedAtMs = this.#now()
      job.span = startSpan(connection, request, this.#sink(job), this.#with)
      if (this.#failure !== undefined) job.span.abort(this.#failure)
      try {
        await job.span.done
        client.give(connection)
        return
      } catch (error) {
        if (connection.free) client.give(connection)
        // The peer may have closed a kept connection just before it was used again.
        const stale = reused && attempt === 0 && job.source.receivedBytes === before
        if (!stale || !(error instanceof AppError) || error.code !== 'unavailable.peer') throw error
      }
    }
  }

  #sink(job: Running): SpanSink {
    return {
      room: () => {
        if (this.#schedule.isDone(job.current)) {
          const size = pieceSize(this.#plan.sizeBytes, job.current)
          return this.#scratch.subarray(0, Math.min(SCRATCH_BYTES, size - (job.filling?.filledBytes ?? 0)))
        }
        if (!this.#schedule.inWindow(job.current) || this.#throttled()) return undefined
        if (job.filling === undefined || job.filling.slot === this.#scratch) {
          const slot = this.#plan.lease.take()
          if (slot === undefined) return undefined
          job.filling = { slot, filledBytes: 0, senders: new Set() }
        }
        return job.filling.slot.subarray(job.filling.filledBytes, pieceSize(this.#plan.sizeBytes, job.current))
      },
      filled: (count) => {
        // Bytes of a piece that another source completed meanwhile are counted and let go.
        job.filling ??= { slot: this.#scratch, filledBytes: 0, senders: new Set() }
        job.filling.filledBytes += count
        job.filling.senders.add(job.source.peerId)
        job.source.receivedBytes += count
        if (job.filling.filledBytes === pieceSize(this.#plan.sizeBytes, job.current)) this.#complete(job, job.filling)
      },
      paused: (paused) => {
        job.paused = paused
        if (paused) job.pausedAtMs = this.#now()
        else job.pieceStartedAtMs += this.#now() - (job.pausedAtMs ?? this.#now())
      },
    }
  }

  #complete(job: Running, filling: Filling): void {
    const index = job.current
    const sizeBytes = pieceSize(this.#plan.sizeBytes, index)
    const nowMs = this.#now()
    const elapsedMs = nowMs - job.pieceStartedAtMs
    this.#with.received(job.source.peerId, sizeBytes, elapsedMs)
    if (filling.senders.size === 1) job.source.sample(elapsedMs)
    const waitMs = this.#with.download.debit(sizeBytes)
    if (waitMs > 0) this.#block(nowMs + waitMs, waitMs)
    job.filling = undefined
    job.current += 1
    job.pieceStartedAtMs = nowMs
    if (this.#schedule.isDone(index)) {
      this.#release(filling)
      this.#endIfUseless(job)
      return
    }
    const { manifest } = this.#plan
    if (manifest !== undefined && !pieceAgrees(manifest, index, filling.slot.subarray(0, sizeBytes))) {
      this.#release(filling)
      this.#schedule.putBack(index)
      this.#judge(job.source, filling.senders, index)
      return
    }
    this.#ready.set(index, filling.slot)
    this.#schedule.complete(index)
    this.#wake()
  }

  /** Decides who answers for a piece that disagrees with the manifest; an error ends the job. */
  #judge(source: Source, senders: ReadonlySet<PeerId>, index: number): void {
    const { id, vouched, signer } = this.#plan
    // Parts of several senders in one piece: nobody can be named, the piece is fetched again from one.
    if (senders.size > 1) return
    const about = `piece ${index} of ${id}`
    if (vouched || signer === source.peerId) this.#with.blame(source.peerId, { kind: 'bad-piece', about })
    else this.suspects.add(source.peerId)
    source.live = false
    throw new AppError('untrusted.digest', `${about} from ${source.peerId} disagrees with the manifest`)
  }

  /** Others were faster with all that is left of a job: its connection is worth less than its time. */
  #endIfUseless(job: Running): void {
    for (let index = job.current; index < job.end; index += 1) if (!this.#schedule.isDone(index)) return
    if (job.current < job.end) throw new AppError('aborted.caller', 'other sources were faster')
  }

  async #afterFailure(source: Source, error: unknown): Promise<void> {
    const { id } = this.#plan
    const code = error instanceof AppError ? error.code : undefined
    if (this.#failure !== undefined || code === 'aborted.caller') return
    this.#with.logger.debug({ peerId: source.peerId, id, error: String(error) }, 'a source failed')
    source.failures += 1
    if (code === 'exhausted.queue' && source.failures < FAILURES_MAX) {
      await this.#changed(BUSY_WAIT_MS)
      return
    }
    const about = `${id}: ${error instanceof Error ? error.message : String(error)}`
    if (code === 'absent.blob') this.#with.blame(source.peerId, { kind: 'missing', about })
    else if (code === 'unavailable.timeout') this.#with.blame(source.peerId, { kind: 'stall', about })
    else if (code === 'untrusted.reply') this.#with.blame(source.peerId, { kind: 'bad-message', about })
    if (code !== 'unavailable.peer' || source.failures >= FAILURES_MAX) source.live = false
  }

  #close(job: Running): void {
    this.#running.delete(job)
    const { filling } = job
    job.filling = undefined
    if (filling !== undefined) {
      const useful = !this.#over && filling.slot !== this.#scratch && !this.#schedule.isDone(job.current)
      if (useful && filling.filledBytes > 0 && !this.#partials.has(job.current))
        this.#partials.set(job.current, filling)
      else this.#release(filling)
    }
    this.#schedule.finish(job)
    // A first part helps only whoever takes the piece up from here; a copy that is under way will not.
    for (const [index, partial] of this.#partials) {
      if (!this.#schedule.isDone(index)) continue
      this.#partials.delete(index)
      this.#release(partial)
    }
    this.#wake()
  }

  #release(filling: Filling): void {
    if (filling.slot === this.#scratch) return
    this.#plan.lease.give(filling.slot)
    this.#resumeAll()
  }

  #fail(error: AppError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    for (const job of this.#running) job.span?.abort(error)
    this.#wake()
  }

  #alone(): boolean {
    return this.#plan.sources.filter((source) => source.live).length === 1
  }

  #throttled(): boolean {
    return this.#blockedUntilMs > this.#now()
  }

  #block(untilMs: number, waitMs: number): void {
    this.#blockedUntilMs = untilMs
    this.#with.clock.after(Math.ceil(waitMs) + 1, () => this.#resumeAll())
  }

  #resumeAll(): void {
    for (const job of this.#running) if (job.paused) job.span?.resume()
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  /** Resolves at the next change, or after `withinMs`. */
  #changed(withinMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = withinMs === undefined ? undefined : this.#with.clock.after(withinMs, resolve)
      this.#waiters.push(() => {
        cancel?.()
        resolve()
      })
    })
  }

  #now(): number {
    return this.#with.clock.monotonicMs()
  }
}
