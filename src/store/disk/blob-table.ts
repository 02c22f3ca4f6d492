/** The rows of blobs and their aliases: statements kept prepared, rows turned into values. No files, no policy. */
import type { StatementSync } from 'node:sqlite'
import type { BlobId, Digest } from '../../base/digest.ts'
import type { Origin } from '../../base/located.ts'
import type { PieceAlgorithm, PieceManifest } from '../../base/pieces.ts'
import type { ShareLevel } from '../../base/share.ts'
import type { BlobInfo } from '../store.ts'
import type { Database } from './database.ts'

type Row = Record<string, unknown>

/** A blob's row. */
export interface BlobRow {
  readonly info: BlobInfo
  readonly damaged: boolean
}

/** Sums over all rows. */
export interface BlobTotals {
  blobs: number
  bytes: number
  pinnedBytes: number
  damaged: number
}

/** A place in the order of last use. */
export interface UseCursor {
  readonly usedAtMs: number
  readonly rowNumber: number
}

const COLUMNS = 'id, size, media_type, share, origin, names, pins, stored_at, used_at, damaged'

/** Rows that are kept in memory: one request looks a few of them up several times. */
const RECENT_COUNT_MAX = 2_048

/** Queries and changes of blobs' rows. */
export class BlobTable {
  readonly #database: Database
  /** Rows as they stand in the database; whoever changes a row takes it out of here. */
  readonly #recent = new Map<BlobId, BlobRow>()
  readonly #one: StatementSync
  readonly #byAlias: StatementSync
  readonly #pieces: StatementSync
  readonly #put: StatementSync
  readonly #amend: StatementSync
  readonly #epoch: StatementSync
  readonly #nextEpoch: StatementSync
  readonly #putAlias: StatementSync
  readonly #remove: StatementSync
  readonly #removeAlias: StatementSync
  readonly #damage: StatementSync
  readonly #use: StatementSync
  readonly #page: StatementSync
  readonly #eldest: StatementSync
  readonly #ofPrefix: StatementSync
  readonly #verified: StatementSync
  readonly #synced: StatementSync
  readonly #unverified: StatementSync
  readonly #totals: StatementSync

