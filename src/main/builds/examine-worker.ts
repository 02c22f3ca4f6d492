/**
 * The worker that compares built files with upstream's. Started by `examine-pool.ts`, one job at a time; holds nothing between jobs and
 * never touches files, network or clock.
 */
import { hash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { AppError, type ErrorCode, errorChain, isKind } from '../../base/errors.ts'
import type { Examined, ExamineJob } from '../../build/rebuild/parts.ts'
import { ecosystems } from '../../ecosystems/index.ts'

/** What the worker answers. */
export type ExamineAnswer =
  | { readonly kind: 'examined'; readonly found: Examined }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }

/** Runs one job: what was built or seen must be readable; upstream's file need not be. @throws bug.assertion for an ecosystem that is not rebuilt */
export function examine(job: ExamineJob): Examined {
  const { ecosystem, name, built, upstream } = job
  const { rebuild, witness } = ecosystems.find(({ id }) => id === ecosystem) ?? {}
  if (rebuild === undefined && witness === undefined)
    throw new AppError('bug.assertion', `no ecosystem that is rebuilt or witnessed is called ${ecosystem}`)
  try {
    if (rebuild === undefined) {
      witness?.check(job.seenAs, built)
      return { kind: 'read', canonical: hash('sha256', built), comparison: undefined }
    }
    const canonical = rebuild.canonicalDigest(name, built)
    const comparison = upstream === undefined ? undefined : rebuild.compare(name, built, upstream)
    return { kind: 'read', canonical, comparison }
  } catch (error) {
    // What was built is as hostile as its source: it may be malformed, or too deep for the engine.
    if (isKind(error, 'untrusted') || isKind(error, 'exhausted') || error instanceof RangeError) {
      return { kind: 'malformed', reason: errorChain(error).join(': ') }
    }
    throw error
  }
}

parentPort?.on('message', (job: ExamineJob) => {
  let answer: ExamineAnswer
  try {
    answer = { kind: 'examined', found: examine(job) }
  } catch (error) {
    const code = error instanceof AppError ? error.code : 'bug.assertion'
    answer = { kind: 'failed', code, message: error instanceof Error ? error.message : String(error) }
  }
  parentPort?.postMessage(answer)
})
