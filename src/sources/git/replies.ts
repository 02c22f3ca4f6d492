/** Reads what git prints: lists of references, of a tree, commits, and why it failed. Pure; used by `git.ts`. */
import { createHash } from 'node:crypto'
import { AppError, type ErrorCode } from '../../base/errors.ts'

/** A full commit id: SHA-1, or SHA-256 in newer repositories. */
const COMMIT_ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
/** What the large-file extension leaves in the place of a file. */
const LARGE_FILE_HEAD = 'version https://git-lfs.github.com/spec/v1\n'

/** True for a full commit id. */
export function isCommitId(revision: string): boolean {
  return COMMIT_ID.test(revision)
}

/** Commit ids by full names of references (`refs/tags/…`, `refs/heads/…`); annotated tags by what they mean. */
export function readReferences(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [id = '', name = ''] = line.split('\t')
    if (!isCommitId(id) || name === '') continue
    // A peeled row follows its tag and takes its place.
    found.set(name.replace(/\^\{\}$/, ''), id)
  }
  return found
}

/** One entry of a tree. */
export interface TreeRow {
  readonly type: 'file' | 'link' | 'submodule'
  readonly id: string
  readonly sizeBytes: number
  /** One character for each byte. */
  readonly path: string
}

/** The rows that `ls-tree -r -z -l` prints. @throws untrusted.source for an entry of an unknown kind */
export function readTreeRows(output: Buffer): TreeRow[] {
  const rows = output.toString('latin1').split('\0')
  return rows.slice(0, -1).map((row) => {
    const [, mode = '', id = '', size = '', path = ''] = /^(\d{6}) \w+ ([0-9a-f]+) +(\d+|-)\t(.+)$/s.exec(row) ?? []
    const type = mode.startsWith('100') ? 'file' : mode === '120000' ? 'link' : mode === '160000' ? 'submodule' : ''
    if (type === '')
      throw new AppError('untrusted.source', `the tree has an entry that is no file: ${row.slice(0, 200)}`)
    return { type, id, sizeBytes: size === '-' ? 0 : Number(size), path }
  })
}

/** The bytes of objects that `cat-file --batch` prints, by their ids. @throws untrusted.source if some are missing */
export function readBatch(output: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (let at = 0; at < output.length; ) {
    const end = output.indexOf(10, at)
    const [, id = '', size = ''] = /^([0-9a-f]+) \w+ (\d+)$/.exec(output.toString('latin1', at, end)) ?? []
    if (end < 0 || id === '') throw new AppError('untrusted.source', 'the repository lacks objects of its own tree')
    found.set(id, output.subarray(end + 1, end + 1 + Number(size)))
    at = end + 1 + Number(size) + 1
  }
  return found
}

/** What stands in the place of a large file, or undefined if `content` is an ordinary file: the id of what was left out. */
export function largeFileId(content: Buffer): string | undefined {
  const text = content.toString('latin1')
  return text.startsWith(LARGE_FILE_HEAD) ? /^oid (sha256:[0-9a-f]{64})$/m.exec(text)?.[1] : undefined
}

/**
 * When a commit was made, seconds since 1970, after its bytes were hashed to its id again.
 * @throws untrusted.source if they do not hash to it, or it is no commit
 */
export function readCommitTime(id: string, bytes: Buffer): number {
  const hash = createHash(id.length === 40 ? 'sha1' : 'sha256')
  const found = hash.update(`commit ${bytes.byteLength}\0`).update(bytes).digest('hex')
  if (found !== id) throw new AppError('untrusted.source', `the bytes of commit ${id} hash to ${found}`)
  const head = bytes.toString('latin1').split('\n\n', 1)[0] ?? ''
  const time = /^committer [^\n]* (\d{1,12}) [+-]?\d+$/m.exec(head)?.[1]
  if (time === undefined) throw new AppError('untrusted.source', `commit ${id} does not say when it was made`)
  return Number(time)
}

const FAILURES: ReadonlyArray<readonly [ErrorCode | 'no such revision', RegExp]> = [
  [
    'untrusted.source',
    /fsck|in fsckObjects|did not send all necessary|collision|hash mismatch|corrupt|inflate|bad (?:object|tree|pack)|index-pack|invalid path|transport '[^']*' not allowed|[Pp]rotocol "[^"]*" (?:not|disabled)|update url base/i,
  ],
  ['no such revision', /not our ref|unadvertised object|couldn't find remote ref|no such remote ref/i],
  [
    'absent.source',
    /could not read Username|terminal prompts disabled|Authentication failed|returned error: (?:401|403|404|410|451)|not found|does not appear to be a git repository|not valid: is this a git repository/i,
  ],
]

/** Why git failed, by what it printed. */
export function failureOf(errors: string): ErrorCode | 'no such revision' {
  return FAILURES.find(([, pattern]) => pattern.test(errors))?.[0] ?? 'unavailable.source'
}

/** The line of what git printed that says most. */
export function failureLine(errors: string): string {
  const lines = errors.split('\n').filter((line) => /^(?:fatal|error|remote error):/.test(line))
  return (lines.at(-1) ?? errors.trim().split('\n').at(-1) ?? '').slice(0, 300)
}
