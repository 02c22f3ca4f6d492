/**
 * The store on disk: files named by their digest, metadata in SQLite, both below one directory that one process holds. Built
 * by `main/wire.ts`. The rooms are in `disk/`: writer, reader, recovery, tables. It does not decide what to keep beyond its
 * size limit, repair or announce anything: `keep/` does.
 */
import { join } from 'node:path'
import type { Clock, Logger, Random } from '../base/clock.ts'
import { type BlobId, type Digest, isBlobId } from '../base/digest.ts'
import { AppError, assert, errorChain, throwIfAborted } from '../base/errors.ts'
import { PIECE_ALGORITHM } from '../base/piece-hash.ts'
import { PIECE_BYTES, type PieceManifest } from '../base/pieces.ts'
import type { Purl } from '../base/purl.ts'
import { widerShare } from '../base/share.ts'
import { type BoundOptions, boundsOf, type StoreBounds } from './bounds.ts'
import { arrivedInfo, isNews } from './disk/admission.ts'
import { Background } from './disk/background.ts'
import { type BlobRow, BlobTable, type BlobTotals } from './disk/blob-table.ts'
import { BufferPool } from './disk/buffers.ts'
import { Database, type DirectoryLock, lockDirectory } from './disk/database.ts'
import { diskFailure, type Files, isDiskFull, nodeFiles, syncPath } from './disk/files.ts'
import { type Layout, layoutOf } from './disk/layout.ts'
import { CheckedPieces } from './disk/reading/checked-pieces.ts'
import { type CheckedSource, checkAllPieces, readFailure } from './disk/reading/checked-stream.ts'
import { OpenFiles } from './disk/reading/open-files.ts'
import { fileReader, keptReader } from './disk/reading/readers.ts'
import { DiskNotebook, DiskServed, DiskShelf } from './disk/records.ts'
import { Marker, recover } from './disk/recovery.ts'
import { Reserve, Room } from './disk/room.ts'
import { UseLog } from './disk/uses.ts'
import { DiskWriter, type WriterHost, type WrittenFile } from './disk/writer.ts'
import { checkExpectation, judge } from './expectation.ts'
import { News } from './news.ts'
import { scrubBlobs } from './scrub.ts'
import type {
  BlobExpectation,
  BlobFacts,
  BlobInfo,
  BlobReader,
  BlobWriter,
  CollectReport,
  ScrubReport,
  ServedFact,
  Store,
  StoreEvent,
  StoreUsage,
} from './store.ts'

/** Options of the disk store. */
export interface DiskOptions extends BoundOptions {
  /** Made with mode 0700 if it is not there. */
  readonly directory: string
}

/** What the disk store needs; `files` only differs in tests. */
export interface DiskDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly files?: Files
}

/**
 * Opens the store below `directory`, or makes it. Resolves at once however much is in it; what an unclean boot left is put
 * right in the background. @throws conflict.running, damaged.database, exhausted.disk
 */
export async function createDiskStore(options: DiskOptions, dependencies: DiskDependencies): Promise<Store> {
  const files = dependencies.files ?? nodeFiles
  const layout = layoutOf(options.directory)
  files.makeDirectoryNow(layout.directory)
  files.makeDirectoryNow(layout.incoming)
  files.makeDirectoryNow(layout.blobs)
  // For their mode: an empty file is an empty database.
  for (const path of [layout.database, layout.lock]) files.touchNow(path)
  const lock = lockDirectory(layout.lock, () => files.textNow(layout.marker)?.split(' ')[0])
  try {
    const store = new DiskStore(layout, boundsOf(options), lock, files, dependencies)
    await store.opened
    return store
  } catch (error) {
    lock.release()
    throw error
  }
}

