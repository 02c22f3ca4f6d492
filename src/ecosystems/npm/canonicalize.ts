/** How packages are compared: tarballs with the rules of `canonical/`. */
import type { Format } from '../../archive/archive.ts'
import { type Comparator, createComparator } from '../../archive/comparator.ts'
import { malformed } from '../../archive/malformed.ts'
import { gitHeadRule } from './canonical/git-head.ts'
import { manifestLayoutRule } from './canonical/manifest-layout.ts'
import { topFolder, topFolderRule } from './canonical/top-folder.ts'

/** A package's tarball. With several top folders two files would become one on the client's disk. */
export const TARBALL: Format = {
  name: 'tarball/1',
  container: 'tar',
  layer: false,
  rules: [topFolderRule, gitHeadRule, manifestLayoutRule],
  check({ entries }) {
    const bare = entries.find(({ path, type }) => !path.includes('/') && type !== 'directory')
    if (bare !== undefined) throw malformed(0, 'every file in one top folder', bare.path)
    if (entries.length > 0 && topFolder(entries.map(({ path }) => path)) === undefined) {
      throw malformed(0, 'one top folder', 'several')
    }
  },
}

/** How a file of this name is read; undefined: it is no package. */
export function formatOf(name: string): Format | undefined {
  return /\.tgz$/i.test(name) ? TARBALL : undefined
}

/** `compare` and `canonicalDigest` of `Rebuild`. */
export const canonicalize: Comparator = createComparator(() => TARBALL)
