/**
 * The file-system calls of the disk store as a value, so that tests can make the disk full or failing. Adapter: the only
 * file of the store that imports node:fs. Plain descriptors, because a FileHandle costs an allocation per call.
 */
import * as fs from 'node:fs'
import { AppError } from '../../base/errors.ts'

/** What the disk store does with files. Rejections carry the error codes of node:fs. */
export interface Files {
  /** `create` fails if it exists and gives mode 0600. */
  open(path: string, mode: 'read' | 'create'): Promise<number>
  /** Reads until `buffer` is full or the file ends; the bytes read. */
  read(fd: number, buffer: Uint8Array, position: number): Promise<number>
  /** Writes all of `bytes`. */
  write(fd: number, bytes: Uint8Array, position: number): Promise<void>
  sync(fd: number): Promise<void>
  close(fd: number): Promise<void>
  unlink(path: string): Promise<void>
  /** Names in a directory; empty if there is none. */
  names(path: string): Promise<string[]>
  /** The size of a file; undefined if there is none. */
  sizeBytes(path: string): Promise<number | undefined>
  /** Atomic, and at once: nothing else of this process can come between it and the database's row. */
  renameNow(from: string, to: string): void
  /** With mode 0700; no error if it is there. */
  makeDirectoryNow(path: string): void
  /** The text of a small file; undefined if there is none. */
  textNow(path: string): string | undefined
  /** Writes a small file of mode 0600. */
  writeTextNow(path: string, text: string): void
  removeNow(path: string): void
  /** Makes an empty file of mode 0600 unless there is one. */
  touchNow(path: string): void
  /** Free bytes of the file system. */
  freeBytesNow(path: string): number | undefined
  /** Names this run of the machine; undefined where that cannot be known. */
  bootIdNow(): string | undefined
  /** Names this process. */
  pidNow(): number
}

/** The real file system. */
export const nodeFiles: Files = {
  open: (path, mode) =>
    new Promise((resolve, reject) => {
      const flags = mode === 'create' ? 'wx+' : 'r'
      fs.open(path, flags, 0o600, (error, fd) => (error ? reject(error) : resolve(fd)))
    }),
  async read(fd, buffer, position) {
    let done = 0
    while (done < buffer.byteLength) {
      const count = await readSome(fd, buffer, done, position + done)
      if (count === 0) break
      done += count
    }
    return done
  },
  async write(fd, bytes, position) {
    let done = 0
    while (done < bytes.byteLength) done += await writeSome(fd, bytes, done, position + done)
  },
  sync: (fd) => new Promise((resolve, reject) => fs.fsync(fd, (error) => (error ? reject(error) : resolve()))),
  close: (fd) => new Promise((resolve, reject) => fs.close(fd, (error) => (error ? reject(error) : resolve()))),
  unlink: (path) => fs.promises.unlink(path),
  async names(path) {
    return (await undefinedIfMissing(fs.promises.readdir(path))) ?? []
  },
  async sizeBytes(path) {
    return (await undefinedIfMissing(fs.promises.stat(path)))?.size
  },
  renameNow: (from, to) => fs.renameSync(from, to),
  makeDirectoryNow(path) {
    fs.mkdirSync(path, { recursive: true, mode: 0o700 })
  },
  textNow(path) {
    try {
      return fs.readFileSync(path, 'utf8')
    } catch (error) {
      if (fileErrorCode(error) === 'ENOENT') return undefined
      throw error
    }
  },
  writeTextNow: (path, text) => fs.writeFileSync(path, text, { mode: 0o600 }),
  touchNow: (path) => fs.closeSync(fs.openSync(path, 'a', 0o600)),
  removeNow: (path) => fs.rmSync(path, { force: true }),
  freeBytesNow(path) {
    const found = fs.statfsSync(path)
    return found.bavail * found.bsize
  },
  pidNow: () => process.pid,
  bootIdNow() {
    try {
      return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    } catch {
      return undefined
    }
  },
}

/** The code of an error of node:fs, such as ENOSPC. */
export function fileErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** True if an error says that the disk, or the user's share of it, is full. */
export function isDiskFull(error: unknown): boolean {
  const code = fileErrorCode(error)
  return code === 'ENOSPC' || code === 'EDQUOT' || (error instanceof AppError && error.code === 'exhausted.disk')
}

/** An error of a write as one of the store's. */
export function diskFailure(error: unknown, doing: string): AppError {
  if (error instanceof AppError) return error
  if (isDiskFull(error)) return new AppError('exhausted.disk', `${doing}: the disk is full`, { cause: error })
  return new AppError('unavailable.storage', `${doing}: the file system refused`, { cause: error })
}

/** Makes a file or directory durable. */
export async function syncPath(files: Files, path: string): Promise<void> {
  const fd = await files.open(path, 'read')
  try {
    await files.sync(fd)
  } finally {
    await files.close(fd)
  }
}

function readSome(fd: number, buffer: Uint8Array, at: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, buffer, at, buffer.byteLength - at, position, (error, count) =>
      error ? reject(error) : resolve(count),
    )
  })
}

function writeSome(fd: number, bytes: Uint8Array, at: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, bytes, at, bytes.byteLength - at, position, (error, count) => (error ? reject(error) : resolve(count)))
  })
}

async function undefinedIfMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (fileErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
