/** `ClientFiles` on the real file system. Adapter; imported by the composition root and tests. */
import { randomBytes } from 'node:crypto'
import {
  access,
  chmod,
  chown,
  constants,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rmdir,
  stat,
  unlink,
} from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError, wrapError } from '../base/errors.ts'
import type { ClientFiles, FoundFile } from './files.ts'

const BYTES_MAX = 1_048_576
const FOLDERS_MAX = 64

/** The real files. */
export function createDiskFiles(): ClientFiles {
  return {
    read: (path) => refusing('read', path, () => read(path)),
    write: (path, bytes, mode) => refusing('written', path, () => write(path, bytes, mode)),
    remove: (path, folders) => refusing('removed', path, () => remove(path, folders)),
    missingFolders,
    async list(folder) {
      return await readdir(folder).catch(unlessAbsent<string[]>([]))
    },
    async isProgram(path) {
      const found = await stat(path).catch(() => undefined)
      if (found?.isFile() !== true) return false
      return await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    },
  }
}

async function read(path: string): Promise<FoundFile | undefined> {
  const target = await resolved(path)
  const found = await stat(target).catch(unlessAbsent(undefined))
  if (found === undefined) return undefined
  if (!found.isFile() || found.size > BYTES_MAX) {
    throw new AppError('usage.config', `${path} is not changed: wanted a file of at most ${BYTES_MAX} bytes`)
  }
  const handle = await open(target, 'r')
  try {
    return { bytes: await handle.readFile(), mode: found.mode & 0o7777 }
  } finally {
    await handle.close()
  }
}

async function write(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const target = await resolved(path)
  await mkdir(dirname(target), { recursive: true })
  const present = await stat(target).catch(unlessAbsent(undefined))
  const beside = `${target}.pyrsia-${randomBytes(6).toString('hex')}`
  const handle = await open(beside, 'wx', 0o600)
  try {
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (present !== undefined && (present.uid !== process.getuid?.() || present.gid !== process.getgid?.())) {
      await chown(beside, present.uid, present.gid)
    }
    await chmod(beside, (present?.mode ?? mode) & 0o7777)
    await rename(beside, target)
  } catch (cause) {
    await unlink(beside).catch(unlessAbsent(undefined))
    throw cause
  }
}

async function remove(path: string, folders: readonly string[]): Promise<void> {
  await unlink(await resolved(path)).catch(unlessAbsent(undefined))
  for (const folder of folders) {
    const removed = await rmdir(folder).then(
      () => true,
      () => false,
    )
    if (!removed) return
  }
}

async function missingFolders(path: string): Promise<readonly string[]> {
  const missing: string[] = []
  for (let folder = dirname(path); missing.length < FOLDERS_MAX; folder = dirname(folder)) {
    const found = await stat(folder).catch(() => undefined)
    if (found !== undefined || folder === dirname(folder)) break
    missing.push(folder)
  }
  return missing
}

/** The file behind `path`: a link is followed, since whoever keeps configuration in another place wants it changed there. */
async function resolved(path: string): Promise<string> {
  const link = await lstat(path).catch(unlessAbsent(undefined))
  if (link?.isSymbolicLink() !== true) return path
  const target = await realpath(path).catch(unlessAbsent(undefined))
  if (target === undefined) throw new AppError('usage.config', `${path} is not changed: it is a link to nothing`)
  return target
}

function unlessAbsent<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return instead
    throw error
  }
}

async function refusing<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ENOSPC' || code === 'EDQUOT') throw wrapError(cause, 'exhausted.disk', `no room to write ${path}`)
    const hint = code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? ' (try as root)' : ''
    throw wrapError(cause, 'usage.config', `${path} cannot be ${what}${hint}`, { path })
  }
}