  constructor(database: Database) {
    this.#database = database
    const prepare = (sql: string) => database.prepare(sql)
    this.#one = prepare(`SELECT ${COLUMNS} FROM blobs WHERE id = ?`)
    this.#byAlias = prepare('SELECT id FROM aliases WHERE name = ?')
    this.#pieces = prepare('SELECT id, size, piece_algorithm, piece_hashes FROM blobs WHERE id = ? AND damaged = 0')
    this.#put = prepare(
      `INSERT INTO blobs(${COLUMNS}, pinned, epoch, synced, piece_algorithm, piece_hashes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, ?, ?)
       ON CONFLICT(id) DO UPDATE SET size = excluded.size, media_type = excluded.media_type, share = excluded.share,
         origin = excluded.origin, names = excluded.names, pins = excluded.pins, stored_at = excluded.stored_at,
         used_at = excluded.used_at, damaged = 0, pinned = excluded.pinned, epoch = excluded.epoch, synced = 0,
         piece_algorithm = excluded.piece_algorithm, piece_hashes = excluded.piece_hashes`,
    )
    this.#amend = prepare(
      'UPDATE blobs SET media_type = ?, share = ?, names = ?, pins = ?, pinned = ?, used_at = ? WHERE id = ?',
    )
    this.#epoch = prepare("SELECT value FROM meta WHERE key = 'epoch'")
    this.#nextEpoch = prepare(
      "INSERT INTO meta(key, value) VALUES ('epoch', 1) ON CONFLICT(key) DO UPDATE SET value = value + 1",
    )
    this.#putAlias = prepare('INSERT OR IGNORE INTO aliases(name, id) VALUES (?, ?)')
    this.#remove = prepare('DELETE FROM blobs WHERE id = ?')
    this.#removeAlias = prepare('DELETE FROM aliases WHERE name = ? AND id = ?')
    this.#damage = prepare('UPDATE blobs SET damaged = 1 WHERE id = ?')
    this.#use = prepare('UPDATE blobs SET used_at = ? WHERE id = ?')
    this.#page = prepare(`SELECT ${COLUMNS} FROM blobs WHERE id > ? AND damaged = 0 ORDER BY id LIMIT ?`)
    this.#eldest = prepare(
      `SELECT id, iif(damaged, 0, size) AS size, used_at, rowid AS row_number FROM blobs WHERE pinned = 0 AND (used_at, rowid) > (?, ?)
       ORDER BY used_at, rowid LIMIT 64`,
    )
    this.#ofPrefix = prepare('SELECT id FROM blobs WHERE id >= ? AND id < ? AND damaged = 0')
    this.#verified = prepare('UPDATE blobs SET epoch = ? WHERE id = ?')
    this.#synced = prepare('UPDATE blobs SET synced = 1 WHERE id = ? AND damaged = 0')
    this.#unverified = prepare(
      'SELECT id FROM blobs WHERE id > ? AND epoch < ? AND synced = 0 AND damaged = 0 ORDER BY id LIMIT 64',
    )
    this.#totals = prepare(
      `SELECT count(*) FILTER (WHERE damaged = 0) AS blobs, coalesce(sum(size) FILTER (WHERE damaged = 0), 0) AS bytes,
       coalesce(sum(size) FILTER (WHERE damaged = 0 AND pinned = 1), 0) AS pinned_bytes,
       count(*) FILTER (WHERE damaged = 1) AS damaged FROM blobs`,
    )
  }

  get(id: BlobId): BlobRow | undefined {
    const recent = this.#recent.get(id)
    if (recent !== undefined) return recent
    const row = this.#one.get(id)
    if (row === undefined) return undefined
    const found = { info: infoOf(row), damaged: row.damaged === 1 }
    if (!this.#database.inTransaction) {
      if (this.#recent.size >= RECENT_COUNT_MAX) this.#recent.clear()
      this.#recent.set(id, found)
    }
    return found
  }

  idsOf(alias: Digest): BlobId[] {
    return this.#byAlias.all(alias).map((row) => row.id as BlobId)
  }

  pieces(id: BlobId): PieceManifest | undefined {
    const row = this.#pieces.get(id)
    if (row === undefined) return undefined
    return {
      id,
      sizeBytes: Number(row.size),
      algorithm: row.piece_algorithm as PieceAlgorithm,
      hashes: row.piece_hashes as Uint8Array,
    }
  }

  /** Adds or replaces the row of a blob whose bytes were just verified. */
  put(info: BlobInfo, epoch: number, manifest: PieceManifest): void {
    this.#recent.delete(info.id)
    this.#put.run(
      info.id,
      info.sizeBytes,
      info.mediaType ?? null,
      info.share,
      JSON.stringify(info.origin),
      JSON.stringify(info.names),
      JSON.stringify(info.pins),
      info.storedAtMs,
      info.usedAtMs,
      info.pins.length > 0 ? 1 : 0,
      epoch,
      manifest.algorithm,
      manifest.hashes,
    )
    this.#putAliases(info)
  }

  /** Changes what is known of a blob; its bytes, their manifest and whether they are damaged stay as they are. */
  amend(info: BlobInfo): void {
    const { id, mediaType, share, names, pins, usedAtMs } = info
    const pinned = pins.length > 0 ? 1 : 0
    this.#recent.delete(id)
    this.#amend.run(mediaType ?? null, share, JSON.stringify(names), JSON.stringify(pins), pinned, usedAtMs, id)
    this.#putAliases(info)
  }

  /** The count of crashes of the machine that this store has seen; a blob verified since has the present one. */
  epoch(increase: boolean): number {
    if (increase) this.#nextEpoch.run()
    return Number(this.#epoch.get()?.value ?? 0)
  }

  #putAliases(info: BlobInfo): void {
    for (const name of info.names) if (name !== info.id) this.#putAlias.run(name, info.id)
  }

  remove(info: BlobInfo): void {
    this.#recent.delete(info.id)
    this.#remove.run(info.id)
    for (const name of info.names) this.#removeAlias.run(name, info.id)
  }

  markDamaged(id: BlobId): void {
    this.#recent.delete(id)
    this.#damage.run(id)
  }

  setUsed(id: BlobId, usedAtMs: number): void {
    this.#recent.delete(id)
    this.#use.run(usedAtMs, id)
  }

  setVerified(id: BlobId, epoch: number): void {
    this.#verified.run(epoch, id)
  }

  setSynced(id: BlobId): void {
    this.#synced.run(id)
  }

  page(after: BlobId | undefined, limit: number): BlobInfo[] {
    return this.#page.all(after ?? '', limit).map(infoOf)
  }

  /** Up to 64 blobs without pins after `cursor`, least recently used first. */
  eldest(cursor: UseCursor | undefined): Array<UseCursor & { readonly id: BlobId; readonly sizeBytes: number }> {
    return this.#eldest.all(cursor?.usedAtMs ?? -1, cursor?.rowNumber ?? -1).map((row) => ({
      id: row.id as BlobId,
      sizeBytes: Number(row.size),
      usedAtMs: Number(row.used_at),
      rowNumber: Number(row.row_number),
    }))
  }

  /** Ids of sound blobs whose hex digits begin with `prefix` (two digits). */
  ofPrefix(prefix: string): BlobId[] {
    return this.#ofPrefix.all(`sha256:${prefix}`, `sha256:${prefix}g`).map((row) => row.id as BlobId)
  }

  /** Up to 64 sound blobs after `after` that were last verified before `epoch` and never synced. */
  unverified(after: BlobId | undefined, epoch: number): BlobId[] {
    return this.#unverified.all(after ?? '', epoch).map((row) => row.id as BlobId)
  }

  totals(): BlobTotals {
    const row = this.#totals.get() ?? {}
    return {
      blobs: Number(row.blobs),
      bytes: Number(row.bytes),
      pinnedBytes: Number(row.pinned_bytes),
      damaged: Number(row.damaged),
    }
  }
}

function infoOf(row: Row): BlobInfo {
  return {
    id: row.id as BlobId,
    sizeBytes: Number(row.size),
    names: JSON.parse(String(row.names)) as Digest[],
    mediaType: row.media_type === null ? undefined : String(row.media_type),
    share: row.share as ShareLevel,
    pins: JSON.parse(String(row.pins)) as string[],
    storedAtMs: Number(row.stored_at),
    usedAtMs: Number(row.used_at),
    origin: JSON.parse(String(row.origin)) as Origin,
  }
}