class DiskStore implements Store {
  readonly documents: DiskShelf
  readonly notebook: DiskNotebook
  /** Resolves when there is room to begin with. */
  readonly opened: Promise<unknown>
  readonly #layout: Layout
  readonly #bounds: StoreBounds
  readonly #lock: DirectoryLock
  readonly #files: Files
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #database: Database
  readonly #table: BlobTable
  readonly #served: DiskServed
  readonly #buffers = new BufferPool()
  readonly #writers = new Set<DiskWriter>()
  readonly #open: OpenFiles
  readonly #kept: CheckedPieces
  readonly #uses: UseLog
  readonly #room: Room
  readonly #reserve: Reserve
  readonly #news: News
  readonly #marker: Marker
  readonly #background: Background
  readonly #closing = new AbortController()
  readonly #runPrefix: string
  readonly #epoch: number
  readonly #totals: BlobTotals
  #tidy = true
  #fileCount = 0
  #leavingBytes = 0

  constructor(layout: Layout, bounds: StoreBounds, lock: DirectoryLock, files: Files, dependencies: DiskDependencies) {
    this.#layout = layout
    this.#bounds = bounds
    this.#lock = lock
    this.#files = files
    this.#clock = dependencies.clock
    this.#open = new OpenFiles(files, this.#clock)
    this.#kept = new CheckedPieces(this.#clock)
    this.#logger = dependencies.logger
    this.#news = new News(dependencies.logger)
    this.#marker = new Marker(files, layout.marker, dependencies.logger)
    this.#background = new Background(dependencies.logger)
    this.#runPrefix = `${Buffer.from(dependencies.random.bytes(8)).toString('hex')}-`
    this.#reserve = new Reserve(files, layout.reserve)
    this.#database = new Database(layout.database, () => this.#reserve.giveUp())
    this.#table = new BlobTable(this.#database)
    this.#totals = this.#table.totals()
    this.#served = new DiskServed(this.#database, bounds)
    this.#uses = new UseLog(this.#database, this.#table, this.#served, this.#clock, this.#logger)
    this.#room = this.#makeRoom()
    this.notebook = new DiskNotebook(this.#database, bounds)
    this.documents = new DiskShelf(this.#database, bounds, {
      has: (id) => this.#table.get(id)?.damaged === false,
      release: (ids) => this.#uses.reset(ids),
    })
    this.opened = this.#room.makeToStart()
    this.#epoch = this.#boot()
  }

  lookup(name: Digest): BlobInfo | undefined {
    for (const id of isBlobId(name) ? [name] : this.#table.idsOf(name)) {
      const row = this.#table.get(id)
      if (row !== undefined && !row.damaged) return this.#uses.latest(row.info)
    }
    return undefined
  }

