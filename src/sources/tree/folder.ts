/**
 * Source trees on the disk: reading one for its digest, giving all of its files fixed modes and one time, writing one (the twin in
 * memory). Links are never followed. Adapter: the only files of `sources/` that touch a disk are this one and `git/run-git.ts`.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import {
  chmod,
  lstat,
  lutimes,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { AppError } from '../../base/errors.ts'
import { sha256Of, type TreeEntry } from './source-tree.ts'

const SLASH = Buffer.from('/')
const EXECUTABLE_BITS = 0o111

/** A file to write. */
export interface NewFile {
  readonly path: string
  readonly content: Uint8Array | string
  readonly executable?: boolean
  /** True: a symbolic link to `content`. */
  readonly link?: boolean
  /** True: a submodule at the commit that `content` names; nothing of it is written. */
  readonly submodule?: boolean
}

/** A folder of its own below `parent`, mode 0700, for work; removed by `removeFolder`. */
export async function makeFolder(parent: string, prefix: string): Promise<string> {
  await mkdir(parent, { recursive: true, mode: 0o700 })
  return await mkdtemp(`${parent}/${prefix}`)
}

/** Removes a folder with all in it; no error if it is not there. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

/**
 * Every entry of a tree, each read and hashed.
 * @throws untrusted.source for what is neither file, folder nor link; exhausted.size beyond `fileCountMax`; aborted.caller
 */
export async function readTree(folder: string, fileCountMax: number, signal: AbortSignal): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = []
  const root = Buffer.from(folder)
  const waiting: Buffer[] = [Buffer.alloc(0)]
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const names = await readdir(joined(root, place), { encoding: 'buffer' })
    if (names.length === 0 && place.length > 0) {
      entries.push({ path: place, type: 'empty', sizeBytes: 0, sha256: sha256Of('') })
    }
    for (const name of names) {
      if (signal.aborted) throw new AppError('aborted.caller', `reading ${folder}: nobody waits for it any more`)
      if (entries.length + waiting.length >= fileCountMax) {
        throw new AppError('exhausted.size', `reading ${folder}: wanted at most ${fileCountMax} files`)
      }
      const path = place.length === 0 ? name : Buffer.concat([place, SLASH, name])
      const about = await lstat(joined(root, path))
      if (about.isDirectory()) waiting.push(path)
      else entries.push(await readEntry(root, path, about))
    }
  }
  return entries
}

/** Gives every file mode 0644 or 0755, every folder 0755, and all of them this time: nothing of who checked it out shows. */
export async function settleTree(folder: string, atSeconds: number): Promise<void> {
  const root = Buffer.from(folder)
  const settle = async (place: Buffer): Promise<void> => {
    for (const entry of await readdir(joined(root, place), { encoding: 'buffer', withFileTypes: true })) {
      const path = place.length === 0 ? entry.name : Buffer.concat([place, SLASH, entry.name])
      const full = joined(root, path)
      if (entry.isSymbolicLink()) {
        await lutimes(full, atSeconds, atSeconds)
      } else if (entry.isDirectory()) {
        await settle(path)
      } else {
        const { mode } = await lstat(full)
        await chmod(full, (mode & EXECUTABLE_BITS) === 0 ? 0o644 : 0o755)
        await utimes(full, atSeconds, atSeconds)
      }
    }
    const full = joined(root, place)
    await chmod(full, 0o755)
    await utimes(full, atSeconds, atSeconds)
  }
  await settle(Buffer.alloc(0))
}

/** Writes files into a folder, with the folders above them; a submodule is an empty folder. */
export async function writeTree(folder: string, files: readonly NewFile[]): Promise<void> {
  for (const { path, content, executable, link, submodule } of files) {
    const full = `${folder}/${path}`
    await mkdir(submodule === true ? full : full.slice(0, full.lastIndexOf('/')), { recursive: true })
    if (submodule === true) continue
    if (link === true) await symlink(Buffer.from(content), full)
    else await writeFile(full, content, { mode: executable === true ? 0o755 : 0o644 })
  }
}

/** The size of everything in a folder right now, as far as it can be seen while others write into it. */
export async function sizeOfFolder(folder: string): Promise<number> {
  let total = 0
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const about = await lstat(`${entry.parentPath}/${entry.name}`).catch(() => undefined)
    total += about?.size ?? 0
  }
  return total
}

async function readEntry(root: Buffer, path: Buffer, about: Awaited<ReturnType<typeof lstat>>): Promise<TreeEntry> {
  const full = joined(root, path)
  if (about.isSymbolicLink()) {
    const target = await readlink(full, { encoding: 'buffer' })
    return { path, type: 'link', sizeBytes: target.byteLength, sha256: sha256Of(target) }
  }
  if (!about.isFile()) {
    throw new AppError('untrusted.source', `${path.toString()} is neither a file, a folder nor a link`)
  }
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of createReadStream(full) as AsyncIterable<Buffer>) {
    sizeBytes += chunk.byteLength
    hash.update(chunk)
  }
  const type = (Number(about.mode) & EXECUTABLE_BITS) === 0 ? 'file' : 'executable'
  return { path, type, sizeBytes, sha256: hash.digest('hex') }
}

function joined(root: Buffer, path: Buffer): Buffer {
  return path.length === 0 ? root : Buffer.concat([root, SLASH, path])
}
