/**
 * Compares built files off the loop that serves: a worker for each comparison, a few at a time. Comparisons are rare and large, so none
 * is kept waiting for the next.
 */
import { Worker } from 'node:worker_threads'
import type { Clock } from '../../base/clock.ts'
import { AppError, throwIfAborted } from '../../base/errors.ts'
import { moduleUrl } from '../../base/module-url.ts'
import type { Examined, ExamineJob } from '../../build/rebuild/parts.ts'
import { createSlots } from '../../build/slots.ts'
import type { ExamineAnswer } from './examine-worker.ts'

/** Bounds of the comparisons. */
export interface ExaminePoolOptions {
  /** At a time. */
  readonly workers: number
  /** One that takes longer is given up, with its worker; default 10 minutes. */
  readonly jobMs?: number
  /** Heap of one worker, MiB; default 2,048. */
  readonly heapMiB?: number
  /** The worker's module; for tests. */
  readonly module?: URL
}

/** Compares. */
export type Examine = (job: ExamineJob, signal: AbortSignal) => Promise<Examined>

/** Comparisons in workers. What makes a worker run out of memory or time is malformed: so it would be for every builder. */
export function createExaminePool(options: ExaminePoolOptions, { clock }: { readonly clock: Clock }): Examine {
  const limit = createSlots(options.workers)
  return (job, signal) => limit(() => examineIn(job, options, clock, signal))
}

async function examineIn(
  job: ExamineJob,
  { jobMs = 600_000, heapMiB = 2_048, module }: ExaminePoolOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<Examined> {
  throwIfAborted(signal)
  const worker = new Worker(module ?? moduleUrl('./examine-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: heapMiB },
    name: 'examine',
  })
  const { promise, resolve, reject } = Promise.withResolvers<Examined>()
  const leave = (): void => reject(new AppError('aborted.caller', `${job.name}: nobody waits any more`))
  const stopClock = clock.after(jobMs, () => resolve({ kind: 'malformed', reason: 'comparing it takes too long' }))
  signal.addEventListener('abort', leave, { once: true })
  worker.once('message', (answer: ExamineAnswer) => {
    if (answer.kind === 'examined') resolve(answer.found)
    else reject(new AppError(answer.code, answer.message))
  })
  worker.once('error', (cause) => {
    if ('code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY') {
      resolve({ kind: 'malformed', reason: 'comparing it takes more memory than there is for it' })
    } else reject(new AppError('bug.assertion', `${job.name}: the worker failed`, { cause }))
  })
  worker.once('exit', () => reject(new AppError('bug.assertion', `${job.name}: the worker ended`)))
  try {
    worker.postMessage(job)
    return await promise
  } finally {
    stopClock()
    signal.removeEventListener('abort', leave)
    await worker.terminate()
  }
}