  async open(id: BlobId): Promise<BlobReader> {
    const row = this.#table.get(id)
    if (row === undefined) throw new AppError('absent.blob', `opening ${id}: it is not in the store`)
    if (row.damaged) throw new AppError('damaged.blob', `opening ${id}: it is damaged and out of service`)
    const kept = row.info.sizeBytes <= PIECE_BYTES ? this.#kept.get(id, 0) : undefined
    if (kept !== undefined) return keptReader(this.#uses.touch(row.info), kept)
    const source = await this.#source(id, this.#kept)
    return fileReader(this.#uses.touch(row.info), source)
  }

  pieces(id: BlobId): PieceManifest | undefined {
    return this.#table.pieces(id)
  }

  async begin(expectation: BlobExpectation): Promise<BlobWriter> {
    throwIfAborted(this.#closing.signal)
    checkExpectation(expectation)
    this.#room.makeFor(expectation.sizeBytes ?? 0)
    const writer = new DiskWriter(this.#newFile(), expectation, this.#writerHost())
    this.#writers.add(writer)
    return writer
  }

  amend(id: BlobId, facts: { readonly share?: BlobFacts['share']; readonly mediaType?: string }): void {
    const row = this.#table.get(id)
    if (row === undefined || row.damaged) return
    const share = widerShare(row.info.share, facts.share ?? 'none')
    const mediaType = row.info.mediaType ?? facts.mediaType
    if (share === row.info.share && mediaType === row.info.mediaType) return
    const info = { ...this.#uses.latest(row.info), share, mediaType }
    this.#database.write(() => this.#table.amend(info))
    if (share !== row.info.share) this.#news.tell({ kind: 'added', blob: info })
  }

  async remove(id: BlobId): Promise<void> {
    await this.#removeAll([id])
  }

  pin(id: BlobId, label: string): void {
    const row = this.#table.get(id)
    if (row === undefined) throw new AppError('absent.blob', `pinning ${id}: it is not in the store`)
    this.#setPins(id, [...new Set([...row.info.pins, label])].sort())
    if (!row.damaged) this.#background.add(this.#sync(id), `syncing ${id}`)
  }

  unpin(id: BlobId, label: string): void {
    const others = this.#table.get(id)?.info.pins.filter((other) => other !== label)
    this.#setPins(id, others ?? [])
  }

  list(options: { readonly after?: BlobId; readonly limit: number }): BlobInfo[] {
    return this.#table.page(options.after, options.limit).map((info) => this.#uses.latest(info))
  }

  async collect(options: { readonly toBytes?: number } = {}): Promise<CollectReport> {
    const before = this.#totals.bytes
    const { removed, done } = this.#room.evict(options.toBytes ?? this.#bounds.limitBytes * this.#bounds.lowWatermark)
    await done
    return { removedBlobs: removed, removedBytes: before - this.#totals.bytes, keptBytes: this.#totals.bytes }
  }

  async scrub(options: Parameters<Store['scrub']>[0]): Promise<ScrubReport> {
    return await scrubBlobs(options, {
      lookup: (id) => this.lookup(id),
      page: (after) => this.#table.page(after, 64),
      totalBytes: this.#totals.bytes,
      verify: (id, progress) => this.#verify(id, progress, options.signal),
    })
  }

  usage(): StoreUsage {
    return {
      ...this.#totals,
      writingBytes: this.#writingBytes(),
      limitBytes: this.#bounds.limitBytes,
      freeBytes: this.#files.freeBytesNow(this.#layout.directory),
    }
  }

  record(fact: Omit<ServedFact, 'firstAtMs' | 'lastAtMs'>): void {
    this.#uses.record(fact)
  }

  served(purl?: Purl): ServedFact[] {
    return this.#served.served(purl)
  }

  watch(listener: (event: StoreEvent) => void): () => void {
    return this.#news.watch(listener)
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort(new AppError('aborted.shutdown', 'the store is closing'))
    await Promise.all([...this.#writers].map((writer) => writer.ended))
    await this.#background.idle()
    this.#open.close()
    this.#kept.clear()
    this.#news.close()
    this.#uses.flush()
    this.#database.close()
    if (this.#tidy) this.#marker.remove()
    this.#lock.release()
  }

  /** Finds out how the last run ended, marks this one, and starts what must be put right. The epoch of this run. */
  #boot(): number {
    const marker = this.#marker.found
    const epoch = this.#table.epoch(marker === 'other-boot')
    this.#marker.write(marker !== 'other-boot')
    if (marker === undefined && !this.#database.fresh) return epoch
    this.#tidy = false
    this.#background.add(this.#recover(epoch), 'recovering after an unclean boot')
    return epoch
  }

  async #recover(epoch: number): Promise<void> {
    const report = await recover(
      {
        files: this.#files,
        layout: this.#layout,
        runPrefix: this.#runPrefix,
        idsOf: (twoDigits) => this.#table.ofPrefix(twoDigits),
        has: (id) => this.#table.get(id)?.damaged === false,
        lost: (id) => this.#damage(id, 'its file is gone'),
        unverified: (after) => this.#table.unverified(after, epoch),
        verify: async (id, signal) => void (await this.#verify(id, () => {}, signal)),
      },
      this.#closing.signal,
    )
    this.#tidy = true
    this.#marker.recovered(report)
  }

  /** Reads a blob whole; remembers that it is sound. */
  async #verify(
    id: BlobId,
    progress: (bytes: number) => void,
    signal: AbortSignal | undefined,
  ): Promise<'sound' | 'damaged' | 'gone'> {
    throwIfAborted(signal)
    if (this.lookup(id) === undefined) return 'gone'
    let source: CheckedSource
    try {
      source = await this.#source(id)
    } catch (error) {
      if (error instanceof AppError && error.code === 'damaged.blob') return 'damaged'
      throw error
    }
    try {
      if (!(await checkAllPieces(source, progress, signal))) return 'damaged'
      this.#database.write(() => this.#table.setVerified(id, this.#epoch))
      return 'sound'
    } finally {
      source.file.leave()
    }
  }

  /** An open file (joined; the caller leaves) with what its streams need. @throws damaged.blob, unavailable.storage */
  async #source(id: BlobId, kept?: CheckedPieces): Promise<CheckedSource> {
    const manifest = this.#table.pieces(id)
    assert(manifest !== undefined, `${id} has a row`)
    const file = this.#open.of(id, this.#layout.blob(id))
    const source: CheckedSource = {
      file,
      manifest,
      files: this.#files,
      buffers: this.#buffers,
      kept,
      // A file that was replaced meanwhile says nothing about the one in service.
      damaged: (reason) => void (this.#open.serves(id, file) && this.#damage(id, reason)),
    }
    try {
      await file.join()
      return source
    } catch (error) {
      const failure = readFailure(error, source)
      file.leave()
      throw failure
    }
  }

  #writerHost(): WriterHost {
    return {
      files: this.#files,
      buffers: this.#buffers,
      grow: (extraBytes) => this.#room.make(extraBytes),
      create: (path) => this.#room.orMake(() => this.#files.open(path, 'create')),
      store: (fd, bytes, position) => this.#room.orMake(() => this.#files.write(fd, bytes, position)),
      admit: (file, expectation, facts) => this.#admit(file, expectation, facts),
      end: (writer) => this.#writers.delete(writer),
    }
  }

  /** Checks, renames in and records, in one go of the event loop: nothing can come between file and row. */
  #admit(file: WrittenFile, expectation: BlobExpectation, facts: BlobFacts): BlobInfo {
    const { id, names } = judge(expectation, file.digests, file.sizeBytes)
    const row = this.#table.get(id)
    const sound = row !== undefined && !row.damaged
    const nowMs = this.#clock.nowMs()
    const info = arrivedInfo({ before: row?.info, sound, sizeBytes: file.sizeBytes, names, facts, nowMs })
    if (sound) {
      this.#database.write(() => this.#table.amend(info))
      this.#background.add(this.#files.unlink(file.path), 'dropping a second copy')
    } else {
      const manifest = { id, sizeBytes: file.sizeBytes, algorithm: PIECE_ALGORITHM, hashes: file.pieceHashes }
      this.#install(file.path, info, manifest)
      this.#count(info, 1)
      if (row !== undefined) this.#totals.damaged -= 1
      if (info.pins.length > 0) this.#background.add(this.#sync(id), `syncing ${id}`)
    }
    if (isNews(row?.info, sound, info)) this.#news.tell({ kind: 'added', blob: info })
    return info
  }

  #install(from: string, info: BlobInfo, manifest: PieceManifest): void {
    const path = this.#layout.blob(info.id)
    try {
      this.#files.makeDirectoryNow(this.#layout.prefix(info.id.slice(7, 9)))
      this.#files.renameNow(from, path)
      try {
        this.#room.orMakeNow(() => this.#database.write(() => this.#table.put(info, this.#epoch, manifest)))
      } catch (error) {
        this.#files.removeNow(path)
        throw error
      }
    } catch (error) {
      throw diskFailure(error, `storing ${info.id}`)
    }
  }

  /** Takes blobs out at once; resolves when their files are gone. @throws exhausted.disk, at once */
  #removeAll(ids: readonly BlobId[]): Promise<unknown> {
    let gone: BlobRow[]
    try {
      gone = this.#removeRows(ids)
    } catch (error) {
      if (!isDiskFull(error)) throw error
      // Forgetting needs room too: the files go first. A row without its file is damage to whoever opens it.
      for (const id of ids) if (this.#table.get(id)?.damaged === false) this.#files.removeNow(this.#layout.blob(id))
      gone = this.#removeRows(ids)
    }
    const unlinking = gone.map(({ info, damaged }) => {
      if (damaged) this.#totals.damaged -= 1
      else this.#count(info, -1)
      this.#uses.forget(info.id)
      if (damaged) return undefined
      this.#leavingBytes += info.sizeBytes
      return this.#discard(info.id).finally(() => {
        this.#leavingBytes -= info.sizeBytes
      })
    })
    for (const { info } of gone) this.#news.tell({ kind: 'removed', id: info.id, names: info.names })
    return Promise.all(unlinking)
  }

  #removeRows(ids: readonly BlobId[]): BlobRow[] {
    return this.#database.write(() => {
      const rows = ids.flatMap((id) => this.#table.get(id) ?? [])
      for (const { info } of rows) {
        this.#table.remove(info)
        this.documents.forget(info.id)
      }
      return rows
    })
  }

  /** Takes a blob's file out of its place at once and unlinks it later: a commit may put a new one there meanwhile. */
  #discard(id: BlobId): Promise<void> {
    this.#open.drop(id)
    const trash = this.#newFile()
    try {
      this.#files.renameNow(this.#layout.blob(id), trash)
    } catch {
      return Promise.resolve()
    }
    return this.#background.add(this.#files.unlink(trash), `removing the file of ${id}`)
  }

