/**
 * Rule `record/1` for wheels: `RECORD` repeats the digest of every other file, so it differs wherever one of them does, and its order is the
 * writer's. Where it says exactly what the wheel holds, it is not looked at again; where it does not, nothing is changed.
 * (Binary distribution format, "The .dist-info directory".)
 */
import type { Rule, Tree } from '../../../archive/archive.ts'
import { textOf, withContent } from '../../../archive/tree.ts'

const RECORD = /^[^/]+\.dist-info\/RECORD$/
/** What may stand in it without a digest: itself, and signatures over it. */
const UNHASHED = /^[^/]+\.dist-info\/RECORD(?:\.jws|\.p7s)?$/

/** See above. */
export const recordRule: Rule = {
  name: 'record/1',
  level: 'metadata',
  wants: (path) => RECORD.test(path),
  apply(tree) {
    const paths = [...tree.contents.keys()].filter((path) => RECORD.test(path))
    const [path] = paths
    if (path === undefined || paths.length > 1) return { tree, changes: [] }
    const text = textOf(tree, path)
    const rows = text === undefined ? undefined : readRecord(text)
    if (rows === undefined || !agrees(rows, tree)) return { tree, changes: [] }
    // All that it says is in the entries, so that it differs no more where they do.
    return {
      tree: withContent(tree, path, Buffer.from('agrees with the contents\n')),
      changes: [{ path, before: `${rows.length} rows`, after: 'what the wheel holds' }],
    }
  },
}

/** A row of it. */
export interface RecordRow {
  readonly path: string
  /** `sha256=<base64url>`; empty: none. */
  readonly digest: string
  readonly sizeBytes: string
}

/** The rows of a RECORD, a CSV file of three columns; undefined if it is none. */
export function readRecord(text: string): readonly RecordRow[] | undefined {
  const rows: RecordRow[] = []
  for (const line of text.replace(/\r?\n$/, '').split(/\r?\n/)) {
    const match = /^(?:"((?:[^"]|"")*)"|([^",]*)),([^",]*),([^",]*)$/.exec(line)
    if (match === null) return undefined
    const path = match[1]?.replaceAll('""', '"') ?? match[2] ?? ''
    rows.push({ path, digest: match[3] ?? '', sizeBytes: match[4] ?? '' })
  }
  return rows
}

/** True if each file is listed once, with the SHA-256 and the size that it has, and nothing else is. */
function agrees(rows: readonly RecordRow[], tree: Tree): boolean {
  const files = new Map(tree.entries.filter(({ type }) => type !== 'directory').map((entry) => [entry.path, entry]))
  for (const { path, digest, sizeBytes } of rows) {
    const entry = files.get(path)
    if (entry?.sha256 === undefined || !files.delete(path)) return false
    if (digest === '' && sizeBytes === '' && UNHASHED.test(path)) continue
    const wanted = `sha256=${Buffer.from(entry.sha256, 'hex').toString('base64url')}`
    if (digest !== wanted || sizeBytes !== String(entry.sizeBytes)) return false
  }
  return files.size === 0
}
