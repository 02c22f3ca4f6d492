/**
 * Sources by the git program, which is given nothing of this machine's configuration and runs nothing of what it fetches. The
 * commit is settled first, by the list of references; then that commit is fetched by its id and nothing else is taken, so that
 * a tag that moves meanwhile changes nothing. Real adapter of `sources.ts`. 2-trust.md, "Sandbox".
 */
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { checkTree } from './git/check-tree.ts'
import { failureLine, failureOf, isCommitId, readReferences } from './git/replies.ts'
import { type GitPlace, runGit } from './git/run-git.ts'
import { type SourceMirror, sourceAddress } from './mirrors.ts'
import type { Sources, SourceTree, SourceWanted } from './sources.ts'
import { makeFolder, readTree, removeFolder, settleTree } from './tree/folder.ts'
import { treeDigest } from './tree/source-tree.ts'

/** Limits of one checkout. */
export interface SourceLimits {
  /** Of what is transferred, and of the tree. */
  readonly sizeBytes: number
  readonly fileCount: number
  readonly seconds: number
}

/** What most projects stay far below. */
export const SOURCE_LIMITS: SourceLimits = { sizeBytes: 1_073_741_824, fileCount: 100_000, seconds: 600 }

/** How to run git. */
export interface GitOptions {
  /** A folder for work, made if it is not there. */
  readonly scratch: string
  readonly mirrors: readonly SourceMirror[]
  readonly limits?: Partial<SourceLimits>
  readonly program?: string
  /** Variables that git gets beside its own: a proxy, certificates. */
  readonly environment?: Readonly<Record<string, string>>
}

/** A commit that is known to exist or is yet to be asked for. */
interface Settled {
  readonly revision: string
  readonly commit: string
  /** The tag, where the revision names one. */
  readonly tag: string | undefined
  /** True if a branch or a tag of the repository points at it. */
  readonly isTip: boolean
}

const OUTPUT_BYTES_MAX = 67_108_864

/** Opens it. @throws unavailable.source if there is no git */
export async function openGit(options: GitOptions, { clock }: { readonly clock: Clock }): Promise<Sources> {
  const limits: SourceLimits = { ...SOURCE_LIMITS, ...options.limits }
  const placeOf = (home: string, signal: AbortSignal): GitPlace => ({
    home,
    program: options.program ?? 'git',
    protocol: 'none',
    environment: options.environment ?? {},
    clock,
    deadlineMs: clock.monotonicMs() + limits.seconds * 1000,
    signal,
  })
  const inFolder = async <T>(signal: AbortSignal, work: (place: GitPlace) => Promise<T>): Promise<T> => {
    const home = await makeFolder(options.scratch, 'git-')
    try {
      return await work(placeOf(home, signal))
    } finally {
      await removeFolder(home)
    }
  }
  const version = await inFolder(new AbortController().signal, (place) =>
    runGit(place, { args: ['version'], outputBytesMax: 1024 }),
  )
  const number = /git version (\S+)/.exec(version.output.toString())?.[1]
  if (number === undefined) throw new AppError('unavailable.source', 'git does not say which version it is')
  return {
    name: `git ${number}`,
    checkout: (wanted, signal) =>
      inFolder(signal, (place) => {
        const address = sourceAddress(wanted.repository, options.mirrors)
        return checkout({ ...place, protocol: address.loopback ? 'http' : 'https' }, address.url, wanted, limits)
      }),
    digest: async (folder, signal) => treeDigest(await readTree(folder, limits.fileCount, signal)),
  }
}

async function checkout(place: GitPlace, url: string, wanted: SourceWanted, limits: SourceLimits): Promise<SourceTree> {
  const listed = await ask(place, ['ls-remote', '--quiet', '--heads', '--tags', '--', url], wanted.repository)
  const references = readReferences(listed)
  for (const revision of wanted.revisions) {
    const settled = settle(revision, references)
    if (settled === undefined) continue
    const gitFolder = `${place.home}/${settled.commit}`
    const format = settled.commit.length === 40 ? 'sha1' : 'sha256'
    await ask(place, ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, gitFolder], url)
    if (!(await fetchCommit(place, gitFolder, url, settled, limits))) continue
    if (!settled.isTip) await checkReachable(place, url, settled, limits)
    const checked = await checkTree(place, gitFolder, settled.commit, limits)
    await ask(
      place,
      [`--git-dir=${gitFolder}`, `--work-tree=${wanted.into}`, 'read-tree', '-u', '--reset', settled.commit],
      url,
    )
    await settleTree(wanted.into, checked.committedAtSeconds)
    const tree = treeDigest(await readTree(wanted.into, limits.fileCount, place.signal))
    return { revision, commit: settled.commit, tree, ...checked }
  }
  throw new AppError('absent.source', `${wanted.repository} has none of ${wanted.revisions.join(', ').slice(0, 300)}`)
}

