/**
 * Sources out of memory: repositories are what was put here, their trees are written to real folders. The twin of `git.ts`, held to
 * the same suite (`test/kit/sources-suite.ts`).
 */
import { createHash } from 'node:crypto'
import { AppError } from '../base/errors.ts'
import { largeFileId } from './git/replies.ts'
import { sourceAddress } from './mirrors.ts'
import type { Sources, SourceTree, SourceWanted } from './sources.ts'
import { type NewFile, readTree, settleTree, writeTree } from './tree/folder.ts'
import { escapingLink } from './tree/links.ts'
import { treeDigest } from './tree/source-tree.ts'

/** What a commit is made with. */
export interface MemoryCommit {
  readonly tag?: string
  /** Seconds since 1970. */
  readonly atSeconds?: number
}

/** Sources whose repositories a test makes. */
export interface MemorySources extends Sources {
  /** Adds a commit with these files and no others; its id. */
  publish(repository: string, files: readonly NewFile[], commit?: MemoryCommit): string
  /** Sets or moves a tag. */
  tag(repository: string, name: string, commit: string): void
  /** Nobody can read it from now on. */
  hide(repository: string): void
}

interface Commit {
  readonly files: readonly NewFile[]
  readonly atSeconds: number
}

interface Repository {
  readonly commits: Map<string, Commit>
  readonly tags: Map<string, string>
}

/** Some moment of which nothing depends. */
const AT_SECONDS = 1_700_000_000
const LIMITS = { sizeBytes: 1_073_741_824, fileCount: 100_000 }

/** Makes them. */
export function createMemorySources(limits: Partial<typeof LIMITS> = {}): MemorySources {
  const repositories = new Map<string, Repository>()
  const { sizeBytes, fileCount } = { ...LIMITS, ...limits }
  return {
    name: 'memory',
    publish(repository, files, { tag, atSeconds = AT_SECONDS } = {}) {
      const place = repositories.get(repository) ?? { commits: new Map(), tags: new Map() }
      repositories.set(repository, place)
      const texts = files.map(({ content, ...rest }) => ({ ...rest, content: Buffer.from(content).toString('base64') }))
      const parents = [...place.commits.keys()]
      const id = createHash('sha1')
        .update(JSON.stringify([texts, atSeconds, parents]))
        .digest('hex')
      place.commits.set(id, { files, atSeconds })
      if (tag !== undefined) place.tags.set(tag, id)
      return id
    },
    tag(repository, name, commit) {
      repositories.get(repository)?.tags.set(name, commit)
    },
    hide(repository) {
      repositories.delete(repository)
    },
    async checkout(wanted, signal) {
      if (signal.aborted) throw new AppError('aborted.caller', 'getting sources: nobody waits for them any more')
      sourceAddress(wanted.repository, [])
      const found = find(wanted, repositories.get(wanted.repository))
      return await write(found, wanted.into, { sizeBytes, fileCount }, signal)
    },
    digest: async (folder, signal) => treeDigest(await readTree(folder, fileCount, signal)),
  }
}

function find({ repository, revisions }: SourceWanted, place: Repository | undefined): [string, string, Commit] {
  if (place === undefined) throw new AppError('absent.source', `${repository}: nobody can read it in public`)
  for (const revision of revisions) {
    const id = place.tags.get(revision) ?? revision
    const commit = place.commits.get(id)
    if (commit !== undefined) return [revision, id, commit]
  }
  throw new AppError('absent.source', `${repository} has none of ${revisions.join(', ')}`)
}

async function write(
  [revision, commit, { files, atSeconds }]: [string, string, Commit],
  into: string,
  limits: typeof LIMITS,
  signal: AbortSignal,
): Promise<SourceTree> {
  const plain = files.filter(({ submodule }) => submodule !== true)
  const sizeBytes = plain.reduce((total, { content }) => total + Buffer.byteLength(content), 0)
  if (files.length > limits.fileCount || sizeBytes > limits.sizeBytes) {
    throw new AppError('exhausted.size', `commit ${commit}: found ${files.length} files and ${sizeBytes} bytes`)
  }
  const links = plain.filter(({ link }) => link === true)
  const escapes = escapingLink(
    new Map(links.map(({ path, content }) => [path, Buffer.from(content).toString('latin1')])),
  )
  if (escapes !== undefined) throw new AppError('untrusted.source', `commit ${commit}: ${escapes}`)
  await writeTree(into, files)
  await settleTree(into, atSeconds)
  const left = files.flatMap(({ path, content, submodule }) => {
    if (submodule === true) return `submodule ${path} at ${content}`
    const large = largeFileId(Buffer.from(content))
    return large === undefined ? [] : `large file ${path} ${large}`
  })
  const tree = treeDigest(await readTree(into, limits.fileCount, signal))
  return { revision, commit, committedAtSeconds: atSeconds, tree, fileCount: files.length, sizeBytes, left }
}