  #damage(id: BlobId, reason: string): void {
    const row = this.#table.get(id)
    if (row === undefined || row.damaged) return
    try {
      this.#database.write(() => this.#table.markDamaged(id))
    } catch (error) {
      // Its bytes are given to nobody all the same: every reader checks them.
      this.#logger.warn({ id, reason, cause: errorChain(error) }, 'a damaged blob could not be marked')
      return
    }
    this.#count(row.info, -1)
    this.#totals.damaged += 1
    void this.#discard(id)
    this.#logger.warn({ id, reason }, 'a stored blob is damaged and out of service')
    this.#news.tell({ kind: 'damaged', blob: row.info })
  }

  #makeRoom(): Room {
    return new Room(this.#bounds, {
      logger: this.#logger,
      storedBytes: () => this.#totals.bytes,
      writingBytes: () => this.#writingBytes(),
      pinnedBytes: () => this.#totals.pinnedBytes,
      freeBytes: () => (this.#files.freeBytesNow(this.#layout.directory) ?? Infinity) + this.#leavingBytes,
      reserve: this.#reserve,
      inUse: (id) => this.#open.inUse(id),
      eldest: (cursor) => {
        if (cursor === undefined) this.#uses.flush()
        return this.#table.eldest(cursor)
      },
      removeAll: (ids) => this.#removeAll(ids),
    })
  }

  /** Makes a pinned blob durable against a crash of the machine. */
  async #sync(id: BlobId): Promise<void> {
    await syncPath(this.#files, this.#layout.blob(id))
    await syncPath(this.#files, this.#layout.prefix(id.slice(7, 9)))
    this.#table.setSynced(id)
    this.#database.checkpoint()
  }

  #setPins(id: BlobId, pins: readonly string[]): void {
    const row = this.#table.get(id)
    if (row === undefined) return
    if (!row.damaged) this.#count(row.info, -1)
    const info = { ...this.#uses.latest(row.info), pins }
    this.#database.write(() => this.#table.amend(info))
    if (!row.damaged) this.#count(info, 1)
  }

  #count(info: BlobInfo, sign: 1 | -1): void {
    this.#totals.blobs += sign
    this.#totals.bytes += sign * info.sizeBytes
    if (info.pins.length > 0) this.#totals.pinnedBytes += sign * info.sizeBytes
  }

  #writingBytes(): number {
    let bytes = 0
    for (const writer of this.#writers) bytes += writer.heldBytes
    return bytes
  }

  #newFile(): string {
    this.#fileCount += 1
    return join(this.#layout.incoming, `${this.#runPrefix}${this.#fileCount}`)
  }
}
