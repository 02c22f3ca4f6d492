/** By what an entry is found in the log's index. */
import { type Digest, parseDigest } from '../digest.ts'
import { type Purl, packageOf, parsePurl } from '../purl.ts'
import type { Entry, VerdictEntry } from './entry.ts'

/** The packages that an entry is about, and the bytes that it says something about. */
export interface EntryKeys {
  readonly purls: readonly Purl[]
  readonly digests: readonly Digest[]
  /** Packages on a release of which the entry decides: of a verdict, a dispute, a revocation. */
  readonly packages: readonly Purl[]
}

/** The same before anybody looked whether they are well-formed. */
export interface RoughEntryKeys {
  readonly purls: readonly string[]
  readonly digests: readonly string[]
  readonly packages: readonly string[]
}

/**
 * The keys of an entry. Digests are those that a verdict agreed on (as built and as upstream has them, sha256, sha512 and sha1) or that
 * a revocation names; what one builder alone reports is found by its purl.
 */
export function entryKeys(entry: Entry): EntryKeys {
  const { purls, digests, packages } = roughEntryKeys(entry)
  return {
    purls: purls.map(parsePurl),
    digests: [...new Set(digests)].map(parseDigest),
    packages: packages.map(parsePurl),
  }
}

/** The keys of an entry as they stand in it: the same words for entries of `parseEntry`, where purls are canonical. */
export function roughEntryKeys(entry: Entry): RoughEntryKeys {
  switch (entry.kind) {
    case 'member':
    case 'policy':
    case 'head':
      return { purls: [], digests: [], packages: [] }
    case 'verdict':
      return { purls: [entry.purl], digests: digestsOf(entry), packages: [packageOf(entry.purl)] }
    case 'dispute':
      return { purls: [entry.purl], digests: [], packages: [packageOf(entry.purl)] }
    case 'revocation': {
      const named = entry.step === 'vote' ? entry.tx.body : entry
      return { purls: [named.purl], digests: named.digests, packages: [packageOf(named.purl)] }
    }
    default:
      return { purls: [entry.purl], digests: [], packages: [] }
  }
}

function digestsOf({ agreed }: VerdictEntry): string[] {
  if (agreed === null || !('files' in agreed)) return []
  return agreed.files.flatMap((file) => {
    const upstream = 'upstream' in file && file.upstream !== null ? [`sha256:${file.upstream.sha256}`] : []
    return [`sha256:${file.sha256}`, `sha512:${file.sha512}`, `sha1:${file.sha1}`, ...upstream]
  })
}
