/**
 * Rule `top-folder/1`: clients take the first part off every path, so that it may be called anything; most packages say `package`. Not where
 * there are links, whose targets might name it.
 */
import type { Rule } from '../../../archive/archive.ts'

const USUAL = 'package'

/** See above. */
export const topFolderRule: Rule = {
  name: 'top-folder/1',
  level: 'metadata',
  wants: () => false,
  apply(tree) {
    const top = topFolder(tree.entries.map(({ path }) => path))
    if (top === undefined || top === USUAL || tree.entries.some(({ target }) => target !== undefined)) {
      return { tree, changes: [] }
    }
    const renamed = (path: string) => `${USUAL}${path.slice(top.length)}`
    return {
      tree: {
        entries: tree.entries.map((entry) => ({ ...entry, path: renamed(entry.path) })),
        contents: new Map([...tree.contents].map(([path, content]) => [renamed(path), content])),
      },
      changes: [{ path: top, before: top, after: USUAL }],
    }
  },
}

/** The first part that all paths have in common; undefined if there is none. */
export function topFolder(paths: readonly string[]): string | undefined {
  const tops = new Set(paths.map((path) => path.split('/', 1)[0]))
  return tops.size === 1 ? [...tops][0] : undefined
}
