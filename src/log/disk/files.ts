/**
 * The file-system calls of the log as a value, so that tests can make each of them fail, also after it was done. Adapter: the
 * only file of the log that imports node:fs. What is public (mode 0644) any web server may serve; what is not has mode 0600.
 */
import * as fs from 'node:fs'
import { AppError } from '../../base/errors.ts'

/** What the log does with files. Rejections carry the error codes of node:fs. */
export interface LogFiles {
  /** Makes an empty file, in the place of one that is there. */
  create(path: string, mode: 0o600 | 0o644): Promise<number>
  /** Writes all of `bytes` at the beginning. */
  write(fd: number, bytes: Uint8Array): Promise<void>
  /** Makes what was written durable. */
  sync(fd: number): Promise<void>
  close(fd: number): Promise<void>
  /** Atomic; durable only after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): Promise<void>
  /** One level; no error if it is there. */
  makeDirectory(path: string, mode: 0o700 | 0o755): Promise<void>
  /** Removes a file, or a directory with all in it; no error if it is not there. */
  remove(path: string): Promise<void>
  /** Names in a directory; empty if there is none. */
  names(path: string): Promise<string[]>
  /** The bytes of a file; undefined if there is none. */
  read(path: string): Promise<Uint8Array | undefined>
  /** `length` bytes from `position` on, fewer where the file ends; undefined if there is no file. At once: for small, warm reads. */
  readNow(path: string, position: number, length: number): Uint8Array | undefined
}

/** The real file system. */
export const nodeLogFiles: LogFiles = {
  create: (path, mode) =>
    new Promise((resolve, reject) => fs.open(path, 'w', mode, (error, fd) => (error ? reject(error) : resolve(fd)))),
  async write(fd, bytes) {
    for (let done = 0; done < bytes.byteLength; ) done += await writeSome(fd, bytes, done)
  },
  sync: (fd) => new Promise((resolve, reject) => fs.fsync(fd, (error) => (error ? reject(error) : resolve()))),
  close: (fd) => new Promise((resolve, reject) => fs.close(fd, (error) => (error ? reject(error) : resolve()))),
  rename: (from, to) => fs.promises.rename(from, to),
  async syncDirectory(path) {
    const directory = await fs.promises.open(path, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  },
  async makeDirectory(path, mode) {
    try {
      await fs.promises.mkdir(path, { mode })
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
  },
  remove: (path) => fs.promises.rm(path, { recursive: true, force: true }),
  async names(path) {
    return (await undefinedIfMissing(fs.promises.readdir(path))) ?? []
  },
  read: (path) => undefinedIfMissing(fs.promises.readFile(path)),
  readNow(path, position, length) {
    let fd: number
    try {
      fd = fs.openSync(path, 'r')
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    }
    try {
      const bytes = new Uint8Array(length)
      return bytes.subarray(0, fs.readSync(fd, bytes, 0, length, position))
    } finally {
      fs.closeSync(fd)
    }
  },
}

/** An error of the file system as one of Pyrsia's. */
export function fileFailure(error: unknown, doing: string): AppError {
  if (error instanceof AppError) return error
  const code = codeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError('exhausted.disk', `${doing}: the disk is full`, { cause: error })
  }
  return new AppError('unavailable.storage', `${doing}: the file system refused`, { cause: error })
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function writeSome(fd: number, bytes: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, bytes, at, bytes.byteLength - at, at, (error, count) => (error ? reject(error) : resolve(count)))
  })
}

async function undefinedIfMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
