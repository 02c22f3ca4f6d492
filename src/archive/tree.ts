/** What rules have in common: another content for a file of a tree. */
import { hash } from 'node:crypto'
import type { Tree } from './archive.ts'

/** The tree with another content of this file; everything else of it stays. */
export function withContent(tree: Tree, path: string, content: Uint8Array): Tree {
  const told = { sha256: hash('sha256', content, 'hex'), sizeBytes: content.byteLength }
  return {
    entries: tree.entries.map((entry) => (entry.path === path ? { ...entry, ...told } : entry)),
    contents: new Map(tree.contents).set(path, content),
  }
}

/** A content as text; undefined if it is not there or no UTF-8. */
export function textOf(tree: Tree, path: string): string | undefined {
  const bytes = tree.contents.get(path)
  if (bytes === undefined) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
