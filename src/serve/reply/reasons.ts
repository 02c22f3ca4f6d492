/** Errors of the read flow as reasons for a client's user. Pure. */
import { AppError, type ErrorKind } from '../../base/errors.ts'
import type { Reason } from '../../base/located.ts'

const CODES: Readonly<Record<ErrorKind, Reason['code']>> = {
  usage: 'malformed',
  denied: 'denied',
  absent: 'absent',
  conflict: 'unavailable',
  exhausted: 'exhausted',
  unavailable: 'unavailable',
  untrusted: 'untrusted',
  damaged: 'unavailable',
  aborted: 'unavailable',
  bug: 'unavailable',
}

/** `error` as the reason of a refusal. Causes stay in the log; unexpected errors tell no detail. */
export function reasonOf(error: unknown): Reason {
  if (!(error instanceof AppError)) return { code: 'unavailable', message: 'the node failed to answer; see its log' }
  // What is sent without an end is the sender's doing: a client that comes again later is not helped by it.
  if (error.code === 'exhausted.size') return { code: 'untrusted', message: error.message }
  return { code: CODES[error.kind], message: error.message }
}

/** True for errors that end only one attempt: somebody else, or the same source later, may still give the bytes. */
export function endsAttemptOnly(error: unknown): boolean {
  if (!(error instanceof AppError)) return false
  // A full disk is this node's own trouble; quotas, slots and sizes are the source's.
  if (error.kind === 'exhausted') return error.code !== 'exhausted.disk'
  return error.kind === 'unavailable' || error.kind === 'untrusted' || error.kind === 'absent'
}
