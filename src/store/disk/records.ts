/**
 * The rows that are no blobs: documents and their variants, notebook, served facts; with the bounds of `bounds.ts`. Served
 * facts are written in batches: a crash of the process may lose those of the last two seconds.
 */
import type { StatementSync } from 'node:sqlite'
import type { BlobId } from '../../base/digest.ts'
import type { DocumentKey, StoredDocument } from '../../base/document.ts'
import { type Purl, purlParts } from '../../base/purl.ts'
import { SERVED_ALL_COUNT_MAX, SERVED_REPLY_COUNT_MAX, type StoreBounds } from '../bounds.ts'
import { notebookText, packageOf, pageOf, type ShelfBlobs, servedKey } from '../facts.ts'
import type { DocumentShelf, Notebook, ServedFact } from '../store.ts'
import type { Database } from './database.ts'

/** Documents and variants that are kept in memory, each: one request looks a few of them up several times. */
const RECENT_COUNT_MAX = 2_048

/** Documents and variants in the database. */
export class DiskShelf implements DocumentShelf {
  /** As they stand in the database; whoever changes one takes it out of here. */
  readonly #recent = new Map<DocumentKey, StoredDocument>()
  readonly #recentVariants = new Map<string, { readonly id: BlobId; readonly mediaType: string }>()
  readonly #database: Database
  readonly #bounds: StoreBounds
  readonly #blobs: ShelfBlobs
  readonly #statements: Readonly<
    Record<'get' | 'put' | 'delete' | 'list' | 'count' | 'oldest' | 'ofBody' | 'forgetBody', StatementSync>
  >
  readonly #variants: Readonly<Record<'get' | 'put' | 'ofBody' | 'forget', StatementSync>>
  #count: number

  constructor(database: Database, bounds: StoreBounds, blobs: ShelfBlobs) {
    this.#database = database
    this.#bounds = bounds
    this.#blobs = blobs
    this.#statements = {
      get: database.prepare('SELECT value FROM documents WHERE key = ?'),
      put: database.prepare(
        'INSERT OR REPLACE INTO documents(key, body, status, checked_at, value) VALUES (?, ?, ?, ?, ?)',
      ),
      delete: database.prepare('DELETE FROM documents WHERE key = ?'),
      list: database.prepare('SELECT key FROM documents WHERE key > ? ORDER BY key LIMIT ?'),
      count: database.prepare('SELECT count(*) AS count FROM documents'),
      // 'absent' sorts before 'found'.
      oldest: database.prepare('SELECT key FROM documents ORDER BY status, checked_at LIMIT 1'),
      ofBody: database.prepare('SELECT 1 FROM documents WHERE body = ? LIMIT 1'),
      forgetBody: database.prepare('DELETE FROM documents WHERE body = ?'),
    }
    this.#variants = {
      get: database.prepare('SELECT made, media_type FROM variants WHERE body = ? AND variant = ?'),
      put: database.prepare('INSERT OR REPLACE INTO variants(body, variant, made, media_type) VALUES (?, ?, ?, ?)'),
      ofBody: database.prepare('SELECT made FROM variants WHERE body = ?'),
      forget: database.prepare('DELETE FROM variants WHERE body = ?1 OR made = ?1'),
    }
    this.#count = Number(this.#statements.count.get()?.count)
  }

  get(key: DocumentKey): StoredDocument | undefined {
    const found = this.#read(key)
    if (found?.body !== undefined && !this.#blobs.has(found.body)) return undefined
    return found
  }

  put(document: StoredDocument): void {
    this.#database.write(() => {
      const former = this.#read(document.key)
      this.#write(document)
      if (former === undefined) this.#count += 1
      else this.#releaseBody(former.body)
      while (this.#count > this.#bounds.documentCountMax) {
        const oldest = this.#statements.oldest.get()
        if (oldest === undefined) break
        this.delete(String(oldest.key))
      }
    })
  }

  confirm(key: DocumentKey, checkedAtMs: number, headers?: Readonly<Record<string, string>>): void {
    this.#database.write(() => {
      const found = this.#read(key)
      if (found !== undefined) this.#write({ ...found, checkedAtMs, headers: { ...found.headers, ...headers } })
    })
  }

  delete(key: DocumentKey): void {
    this.#database.write(() => {
      const former = this.#read(key)
      if (former === undefined) return
      this.#recent.delete(key)
      this.#statements.delete.run(key)
      this.#count -= 1
      this.#releaseBody(former.body)
    })
  }

  list({ after = '', limit }: { readonly after?: DocumentKey; readonly limit: number }): StoredDocument[] {
    return pageOf(this.#keysAfter(after, limit), limit, (key) => this.get(key))
  }

  variant(body: BlobId, variant: string): { readonly id: BlobId; readonly mediaType: string } | undefined {
    const made = this.#readVariant(body, variant)
    return made !== undefined && this.#blobs.has(made.id) ? made : undefined
  }

  putVariant(body: BlobId, variant: string, made: { readonly id: BlobId; readonly mediaType: string }): void {
    this.#recentVariants.delete(`${body} ${variant}`)
    this.#database.write(() => this.#variants.put.run(body, variant, made.id, made.mediaType))
  }

  /** Drops what depends on a blob that is being removed; part of the caller's transaction. */
  forget(id: BlobId): void {
    this.#recent.clear()
    this.#recentVariants.clear()
    this.#variants.forget.run(id)
    this.#count -= Number(this.#statements.forgetBody.run(id).changes)
  }

  *#keysAfter(after: DocumentKey, limit: number): Generator<DocumentKey> {
    for (let last = after; ; ) {
      const keys = this.#statements.list.all(last, limit).map(({ key }) => String(key))
      yield* keys
      last = keys.at(-1) ?? last
      if (keys.length < limit) return
    }
  }

  #read(key: DocumentKey): StoredDocument | undefined {
    const recent = this.#recent.get(key)
    if (recent !== undefined) return recent
    const row = this.#statements.get.get(key)
    if (row === undefined) return undefined
    const { body, ...rest } = JSON.parse(String(row.value)) as StoredDocument
    return this.#remember(this.#recent, key, { ...rest, body })
  }

  #readVariant(body: BlobId, variant: string): { readonly id: BlobId; readonly mediaType: string } | undefined {
    const key = `${body} ${variant}`
    const recent = this.#recentVariants.get(key)
    if (recent !== undefined) return recent
    const row = this.#variants.get.get(body, variant)
    if (row === undefined) return undefined
    return this.#remember(this.#recentVariants, key, { id: row.made as BlobId, mediaType: String(row.media_type) })
  }

  /** What is read within a change may yet be taken back. */
  #remember<K, V>(recent: Map<K, V>, key: K, found: V): V {
    if (this.#database.inTransaction) return found
    if (recent.size >= RECENT_COUNT_MAX) recent.clear()
    recent.set(key, found)
    return found
  }

  #write(document: StoredDocument): void {
    const { key, body, status, checkedAtMs } = document
    this.#recent.delete(key)
    this.#statements.put.run(key, body ?? null, status, checkedAtMs, JSON.stringify(document))
  }

  #releaseBody(body: BlobId | undefined): void {
    if (body === undefined || this.#statements.ofBody.get(body) !== undefined) return
    this.#blobs.release([body, ...this.#variants.ofBody.all(body).map((row) => row.made as BlobId)])
  }
}

