/**
 * Advisories in a SQLite file of their own: they are replaced as a whole now and then by another process, and can be imported
 * again if the file is lost. Opened by the node (which only reads) and by the import.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { AppError, wrapError } from '../base/errors.ts'
import type { Advisory } from '../base/osv/advisory.ts'
import type { Purl } from '../base/purl.ts'
import type { AdvisoriesState, AdvisoryDatabase, ImportedRecord, ImportFacts } from './advisories.ts'

const SCHEMA_VERSION = 1
const SCHEMA = `
  CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE records(id TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE affected(
    package TEXT NOT NULL, id TEXT NOT NULL, part INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY(package, id, part)) STRICT, WITHOUT ROWID;`
/** An import holds the write lock for its whole length, but readers go on. */
const BUSY_TIMEOUT_MS = 5_000
const SQLITE_FULL = 13
/** Advisories of one package that are looked at. */
const OF_PACKAGE_MAX = 2_000

/** Opens, or makes, the database at `path`; `:memory:` for tests. @throws damaged.database */
export function openAdvisories(path: string): AdvisoryDatabase {
  let database: DatabaseSync
  try {
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    migrate(database)
  } catch (error) {
    throw wrapError(error, 'damaged.database', `opening ${path}: it cannot be read; remove it and import again`, {
      path,
    })
  }
  return new SqliteAdvisories(database)
}

class SqliteAdvisories implements AdvisoryDatabase {
  readonly #database: DatabaseSync
  readonly #statements: Readonly<Record<'of' | 'record' | 'meta' | 'changed', StatementSync>>
  #changedBy = ''
  #revision = ''

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#statements = {
      of: database.prepare(`SELECT value FROM affected WHERE package = ? ORDER BY id, part LIMIT ${OF_PACKAGE_MAX}`),
      record: database.prepare('SELECT value FROM records WHERE id = ?'),
      meta: database.prepare('SELECT value FROM meta WHERE key = ?'),
      changed: database.prepare('PRAGMA data_version'),
    }
  }

  get revision(): string {
    const changedBy = String(this.#statements.changed.get()?.data_version)
    if (changedBy !== this.#changedBy) {
      this.#changedBy = changedBy
      this.#revision = this.#meta('revision') ?? 'none'
    }
    return this.#revision
  }

  of(purl: Purl): readonly Advisory[] {
    return this.#statements.of.all(keyOf(purl)).map((row) => JSON.parse(String(row.value)) as Advisory)
  }

  record(id: string): Readonly<Record<string, unknown>> | undefined {
    const row = this.#statements.record.get(id)
    return row === undefined ? undefined : (JSON.parse(String(row.value)) as Record<string, unknown>)
  }

  state(): AdvisoriesState {
    const importedAt = this.#meta('importedAtMs')
    return {
      records: Number(this.#meta('records') ?? 0),
      packages: Number(this.#meta('packages') ?? 0),
      importedAtMs: importedAt === undefined ? undefined : Number(importedAt),
      source: this.#meta('source'),
    }
  }

  importAll(records: Iterable<ImportedRecord>, facts: ImportFacts): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      this.#write(records, facts)
      this.#database.exec('COMMIT')
      this.#changedBy = ''
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_FULL) {
        throw new AppError('exhausted.disk', 'importing advisories: the disk is full', { cause: error })
      }
      throw wrapError(error, 'damaged.database', 'importing advisories failed; nothing was changed')
    }
  }

  close(): void {
    this.#database.close()
  }

  #write(records: Iterable<ImportedRecord>, { source, nowMs, keep }: ImportFacts): void {
    if (!keep) this.#database.exec('DELETE FROM records; DELETE FROM affected')
    const forget = this.#database.prepare('DELETE FROM affected WHERE id = ? AND package = ?')
    const putRecord = this.#database.prepare('INSERT OR REPLACE INTO records(id, value) VALUES (?, ?)')
    const put = this.#database.prepare('INSERT OR REPLACE INTO affected(package, id, part, value) VALUES (?, ?, ?, ?)')
    for (const { id, shown, affected } of records) {
      putRecord.run(id, JSON.stringify(shown))
      const parts = new Map<string, number>()
      for (const { purl, advisory } of affected) {
        const key = keyOf(purl)
        const part = parts.get(key) ?? 0
        if (part === 0) forget.run(id, key)
        parts.set(key, part + 1)
        put.run(key, id, part, JSON.stringify(advisory))
      }
    }
    const count = (sql: string) => String(Number(this.#database.prepare(sql).get()?.count))
    const set = this.#database.prepare('INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)')
    set.run('records', count('SELECT count(*) AS count FROM records'))
    set.run('packages', count('SELECT count(DISTINCT package) AS count FROM affected'))
    set.run('importedAtMs', String(nowMs))
    set.run('source', source)
    set.run('revision', `${Number(this.#meta('revision')?.split(' ')[0] ?? 0) + 1} ${nowMs}`)
  }

  #meta(key: string): string | undefined {
    const row = this.#statements.meta.get(key)
    return row === undefined ? undefined : String(row.value)
  }
}

function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
  if (version > SCHEMA_VERSION) {
    throw new AppError(
      'damaged.database',
      `wanted advisories of schema version ${SCHEMA_VERSION}, found ${version}, made by a newer Pyrsia`,
    )
  }
  if (version === 0) database.exec(`BEGIN IMMEDIATE; ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`)
}

/** A package whatever its version and where it was got. */
function keyOf(purl: Purl): string {
  return purl.replace(/[?#].*$/, '').replace(/@[^@/]*$/, '')
}
