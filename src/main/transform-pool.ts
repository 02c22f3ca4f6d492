/**
 * A bounded pool of workers for `Ecosystem.transform`: what burns CPU never runs on the loop that serves. Workers are started
 * when needed and stopped when idle; a job that takes too long costs its worker. Small documents are done at once, which is
 * cheaper than handing them over. Built by `wire.ts`, called by the serve part.
 */
import { Worker } from 'node:worker_threads'
import type { Clock, Logger } from '../base/clock.ts'
import { AppError, errorChain, throwIfAborted } from '../base/errors.ts'
import { moduleUrl } from '../base/module-url.ts'
import type { Transformed } from '../ecosystems/ecosystem.ts'
import type { Transform, TransformJob } from '../serve/parts.ts'
import { createSlots } from '../serve/waiting/slots.ts'
import { runJob, type WorkerAnswer, type WorkerJob } from './transform-worker.ts'

/** Bounds of the pool. */
export interface TransformPoolOptions {
  readonly workers: number
  /** Jobs that may wait for a worker; default 256. */
  readonly waitingMax?: number
  /** Documents up to this size are done on the calling thread, bytes; default 32 KiB. */
  readonly inlineBytesMax?: number
  /** A job that takes longer is given up, with its worker; default 30 s. */
  readonly jobMs?: number
  /** A worker that had nothing to do for so long is stopped; default 60 s. */
  readonly idleMs?: number
  /** Heap of one worker, MiB; default 1,024. */
  readonly heapMiB?: number
  /** The worker's module; for tests. */
  readonly module?: URL
}

/** The pool. */
export interface TransformPool {
  readonly transform: Transform
  /** Stops all workers; jobs under way fail with aborted.shutdown. */
  close(): Promise<void>
}

/** A pool without workers as yet. */
export function createTransformPool(
  options: TransformPoolOptions,
  dependencies: { readonly clock: Clock; readonly logger: Logger },
): TransformPool {
  const workers = new Workers(options, dependencies)
  const inlineBytesMax = options.inlineBytesMax ?? 32_768
  const slots = createSlots('transforms', options.workers, options.waitingMax ?? 256)
  const life = new AbortController()

  async function transform(job: TransformJob, caller: AbortSignal): Promise<Transformed> {
    const signal = AbortSignal.any([caller, life.signal])
    const { ecosystem, facts, variant } = job
    if (job.sizeBytes <= inlineBytesMax) return runJob({ ecosystem, facts, variant, body: await job.load(signal) })
    const giveBack = await slots.take(signal)
    try {
      const body = await job.load(signal)
      throwIfAborted(signal)
      return await workers.run({ ecosystem, facts, variant, body }, signal)
    } finally {
      giveBack()
    }
  }

  return {
    transform,
    async close() {
      life.abort(new AppError('aborted.shutdown', 'the node is shutting down'))
      await workers.close()
    },
  }
}

/** The threads. The pool's slots keep their number within bounds. */
class Workers {
  readonly #options: TransformPoolOptions
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #idle = new Map<Worker, () => void>()
  readonly #all = new Set<Worker>()

  constructor(options: TransformPoolOptions, { clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#options = options
    this.#clock = clock
    this.#logger = logger
  }

  async run(job: WorkerJob, signal: AbortSignal): Promise<Transformed> {
    const worker = this.#take()
    try {
      const answer = await this.#ask(worker, job, signal)
      this.#giveBack(worker)
      if (answer.kind === 'failed') throw new AppError(answer.code, answer.message)
      return answer.made
    } catch (error) {
      if (!this.#idle.has(worker)) await this.#stop(worker)
      throw error
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((worker) => this.#stop(worker)))
  }

  #take(): Worker {
    const [idle] = this.#idle
    if (idle !== undefined) {
      const [worker, keep] = idle
      keep()
      this.#idle.delete(worker)
      worker.ref()
      return worker
    }
    const module = this.#options.module ?? moduleUrl('./transform-worker.ts', import.meta.url)
    const worker = new Worker(module, {
      resourceLimits: { maxOldGenerationSizeMb: this.#options.heapMiB ?? 1_024 },
      name: 'transform',
    })
    worker.on('error', (error) => this.#logger.warn({ why: errorChain(error) }, 'a transform worker failed'))
    worker.on('exit', () => {
      this.#idle.get(worker)?.()
      this.#idle.delete(worker)
      this.#all.delete(worker)
    })
    this.#all.add(worker)
    return worker
  }

  #giveBack(worker: Worker): void {
    const keep = this.#clock.after(this.#options.idleMs ?? 60_000, () => void this.#stop(worker))
    this.#idle.set(worker, keep)
    // An idle worker does not keep the process alive.
    worker.unref()
  }

  async #stop(worker: Worker): Promise<void> {
    this.#idle.get(worker)?.()
    this.#idle.delete(worker)
    this.#all.delete(worker)
    await worker.terminate()
  }

  #ask(worker: Worker, job: WorkerJob, signal: AbortSignal): Promise<WorkerAnswer> {
    const jobMs = this.#options.jobMs ?? 30_000
    const what = `${job.ecosystem}: putting ${job.body.byteLength} bytes into the form ${job.variant}`
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        stopClock()
        signal.removeEventListener('abort', onAbort)
        worker.off('message', onAnswer).off('error', onError).off('exit', onExit)
        settle()
      }
      const fail = (error: AppError) => end(() => reject(error))
      const onAnswer = (answer: WorkerAnswer) => end(() => resolve(answer))
      const onError = (cause: unknown) => {
        const full = cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
        const found = full ? 'it takes more memory than there is for it' : 'the worker failed'
        fail(new AppError(full ? 'exhausted.size' : 'bug.assertion', `${what}: ${found}`, { cause }))
      }
      const onExit = () => fail(new AppError('bug.assertion', `${what}: the worker ended`))
      const onAbort = () =>
        fail(new AppError('aborted.caller', `${what}: nobody waits any more`, { cause: signal.reason }))
      const stopClock = this.#clock.after(jobMs, () => {
        this.#logger.warn({ ecosystem: job.ecosystem, bytes: job.body.byteLength }, 'a transform took too long')
        fail(new AppError('unavailable.timeout', `${what}: not done within ${jobMs} ms`))
      })
      worker.on('message', onAnswer).on('error', onError).on('exit', onExit)
      signal.addEventListener('abort', onAbort, { once: true })
      const { buffer } = job.body
      const whole = buffer instanceof ArrayBuffer && buffer.byteLength === job.body.byteLength
      worker.postMessage(job, whole ? [buffer] : [])
    })
  }
}
