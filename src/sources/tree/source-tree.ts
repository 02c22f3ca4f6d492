/**
 * The digest of a source tree's content, `docs/spec/source-tree.md`. Pure: who reads the tree hands in its entries.
 */
import { createHash } from 'node:crypto'
import type { Hex32 } from '../../base/entries/fields.ts'

/** What an entry is: an ordinary file, one that may be executed, a symbolic link, a folder with nothing in it. */
export type EntryType = 'file' | 'executable' | 'link' | 'empty'

/** One entry of a tree. */
export interface TreeEntry {
  /** Relative to the tree's root, as bytes, names separated by slashes. */
  readonly path: Uint8Array
  readonly type: EntryType
  /** Of the content; of a link's target; zero for an empty folder. */
  readonly sizeBytes: number
  /** SHA-256 of the content, or of a link's target; of nothing for an empty folder. */
  readonly sha256: Hex32
}

/** First line of what is hashed; a change of the rule changes it. */
const HEAD = 'pyrsia-source-tree-v1\n'
const LETTERS: Readonly<Record<EntryType, string>> = { file: 'f', executable: 'x', link: 'l', empty: 'd' }

/** SHA-256 over one line for each entry, sorted by the bytes of their paths. */
export function treeDigest(entries: readonly TreeEntry[]): Hex32 {
  const hash = createHash('sha256').update(HEAD)
  for (const { path, type, sizeBytes, sha256 } of entries.toSorted((a, b) => Buffer.compare(a.path, b.path))) {
    hash.update(`${LETTERS[type]} ${path.byteLength}:`).update(path).update(` ${sizeBytes} ${sha256}\n`)
  }
  return hash.digest('hex')
}

/** SHA-256 of bytes, hex. */
export function sha256Of(bytes: Uint8Array | string): Hex32 {
  return createHash('sha256').update(bytes).digest('hex')
}
