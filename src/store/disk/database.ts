/**
 * The metadata database: opening it, the lock that keeps a second process out, the schema and its migrations. Adapter: the
 * only file of the store that imports node:sqlite. WAL without a sync per transaction: a crash of the process loses nothing,
 * a crash of the machine at most the last moments, and never the consistency (docs/decisions/0020-store-layout.md).
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { AppError, wrapError } from '../../base/errors.ts'

/** Schema changes in order; the database's `user_version` counts those that it has. Never edit one that was released. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY) STRICT;
   CREATE TABLE blobs(
     id TEXT PRIMARY KEY, size INTEGER NOT NULL, media_type TEXT, share TEXT NOT NULL, origin TEXT NOT NULL,
     names TEXT NOT NULL, pins TEXT NOT NULL, pinned INTEGER NOT NULL, stored_at INTEGER NOT NULL,
     used_at INTEGER NOT NULL, damaged INTEGER NOT NULL, epoch INTEGER NOT NULL, synced INTEGER NOT NULL,
     piece_algorithm TEXT NOT NULL, piece_hashes BLOB NOT NULL) STRICT;
   CREATE INDEX blobs_by_use ON blobs(used_at) WHERE pinned = 0;
   CREATE TABLE aliases(name TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY(name, id)) STRICT, WITHOUT ROWID;
   CREATE TABLE documents(
     key TEXT PRIMARY KEY, body TEXT, status TEXT NOT NULL, checked_at INTEGER NOT NULL, value TEXT NOT NULL) STRICT;
   CREATE INDEX documents_by_body ON documents(body);
   CREATE INDEX documents_by_age ON documents(status, checked_at);
   CREATE TABLE variants(
     body TEXT NOT NULL, variant TEXT NOT NULL, made TEXT NOT NULL, media_type TEXT NOT NULL,
     PRIMARY KEY(body, variant)) STRICT, WITHOUT ROWID;
   CREATE INDEX variants_by_made ON variants(made);
   CREATE TABLE served(
     identity TEXT PRIMARY KEY, purl TEXT NOT NULL, package TEXT NOT NULL, value TEXT NOT NULL,
     first_at INTEGER NOT NULL, last_at INTEGER NOT NULL) STRICT;
   CREATE INDEX served_by_purl ON served(purl, last_at);
   CREATE INDEX served_by_package ON served(package, last_at);
   CREATE INDEX served_by_age ON served(last_at);
   CREATE TABLE notebook(
     namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, set_order INTEGER NOT NULL,
     PRIMARY KEY(namespace, key)) STRICT, WITHOUT ROWID;
   CREATE INDEX notebook_by_order ON notebook(namespace, set_order);`,
]

const BUSY_TIMEOUT_MS = 2000
const SQLITE_BUSY = 5
const SQLITE_IOERR = 10
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14

/** The database with the few operations that the tables need. */
export class Database {
  /** True if this process made it. */
  readonly fresh: boolean
  readonly #connection: DatabaseSync
  readonly #giveUpReserve: () => boolean

  /** Opens and migrates; `giveUpReserve` makes a little room on a full disk, false if it cannot. @throws damaged.database, exhausted.disk, unavailable.storage */
  constructor(path: string, giveUpReserve: () => boolean) {
    this.#giveUpReserve = giveUpReserve
    try {
      this.#connection = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
      this.#connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384')
      this.fresh = this.#migrate(path)
    } catch (error) {
      throw wrapError(
        fileSystemFailure(error, `opening ${path}`) ?? error,
        'damaged.database',
        `opening ${path}: it cannot be read; move it away to start with an empty store`,
        { path },
      )
    }
  }

  /** True within `write`: what is read may yet be taken back. */
  get inTransaction(): boolean {
    return this.#connection.isTransaction
  }

  /** A statement; its owner keeps it. */
  prepare(sql: string): StatementSync {
    return this.#connection.prepare(sql)
  }

  /** Runs `change` in one transaction; nothing of it stays if it throws. @throws exhausted.disk, unavailable.storage, damaged.database */
  write<T>(change: () => T): T {
    // A change inside a change is part of the outer one.
    if (this.#connection.isTransaction) return change()
    try {
      return this.#attempt(change)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'exhausted.disk' || !this.#giveUpReserve()) throw error
      return this.#attempt(change)
    }
  }

  #attempt<T>(change: () => T): T {
    try {
      this.#connection.exec('BEGIN IMMEDIATE')
      const result = change()
      this.#connection.exec('COMMIT')
      return result
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK')
      throw wrapError(
        fileSystemFailure(error, 'writing metadata') ?? error,
        'damaged.database',
        'writing metadata failed',
      )
    }
  }

  /** Makes all that was written so far durable against a crash of the machine. */
  checkpoint(): void {
    this.#connection.exec('PRAGMA wal_checkpoint(PASSIVE)')
  }

  close(): void {
    this.#connection.close()
  }

  #migrate(path: string): boolean {
    const version = Number(this.#connection.prepare('PRAGMA user_version').get()?.user_version)
    if (version > MIGRATIONS.length) {
      throw new AppError(
        'damaged.database',
        `opening ${path}: wanted a schema of version ${MIGRATIONS.length} or older, found ${version}, made by a newer Pyrsia`,
        { data: { path, wantedVersion: MIGRATIONS.length, foundVersion: version } },
      )
    }
    for (const [index, sql] of MIGRATIONS.entries()) {
      if (index < version) continue
      this.#connection.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${index + 1}; COMMIT`)
    }
    return version === 0
  }
}

/** Keeps other processes (and a second store of this one) out of a directory; the kernel ends it with the process. */
export interface DirectoryLock {
  release(): void
}

/** Takes the lock, which is SQLite's own on an otherwise empty file. @throws conflict.running */
export function lockDirectory(path: string, holder: () => string | undefined): DirectoryLock {
  const connection = new DatabaseSync(path, { timeout: 0 })
  try {
    connection.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    connection.close()
    if (errorNumber(error) !== SQLITE_BUSY) {
      const failure = fileSystemFailure(error, `locking ${path}`)
      if (failure !== undefined) throw failure
      throw wrapError(error, 'damaged.database', `locking ${path}: it is no lock file of Pyrsia; remove it`, { path })
    }
    const pid = holder()
    throw new AppError(
      'conflict.running',
      `${path} is held by another process${pid === undefined ? '' : ` (pid ${pid})`}`,
      {
        data: { path, pid },
      },
    )
  }
  return {
    release() {
      connection.exec('ROLLBACK')
      connection.close()
    },
  }
}

function errorNumber(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined
}

/** What is not the database's fault: a full disk (which some of SQLite's calls report as a failed one), or one that fails. */
function fileSystemFailure(error: unknown, doing: string): AppError | undefined {
  // The low byte is the plain code; what is above it says in which call.
  const plain = (errorNumber(error) ?? 0) & 0xff
  if (plain === SQLITE_FULL) return new AppError('exhausted.disk', `${doing}: the disk is full`, { cause: error })
  if (plain !== SQLITE_IOERR && plain !== SQLITE_CANTOPEN) return undefined
  return new AppError('unavailable.storage', `${doing}: the file system refused; is the disk full?`, { cause: error })
}
