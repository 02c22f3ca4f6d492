/**
 * The files of a job as the node reads and writes them, between steps. What stands in the tree was put there by somebody else's
 * build: each component is looked at before it is gone through, links are followed only within the job, and only plain files are
 * opened. Nothing of the job runs meanwhile, so that what was looked at is what is opened.
 */
import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
} from 'node:fs'
import { chmod, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import { INSIDE } from '../command/inside.ts'

/** The files below `root`, by paths relative to it. */
export interface JobFiles {
  read(path: string, bytesMax: number): Promise<Uint8Array | undefined>
  open(path: string): { readonly sizeBytes: number; readonly body: AsyncIterable<Uint8Array> }
  list(path: string): Promise<readonly string[] | undefined>
  write(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void>
}

const NAMES_MAX = 10_000
const LINKS_MAX = 40
const NOTHING = 'nothing'
const OUT_OF_REACH: ReadonlySet<string> = new Set(['EACCES', 'ENAMETOOLONG', 'ENOTDIR', 'ELOOP'])
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_WRONLY, O_CREAT, O_EXCL } = constants

/** The files of the job whose tree is at `root`. */
export function createJobFiles(root: string): JobFiles {
  return {
    async read(path, bytesMax) {
      const file = openPlain(root, path)
      if (file === undefined) return undefined
      if (file.sizeBytes > bytesMax) {
        closeSync(file.descriptor)
        throw new AppError('exhausted.size', `${path} of a build has ${file.sizeBytes} bytes, ${bytesMax} are read`)
      }
      return await collect(streamOf(file), bytesMax)
    },
    open(path) {
      const file = openPlain(root, path)
      if (file === undefined) throw absent(path)
      return { sizeBytes: file.sizeBytes, body: streamOf(file) }
    },
    async list(path) {
      const folder = resolveInside(root, path)
      if (folder?.kind !== 'folder') return undefined
      const entries = reached(() => readdirSync(folder.path, { withFileTypes: true }))
      if (entries === undefined) return undefined
      if (entries.length > NAMES_MAX) {
        throw new AppError('exhausted.size', `${path} of a build holds ${entries.length} names, ${NAMES_MAX} are read`)
      }
      const names = entries.map((entry) => Buffer.from(entry.isDirectory() ? `${entry.name}/` : entry.name))
      return names.sort(Buffer.compare).map(String)
    },
    async write(path, bytes) {
      const target = await makeRoom(root, path)
      const file = await open(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644)
      try {
        await file.chmod(0o644)
        if (bytes instanceof Uint8Array) await file.writeFile(bytes)
        else for await (const chunk of bytes) await file.writeFile(chunk)
      } finally {
        await file.close()
      }
    },
  }
}

interface OpenFile {
  readonly descriptor: number
  readonly sizeBytes: number
}

type Resolved =
  | { readonly kind: 'folder' | 'file' | 'other'; readonly path: string }
  /** Its folder is there, it is not. */
  | { readonly kind: 'nothing'; readonly path: string }

/** Where a path of the job really leads; undefined: out of the job, or through what is no folder. */
function resolveInside(root: string, path: string): Resolved | undefined {
  const wanted = componentsOf(path)
  if (wanted === undefined) return undefined
  const gone: string[] = []
  let links = 0
  let kind: Resolved['kind'] = 'folder'
  while (wanted.length > 0) {
    if (kind !== 'folder') return undefined
    const name = wanted.shift() ?? ''
    if (name === '' || name === '.') continue
    if (name === '..') {
      // Of a link's target: above the root there is nothing of the job.
      if (gone.pop() === undefined) return undefined
      continue
    }
    const here = join(root, ...gone, name)
    const facts = reached(() => lstatSync(here, { throwIfNoEntry: false }) ?? NOTHING)
    if (facts === undefined) return undefined
    if (facts !== NOTHING && facts.isSymbolicLink()) {
      links += 1
      if (links > LINKS_MAX) return undefined
      const target = readlinkSync(here)
      if (target.startsWith('/')) {
        if (target !== INSIDE.job && !target.startsWith(`${INSIDE.job}/`)) return undefined
        gone.length = 0
      }
      wanted.unshift(...(target.startsWith('/') ? target.slice(INSIDE.job.length) : target).split('/'))
      continue
    }
    gone.push(name)
    kind = facts === NOTHING ? 'nothing' : facts.isDirectory() ? 'folder' : facts.isFile() ? 'file' : 'other'
  }
  return { kind, path: join(root, ...gone) }
}

/** The names on a path; undefined if it is absolute, empty in parts, or goes up. */
function componentsOf(path: string): string[] | undefined {
  if (path === '' || path === '.') return []
  const names = path.replace(/\/$/, '').split('/')
  const plain = names.every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0'))
  return plain ? names : undefined
}

function openPlain(root: string, path: string): OpenFile | undefined {
  const found = resolveInside(root, path)
  if (found?.kind !== 'file') return undefined
  const descriptor = reached(() => openSync(found.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK))
  if (descriptor === undefined) return undefined
  const facts = fstatSync(descriptor)
  if (facts.isFile()) return { descriptor, sizeBytes: facts.size }
  closeSync(descriptor)
  return undefined
}

/** What a build has shut, or made too long, is not there. */
function reached<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (OUT_OF_REACH.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

/** Exactly the bytes that the file had when it was opened; closes it. */
function streamOf({ descriptor, sizeBytes }: OpenFile): AsyncIterable<Uint8Array> {
  if (sizeBytes === 0) {
    closeSync(descriptor)
    return (async function* () {})()
  }
  return createReadStream('', { fd: descriptor, start: 0, end: sizeBytes - 1, autoClose: true })
}

/** Makes the folders above, takes away what stands in the place, and gives the place. */
async function makeRoom(root: string, path: string): Promise<string> {
  const names = componentsOf(path)
  const name = names?.pop()
  if (names === undefined || name === undefined) throw absent(path)
  for (let depth = 0; depth <= names.length; depth += 1) {
    const folder = resolveInside(root, names.slice(0, depth).join('/'))
    if (folder?.kind === 'nothing') {
      await mkdir(folder.path)
      await chmod(folder.path, 0o755)
    } else if (folder?.kind !== 'folder') throw absent(path)
  }
  const parent = resolveInside(root, names.join('/'))
  if (parent?.kind !== 'folder') throw absent(path)
  const target = join(parent.path, name)
  if (lstatSync(target, { throwIfNoEntry: false })?.isDirectory()) throw absent(path)
  await rm(target, { force: true })
  return target
}

function absent(path: string): AppError {
  return new AppError('absent.file', `${path} is no file of the build, or leads out of it`)
}