function settle(revision: string, references: ReadonlyMap<string, string>): Settled | undefined {
  if (isCommitId(revision)) {
    return { revision, commit: revision, tag: undefined, isTip: [...references.values()].includes(revision) }
  }
  const commit = references.get(`refs/tags/${revision}`)
  return commit === undefined ? undefined : { revision, commit, tag: revision, isTip: true }
}

/** Fetches the one commit; false if the repository does not have it. */
async function fetchCommit(
  place: GitPlace,
  gitFolder: string,
  url: string,
  { commit, tag }: Settled,
  limits: SourceLimits,
): Promise<boolean> {
  const fetch = (depth: readonly string[], what: readonly string[]) =>
    runGit(place, {
      args: [
        `--git-dir=${gitFolder}`,
        'fetch',
        '--quiet',
        ...depth,
        '--no-tags',
        '--no-write-fetch-head',
        '--',
        url,
        ...what,
      ],
      outputBytesMax: OUTPUT_BYTES_MAX,
      watch: { folder: gitFolder, bytesMax: limits.sizeBytes },
    })
  let { code, errors } = await fetch(['--depth=1'], [commit])
  if (code !== 0 && failureOf(errors) === 'no such revision') {
    // Old servers give what references point at and nothing else.
    const what = tag === undefined ? ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'] : [`refs/tags/${tag}`]
    ;({ code, errors } = await fetch(tag === undefined ? [] : ['--depth=1'], what))
  }
  if (code !== 0) {
    if (failureOf(errors) === 'no such revision' && tag === undefined) return false
    throw failed(errors, url)
  }
  const kind = await runGit(place, {
    args: [`--git-dir=${gitFolder}`, 'cat-file', '-t', commit],
    outputBytesMax: OUTPUT_BYTES_MAX,
  })
  if (kind.code === 0 && kind.output.toString().trim() === 'commit') return true
  if (tag === undefined && kind.code !== 0) return false
  const meant = tag === undefined ? 'is no commit' : `is not what tag ${tag} means any more: it moved meanwhile`
  throw new AppError('untrusted.source', `fetching from ${url}: ${commit} ${meant}`)
}

/**
 * Hosts keep the objects of forks together: a stranger's commit can be had under the address of a repository that never took
 * it. So a commit must be on a branch or tag of the repository itself; its history is looked through without any files.
 */
async function checkReachable(place: GitPlace, url: string, { commit }: Settled, limits: SourceLimits): Promise<void> {
  const folder = `${place.home}/history`
  await removeFolder(folder)
  const format = commit.length === 40 ? 'sha1' : 'sha256'
  await ask(place, ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, folder], url)
  const fetched = await runGit(place, {
    args: [
      ...[`--git-dir=${folder}`, 'fetch', '--quiet', '--filter=tree:0', '--no-tags', '--no-write-fetch-head'],
      ...['--', url, '+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'],
    ],
    outputBytesMax: OUTPUT_BYTES_MAX,
    watch: { folder, bytesMax: limits.sizeBytes },
  })
  if (fetched.code !== 0) throw failed(fetched.errors, url)
  // What is missing must not be fetched now: no protocol.
  const holding = await runGit(place, {
    args: [`--git-dir=${folder}`, 'for-each-ref', '--count=1', `--contains=${commit}`],
    outputBytesMax: OUTPUT_BYTES_MAX,
    protocol: 'none',
  })
  if (holding.code !== 0 || holding.output.length === 0) {
    throw new AppError('untrusted.source', `commit ${commit} is on no branch and no tag of ${url}: it may be a fork's`)
  }
}

/** What git prints. @throws absent.source, unavailable.source, untrusted.source */
async function ask(place: GitPlace, args: readonly string[], what: string): Promise<string> {
  const { code, output, errors } = await runGit(place, { args, outputBytesMax: OUTPUT_BYTES_MAX })
  if (code !== 0) throw failed(errors, what)
  return output.toString('latin1')
}

function failed(errors: string, what: string): AppError {
  const found = failureOf(errors)
  const code = found === 'no such revision' ? 'absent.source' : found
  const meaning = code === 'absent.source' ? 'nobody can read it in public, or it does not exist' : 'git failed'
  return new AppError(code, `${what}: ${meaning}: ${failureLine(errors)}`)
}
