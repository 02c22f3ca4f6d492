/** Which file of a package is its manifest: `package.json` right below the top folder, whatever that is called. */
import type { Tree } from '../../../archive/archive.ts'

/** True for its path. */
export function isManifest(path: string): boolean {
  return /^[^/]+\/package\.json$/.test(path)
}

/** Its path; undefined if there is none, or several. */
export function manifestOf(tree: Tree): string | undefined {
  const paths = [...tree.contents.keys()].filter(isManifest)
  return paths.length === 1 ? paths[0] : undefined
}
