/**
 * The journal in files. `blocks-<height>.journal` holds records from that height on, each as 4 bytes of length (big-endian), 32 bytes of
 * SHA-256, the record; `state.snapshot` the newest snapshot. A record is durable before `append` resolves, a file's name too. Adapter:
 * with `node:fs`. Called by `main/` and tests; the directory is this process's alone.
 */
import { hash } from 'node:crypto'
import * as fs from 'node:fs'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../base/errors.ts'
import { type Journal, RECORD_BYTES_MAX } from './journal.ts'

/** Bytes after which a new file is begun. */
const FILE_BYTES = 16 * 1024 * 1024
const HEAD_BYTES = 36
const NAME = /^blocks-(\d{16})\.journal$/
const SNAPSHOT = 'state.snapshot'
const PIECE_BYTES = 1024 * 1024

interface JournalFile {
  readonly path: string
  /** Height of its first record. */
  readonly first: number
}

/** The journal in this directory, which is made if it is not there. `fileBytes` is only given by tests. @throws damaged.snapshot, unavailable.storage, exhausted.disk */
export async function openDiskJournal(directory: string, fileBytes: number = FILE_BYTES): Promise<Journal> {
  const journal = new DiskJournal(directory, fileBytes)
  await failing(() => journal.start())
  return journal
}

class DiskJournal implements Journal {
  readonly #directory: string
  readonly #fileBytes: number
  #files: JournalFile[] = []
  #handle: FileHandle | undefined
  #sizeBytes = 0

  constructor(directory: string, fileBytes: number) {
    this.#directory = directory
    this.#fileBytes = fileBytes
  }

  async start(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const names = await readdir(this.#directory)
    await rm(join(this.#directory, `${SNAPSHOT}.new`), { force: true })
    this.#files = names
      .flatMap((name) => {
        const first = NAME.exec(name)?.[1]
        return first === undefined ? [] : [{ path: join(this.#directory, name), first: Number(first) }]
      })
      .sort((a, b) => a.first - b.first)
    const last = this.#files.at(-1)
    if (last === undefined) return
    const bytes = await readFile(last.path)
    const end = endOf(bytes)
    if (end < bytes.length) await truncate(last.path, end)
    this.#handle = await open(last.path, 'a')
    // Always: whoever wrote it may have been killed before it synced, and the log must never be durable ahead of the journal.
    await this.#handle.sync()
    await this.#syncDirectory()
    this.#sizeBytes = end
  }

  async *records(height: number): AsyncGenerator<Uint8Array> {
    const [oldest] = this.#files
    if (oldest !== undefined && oldest.first > height) throw damaged(oldest.path, 0)
    for (const [place, file] of this.#files.entries()) {
      const next = this.#files[place + 1]?.first ?? Number.POSITIVE_INFINITY
      if (next <= height) continue
      const bytes = await readFile(file.path)
      let at = file.first
      for (let start = 0; start < bytes.length; at += 1) {
        const end = frameEnd(bytes, start)
        if (end === undefined) throw damaged(file.path, start)
        if (at >= height) yield bytes.subarray(start + HEAD_BYTES, end)
        start = end
      }
      if (Number.isFinite(next) && at !== next) throw damaged(file.path, bytes.length)
    }
  }

  async append(height: number, record: Uint8Array): Promise<void> {
    await failing(async () => {
      if (this.#handle === undefined || this.#sizeBytes >= this.#fileBytes) await this.#begin(height)
      const head = Buffer.alloc(4)
      head.writeUInt32BE(record.length)
      const frame = Buffer.concat([head, hash('sha256', record, 'buffer'), record])
      await this.#handle?.appendFile(frame)
      await this.#handle?.sync()
      this.#sizeBytes += frame.length
    })
  }

  snapshot(): Iterable<Uint8Array> | undefined {
    const path = join(this.#directory, SNAPSHOT)
    return fs.existsSync(path) ? piecesOf(path) : undefined
  }

  async saveSnapshot(_height: number, pieces: Iterable<Uint8Array>): Promise<void> {
    await failing(async () => {
      const path = join(this.#directory, SNAPSHOT)
      const handle = await open(`${path}.new`, 'w', 0o600)
      try {
        for (const chunk of chunksOf(pieces)) await handle.appendFile(chunk)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(`${path}.new`, path)
      await this.#syncDirectory()
    })
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #begin(height: number): Promise<void> {
    const path = join(this.#directory, `blocks-${String(height).padStart(16, '0')}.journal`)
    await this.#handle?.close()
    this.#handle = await open(path, 'a', 0o600)
    this.#sizeBytes = 0
    await this.#syncDirectory()
    this.#files.push({ path, first: height })
  }

  async #syncDirectory(): Promise<void> {
    const handle = await open(this.#directory, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
}

/** Where the last whole record ends. What follows was being written when the process died. @throws damaged.snapshot if more than one follows */
function endOf(bytes: Buffer): number {
  let start = 0
  while (start < bytes.length) {
    const end = frameEnd(bytes, start)
    if (end === undefined) break
    start = end
  }
  const rest = bytes.subarray(start)
  const length = rest.length >= HEAD_BYTES ? rest.readUInt32BE(0) : Number.POSITIVE_INFINITY
  const isTorn = start + HEAD_BYTES + length >= bytes.length || rest.every((byte) => byte === 0)
  if (rest.length > 0 && !isTorn) throw damaged('the last file', start)
  return start
}

/** Where the record that begins at `start` ends; undefined if it is torn or damaged. */
function frameEnd(bytes: Buffer, start: number): number | undefined {
  if (start + HEAD_BYTES > bytes.length) return undefined
  const end = start + HEAD_BYTES + bytes.readUInt32BE(start)
  if (end > bytes.length || end - start > RECORD_BYTES_MAX) return undefined
  const digest = hash('sha256', bytes.subarray(start + HEAD_BYTES, end), 'buffer')
  return digest.equals(bytes.subarray(start + 4, start + HEAD_BYTES)) ? end : undefined
}

function damaged(path: string, place: number): AppError {
  return new AppError('damaged.snapshot', `wanted a whole record in ${path} at byte ${place}`)
}

/** Many small pieces as few large writes. */
function* chunksOf(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  let held: Uint8Array[] = []
  let size = 0
  for (const piece of pieces) {
    held.push(piece)
    size += piece.length
    if (size < PIECE_BYTES) continue
    yield Buffer.concat(held)
    held = []
    size = 0
  }
  yield Buffer.concat(held)
}

function* piecesOf(path: string): Generator<Uint8Array> {
  const fd = fs.openSync(path, 'r')
  try {
    // One buffer for all: who reads a snapshot copies what it keeps.
    const piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
    for (;;) {
      const count = fs.readSync(fd, piece)
      if (count === 0) return
      yield piece.subarray(0, count)
    }
  } finally {
    fs.closeSync(fd)
  }
}

async function failing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    const code = (cause as NodeJS.ErrnoException).code
    const full = code === 'ENOSPC' || code === 'EDQUOT'
    throw new AppError(full ? 'exhausted.disk' : 'unavailable.storage', 'keeping the journal of blocks', { cause })
  }
}
