/**
 * The worker that puts documents into clients' formats. Started by `transform-pool.ts`, one job at a time; holds nothing
 * between jobs and never touches files, network or clock.
 */
import { parentPort } from 'node:worker_threads'
import { AppError, type ErrorCode } from '../base/errors.ts'
import type { Transformed, TransformFacts } from '../ecosystems/ecosystem.ts'
import { ecosystems } from '../ecosystems/index.ts'

/** One job for the worker. */
export interface WorkerJob {
  readonly ecosystem: string
  readonly body: Uint8Array
  readonly facts: TransformFacts
  readonly variant: string
}

/** What the worker answers. */
export type WorkerAnswer =
  | { readonly kind: 'made'; readonly made: Transformed }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }

/**
 * Runs one job.
 * @throws untrusted.reply if the document is malformed, or so deep that it cannot be worked through; bug.assertion for an
 * unknown ecosystem
 */
export function runJob({ ecosystem, body, facts, variant }: WorkerJob): Transformed {
  const found = ecosystems.find(({ id }) => id === ecosystem)
  if (found === undefined) throw new AppError('bug.assertion', `no ecosystem is called ${ecosystem}`)
  try {
    return found.transform(body, facts, variant)
  } catch (cause) {
    // The engine's own bounds of depth and length: whoever wrote the document chose to exceed them.
    if (!(cause instanceof RangeError)) throw cause
    const message = `${ecosystem}: a document of ${body.byteLength} bytes is too deep or too long to be read`
    throw new AppError('untrusted.reply', message, { cause })
  }
}

function answer(job: WorkerJob): WorkerAnswer {
  try {
    return { kind: 'made', made: runJob(job) }
  } catch (error) {
    const code = error instanceof AppError ? error.code : 'bug.assertion'
    return { kind: 'failed', code, message: error instanceof Error ? error.message : String(error) }
  }
}

parentPort?.on('message', (job: WorkerJob) => {
  const answered = answer(job)
  const whole = answered.kind === 'made' && ownsBuffer(answered.made.bytes)
  parentPort?.postMessage(answered, whole ? [answered.made.bytes.buffer as ArrayBuffer] : [])
})

/** True if the bytes are all of their buffer, so that it can be handed over instead of copied. */
function ownsBuffer(bytes: Uint8Array): boolean {
  return bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
}
