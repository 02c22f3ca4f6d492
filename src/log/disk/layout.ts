/**
 * Where the files of a log lie. What anybody may read (`checkpoint`, `tile/...`, as tlog-tiles wants them) has a directory of its
 * own, so that any static web server can be pointed at it; what is this node's alone lies beside it.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'

/** Paths of one log. */
export interface LogLayout {
  /** To be served: nothing in it is secret. */
  readonly served: string
  readonly checkpoint: string
  /** Mode 0700. */
  readonly state: string
  /** What is durable and what was signed: the record that decides after a crash. */
  readonly record: string
  /** The newest accepted checkpoint with its cosigners. */
  readonly accepted: string
  /** Files that are being written. */
  readonly incoming: string
  readonly lock: string
  readonly index: string
}

/** The layout of the log of `origin` in `logDirectory` (`<data>/log`). */
export function logLayout(logDirectory: string, origin: string): LogLayout {
  const served = join(logDirectory, safeName(origin))
  const state = `${served}.state`
  return {
    served,
    checkpoint: join(served, 'checkpoint'),
    state,
    record: join(state, 'record'),
    accepted: join(state, 'accepted'),
    incoming: join(state, 'incoming'),
    lock: join(state, 'lock'),
    index: join(state, 'index.db'),
  }
}

/** A name for files of one origin: readable, without a dot in front or a slash, and with a hash so that no two are the same. */
export function safeName(origin: string): string {
  const readable = origin
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '_')
    .slice(0, 60)
  return `${readable}-${createHash('sha256').update(origin).digest('hex').slice(0, 16)}`
}
