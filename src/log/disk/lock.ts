/**
 * Keeps a second process (and a second log of this one) away from a log's directory: two that sign would sign two histories.
 * SQLite's lock on an otherwise empty file, which the kernel drops with the process. Adapter: imports node:sqlite.
 */
import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../base/errors.ts'

/** A lock that is held. */
export interface LogLock {
  release(): void
}

/** Takes the lock at `path`. @throws conflict.running, unavailable.storage */
export function lockLog(path: string): LogLock {
  let connection: DatabaseSync | undefined
  try {
    connection = new DatabaseSync(path, { timeout: 0 })
    connection.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    connection?.close()
    const busy = error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
    if (busy) throw new AppError('conflict.running', `${path} is held by another process`, { data: { path } })
    throw new AppError('unavailable.storage', `locking ${path} failed`, { data: { path }, cause: error })
  }
  const held = connection
  return {
    release() {
      held.exec('ROLLBACK')
      held.close()
    },
  }
}

const SQLITE_BUSY = 5
