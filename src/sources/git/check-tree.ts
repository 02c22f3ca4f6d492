/** Looks through a commit and its tree before any of it is written to a disk. Used by `git.ts`. */
import { AppError } from '../../base/errors.ts'
import { escapingLink } from '../tree/links.ts'
import { largeFileId, readBatch, readCommitTime, readTreeRows, type TreeRow } from './replies.ts'
import { type GitPlace, runGit } from './run-git.ts'

/** Larger files stand for nothing but themselves. */
const POINTER_BYTES_MAX = 1024
const LINK_BYTES_MAX = 4096
const COMMIT_BYTES_MAX = 1_048_576
const OUTPUT_BYTES_MAX = 268_435_456

/** What is known of a tree that may be checked out. */
export interface CheckedTree {
  readonly committedAtSeconds: number
  readonly fileCount: number
  readonly sizeBytes: number
  readonly left: readonly string[]
}

/**
 * Checks that the commit is what its id says, that the tree is within its limits and that no link leads out of it.
 * @throws untrusted.source, exhausted.size, unavailable.source, aborted.caller
 */
export async function checkTree(
  place: GitPlace,
  gitFolder: string,
  commit: string,
  limits: { readonly sizeBytes: number; readonly fileCount: number },
): Promise<CheckedTree> {
  const read = async (args: readonly string[], outputBytesMax: number, input?: string): Promise<Buffer> => {
    const run = { args: [`--git-dir=${gitFolder}`, ...args], outputBytesMax, ...(input === undefined ? {} : { input }) }
    const { code, output, errors } = await runGit(place, { ...run, protocol: 'none' })
    if (code !== 0) throw new AppError('untrusted.source', `commit ${commit} cannot be read: ${errors.slice(-300)}`)
    return output
  }
  const committedAtSeconds = readCommitTime(commit, await read(['cat-file', 'commit', commit], COMMIT_BYTES_MAX))
  const rows = readTreeRows(await read(['ls-tree', '-r', '-z', '-l', '--full-tree', commit], OUTPUT_BYTES_MAX))
  const sizeBytes = rows.reduce((total, row) => total + row.sizeBytes, 0)
  if (rows.length > limits.fileCount || sizeBytes > limits.sizeBytes) {
    const most = `wanted at most ${limits.fileCount} files and ${limits.sizeBytes} bytes`
    throw new AppError('exhausted.size', `commit ${commit}: ${most}, found ${rows.length} and ${sizeBytes}`)
  }
  const small = rows.filter(isTold)
  const contents = readBatch(
    await read(['cat-file', '--batch'], OUTPUT_BYTES_MAX, small.map(({ id }) => `${id}\n`).join('')),
  )
  const contentOf = ({ id }: TreeRow): Buffer => contents.get(id) ?? Buffer.alloc(0)
  const links = rows.filter(({ type }) => type === 'link')
  const tooLong = links.find((row) => row.sizeBytes > LINK_BYTES_MAX)
  const escapes = escapingLink(new Map(links.map((row) => [row.path, contentOf(row).toString('latin1')])))
  if (tooLong !== undefined || escapes !== undefined) {
    throw new AppError('untrusted.source', `commit ${commit}: ${escapes ?? `${tooLong?.path} is too long a link`}`)
  }
  return { committedAtSeconds, fileCount: rows.length, sizeBytes, left: leftOf(rows, contentOf) }
}

/** Rows whose content says something beside itself. */
function isTold({ type, sizeBytes }: TreeRow): boolean {
  return (type === 'link' && sizeBytes <= LINK_BYTES_MAX) || (type === 'file' && sizeBytes < POINTER_BYTES_MAX)
}

function leftOf(rows: readonly TreeRow[], contentOf: (row: TreeRow) => Buffer): string[] {
  return rows.flatMap((row) => {
    const path = Buffer.from(row.path, 'latin1').toString('utf8')
    if (row.type === 'submodule') return `submodule ${path} at ${row.id}`
    const large = row.type === 'file' && isTold(row) ? largeFileId(contentOf(row)) : undefined
    return large === undefined ? [] : `large file ${path} ${large}`
  })
}
