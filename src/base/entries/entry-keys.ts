/** By what an entry is found in the log's index. */
import { type Digest, parseDigest } from '../digest.ts'
import { type Purl, parsePurl } from '../purl.ts'
import type { Entry, VerdictEntry } from './entry.ts'

/** The packages that an entry is about, and the bytes that it says something about. */
export interface EntryKeys {
  readonly purls: readonly Purl[]
  readonly digests: readonly Digest[]
}

/**
 * The keys of an entry. Digests are those that a verdict agreed on (as built and as upstream has them, sha256, sha512 and sha1) or that
 * a revocation names; what one builder alone reports is found by its purl.
 */
export function entryKeys(entry: Entry): EntryKeys {
  switch (entry.kind) {
    case 'member':
    case 'policy':
    case 'head':
      return { purls: [], digests: [] }
    case 'verdict':
      return keys(entry.purl, digestsOf(entry))
    case 'revocation': {
      const named = entry.step === 'vote' ? entry.tx.body : entry
      return keys(named.purl, named.digests)
    }
    default:
      return keys(entry.purl, [])
  }
}

function keys(purl: string, digests: readonly string[]): EntryKeys {
  return { purls: [parsePurl(purl)], digests: [...new Set(digests)].map(parseDigest) }
}

function digestsOf({ agreed }: VerdictEntry): string[] {
  if (agreed === null || !('files' in agreed)) return []
  return agreed.files.flatMap((file) => {
    const upstream = 'upstream' in file && file.upstream !== null ? [`sha256:${file.upstream.sha256}`] : []
    return [`sha256:${file.sha256}`, `sha512:${file.sha512}`, `sha1:${file.sha1}`, ...upstream]
  })
}