function recentKey(namespace: string, key: string): string {
  return `${namespace}\n${key}`
}

/** Longer texts of notes are not kept in memory, characters. */
const RECENT_TEXT_MAX = 2_048

/** The notebook in the database. */
export class DiskNotebook implements Notebook {
  readonly #database: Database
  readonly #bounds: StoreBounds
  readonly #get: StatementSync
  readonly #set: StatementSync
  readonly #delete: StatementSync
  readonly #all: StatementSync
  readonly #count: StatementSync
  readonly #counts = new Map<string, number>()
  /** Texts of values as they stand in the database; undefined: there is none. */
  readonly #recent = new Map<string, string | undefined>()
  readonly #trim: StatementSync

  constructor(database: Database, bounds: StoreBounds) {
    this.#database = database
    this.#bounds = bounds
    this.#get = database.prepare('SELECT value FROM notebook WHERE namespace = ? AND key = ?')
    this.#set = database.prepare(
      `INSERT OR REPLACE INTO notebook(namespace, key, value, set_order)
       VALUES (?1, ?2, ?3, (SELECT coalesce(max(set_order), 0) + 1 FROM notebook WHERE namespace = ?1))`,
    )
    this.#delete = database.prepare('DELETE FROM notebook WHERE namespace = ? AND key = ?')
    this.#all = database.prepare('SELECT key, value FROM notebook WHERE namespace = ? ORDER BY key')
    this.#count = database.prepare('SELECT count(*) AS count FROM notebook WHERE namespace = ?')
    this.#trim = database.prepare(
      `DELETE FROM notebook WHERE namespace = ?1 AND key =
         (SELECT key FROM notebook WHERE namespace = ?1 ORDER BY set_order LIMIT 1)`,
    )
  }

  get(namespace: string, key: string): unknown {
    const text = this.#text(namespace, key)
    return text === undefined ? undefined : JSON.parse(text)
  }

  #text(namespace: string, key: string): string | undefined {
    const name = recentKey(namespace, key)
    if (this.#recent.has(name)) return this.#recent.get(name)
    const row = this.#get.get(namespace, key)
    const text = row === undefined ? undefined : String(row.value)
    // What is read within a change may yet be taken back; a long one would fill the memory.
    if (this.#database.inTransaction || (text?.length ?? 0) > RECENT_TEXT_MAX) return text
    if (this.#recent.size >= RECENT_COUNT_MAX) this.#recent.clear()
    this.#recent.set(name, text)
    return text
  }

  set(namespace: string, key: string, value: unknown): void {
    const text = notebookText(namespace, key, value, this.#bounds.notebookValueBytesMax)
    this.#database.write(() => {
      // Others may be trimmed with it.
      this.#recent.clear()
      const known = this.#get.get(namespace, key) !== undefined
      let count = this.#countOf(namespace)
      this.#set.run(namespace, key, text)
      if (!known) count += 1
      for (; count > this.#bounds.notebookCountMax; count -= 1) this.#trim.run(namespace)
      this.#counts.set(namespace, count)
    })
  }

  delete(namespace: string, key: string): void {
    this.#recent.clear()
    const { changes } = this.#database.write(() => this.#delete.run(namespace, key))
    this.#counts.set(namespace, this.#countOf(namespace) - (this.#counts.has(namespace) ? Number(changes) : 0))
  }

  #countOf(namespace: string): number {
    return this.#counts.get(namespace) ?? Number(this.#count.get(namespace)?.count)
  }

  entries(namespace: string): Array<readonly [key: string, value: unknown]> {
    return this.#all.all(namespace).map((row) => [String(row.key), JSON.parse(String(row.value))])
  }
}

