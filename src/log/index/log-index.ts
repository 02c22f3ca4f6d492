/**
 * Finds entries by purl, digest and kind: a SQLite file of hashes of those words. It is derived from the entries alone, so
 * whatever is odd about it is answered by making it anew, and nothing in it is believed: who looks something up compares the
 * entry itself. Adapter: one of the two files of the log that import node:sqlite.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { encodeHex } from '../disk/sealed.ts'
import type { TreeHead } from '../log.ts'
import { type EntryPlace, type IndexRows, numberOfWord, placeOf } from './rows.ts'

/** An index of the first `head().size` entries of a log. */
export interface LogIndex {
  /** What is indexed. */
  head(): TreeHead & { readonly rootHex: string }
  /** Adds the entries from `head().size` to `to.size`, little by little, and counts them as added at the end. @throws errors of SQLite */
  add(rows: IndexRows, to: TreeHead): Promise<void>
  /** Places under one word of `wordsOf`, from `from` up to `before` (not included), newest first. There may be some that do not have the word. */
  find(word: string, from: number, before: number, limit: number): EntryPlace[]
  /** Forgets everything. */
  clear(): void
  close(): void
}

/** Raised when entries get other words: an older index is made anew. */
const SCHEMA_VERSION = 2
const SCHEMA = `
  CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE words(
    word INTEGER NOT NULL, position INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY(word, position)) STRICT, WITHOUT ROWID;`
/** Rows of one INSERT: most of the cost is the crossing from JavaScript. */
const ROWS_AT_ONCE = 100
/** Statements between which nothing else of the process gets its turn: some 20 ms. */
const STATEMENTS_PER_TURN = 100

/** Opens the index at `path`, or makes it. @throws errors of SQLite, or any other if it is of another log or version */
export function openLogIndex(path: string, origin: string): LogIndex {
  return new SqliteIndex(path, origin)
}

class SqliteIndex implements LogIndex {
  readonly #database: DatabaseSync
  readonly #statements: Readonly<Record<'find' | 'one' | 'many' | 'meta' | 'set', StatementSync>>
  #head: TreeHead & { readonly rootHex: string }

  constructor(path: string, origin: string) {
    this.#database = new DatabaseSync(path)
    try {
      // A crash of the machine may cost the last transactions, never the consistency; the entries are elsewhere.
      this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768')
      this.#migrate(origin)
      this.#statements = this.#prepare()
      this.#head = this.#readHead(origin)
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  head(): TreeHead & { readonly rootHex: string } {
    return this.#head
  }

  async add(rows: IndexRows, to: TreeHead): Promise<void> {
    const head = { ...to, rootHex: encodeHex(to.root) }
    // In the order of the tree that they go to: its pages are then touched once each, and filled from left to right.
    const sorted = rows.sorted(ROWS_AT_ONCE)
    for (let done = false; !done; ) {
      this.#write(() => {
        for (let turn = 0; turn < STATEMENTS_PER_TURN && !done; turn += 1) {
          const { value, done: ended } = sorted.next()
          if (value !== undefined) this.#insert(value)
          done = ended === true
        }
        // Rows beyond the head are not looked at, so a crash in between leaves nothing wrong.
        if (done) this.#statements.set.run('head', `${head.size} ${head.rootHex}`)
      })
      if (!done) await new Promise((resolve) => setImmediate(resolve))
    }
    this.#head = head
  }

  find(word: string, from: number, before: number, limit: number): EntryPlace[] {
    return this.#statements.find
      .all(numberOfWord(word), from, before, limit)
      .map((row) => placeOf(Number(row.position), Number(row.place)))
  }

  clear(): void {
    this.#database.exec(`BEGIN IMMEDIATE; DELETE FROM words; DELETE FROM meta WHERE key = 'head'; COMMIT`)
    this.#head = { size: 0, root: new Uint8Array(0), rootHex: '' }
  }

  close(): void {
    this.#database.close()
  }

  #write(change: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      change()
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  #insert(values: readonly number[]): void {
    if (values.length === 3 * ROWS_AT_ONCE) this.#statements.many.run(...values)
    else for (let at = 0; at < values.length; at += 3) this.#statements.one.run(...values.slice(at, at + 3))
  }

  #prepare(): Readonly<Record<'find' | 'one' | 'many' | 'meta' | 'set', StatementSync>> {
    const insert = 'INSERT OR REPLACE INTO words(word, position, place) VALUES'
    return {
      find: this.#database.prepare(
        'SELECT position, place FROM words WHERE word = ? AND position >= ? AND position < ? ORDER BY position DESC LIMIT ?',
      ),
      one: this.#database.prepare(`${insert} (?, ?, ?)`),
      many: this.#database.prepare(`${insert} ${Array(ROWS_AT_ONCE).fill('(?, ?, ?)').join(', ')}`),
      meta: this.#database.prepare('SELECT value FROM meta WHERE key = ?'),
      set: this.#database.prepare('INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)'),
    }
  }

  #readHead(origin: string): TreeHead & { readonly rootHex: string } {
    if (this.#statements.meta.get('origin')?.value !== origin) throw new Error('an index of another log')
    const [size = '0', rootHex = ''] = String(this.#statements.meta.get('head')?.value ?? '').split(' ')
    return { size: Number(size), root: new Uint8Array(Buffer.from(rootHex, 'hex')), rootHex }
  }

  #migrate(origin: string): void {
    const version = Number(this.#database.prepare('PRAGMA user_version').get()?.user_version)
    if (version === SCHEMA_VERSION) return
    if (version !== 0) throw new Error(`wanted an index of schema version ${SCHEMA_VERSION}, found ${version}`)
    this.#database.exec(`BEGIN IMMEDIATE; ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}`)
    this.#database.prepare('INSERT INTO meta(key, value) VALUES (?, ?)').run('origin', origin)
    this.#database.exec('COMMIT')
  }
}