/** Served facts: collected in memory, written by `flush`. */
export class DiskServed {
  readonly #database: Database
  readonly #bounds: StoreBounds
  readonly #put: StatementSync
  readonly #known: StatementSync
  readonly #trim: StatementSync
  readonly #ofPurl: StatementSync
  readonly #ofPackage: StatementSync
  readonly #ofAll: StatementSync
  readonly #waiting = new Map<string, ServedFact>()
  #count: number

  constructor(database: Database, bounds: StoreBounds) {
    this.#database = database
    this.#bounds = bounds
    this.#put = database.prepare(
      `INSERT INTO served(identity, purl, package, value, first_at, last_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT(identity) DO UPDATE SET value = excluded.value, last_at = excluded.last_at`,
    )
    this.#known = database.prepare('SELECT 1 FROM served WHERE identity = ?')
    this.#trim = database.prepare(
      'DELETE FROM served WHERE rowid IN (SELECT rowid FROM served ORDER BY last_at, rowid LIMIT ?)',
    )
    this.#count = Number(database.prepare('SELECT count(*) AS count FROM served').get()?.count)
    const columns = 'SELECT value, first_at, last_at FROM served WHERE'
    this.#ofPurl = database.prepare(
      `${columns} purl = ? ORDER BY last_at DESC, rowid DESC LIMIT ${SERVED_REPLY_COUNT_MAX}`,
    )
    this.#ofAll = database.prepare(`${columns} true ORDER BY last_at DESC, rowid DESC LIMIT ${SERVED_ALL_COUNT_MAX}`)
    this.#ofPackage = database.prepare(
      `${columns} package = ? ORDER BY last_at DESC, rowid DESC LIMIT ${SERVED_REPLY_COUNT_MAX}`,
    )
  }

  /** Facts that are not yet written. */
  get waitingCount(): number {
    return this.#waiting.size
  }

  record(fact: Omit<ServedFact, 'firstAtMs' | 'lastAtMs'>, nowMs: number): void {
    const key = servedKey(fact)
    const firstAtMs = this.#waiting.get(key)?.firstAtMs ?? nowMs
    this.#waiting.set(key, { ...fact, firstAtMs, lastAtMs: nowMs })
  }

  /** Forgets what was collected and cannot be written. */
  drop(): void {
    this.#waiting.clear()
  }

  /** Writes what was collected. */
  flush(): void {
    if (this.#waiting.size === 0) return
    this.#database.write(() => {
      let count = this.#count
      for (const [key, { firstAtMs, lastAtMs, ...fact }] of this.#waiting) {
        if (this.#known.get(key) === undefined) count += 1
        this.#put.run(key, fact.purl, packageOf(fact.purl), JSON.stringify(fact), firstAtMs, lastAtMs)
      }
      const excess = count - this.#bounds.servedCountMax
      if (excess > 0) this.#trim.run(excess)
      this.#count = Math.min(count, this.#bounds.servedCountMax)
    })
    this.#waiting.clear()
  }

  served(purl: Purl | undefined): ServedFact[] {
    this.flush()
    return this.#rowsOf(purl).map((row) => ({
      ...(JSON.parse(String(row.value)) as Omit<ServedFact, 'firstAtMs' | 'lastAtMs'>),
      firstAtMs: Number(row.first_at),
      lastAtMs: Number(row.last_at),
    }))
  }

  #rowsOf(purl: Purl | undefined): ReturnType<StatementSync['all']> {
    if (purl === undefined) return this.#ofAll.all()
    const wholePackage = purlParts(purl).version === undefined
    return wholePackage ? this.#ofPackage.all(packageOf(purl)) : this.#ofPurl.all(purl)
  }
}
