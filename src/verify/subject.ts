/** Finds what a proof says of the package or artefact at hand. A valid proof of something else is no proof. Pure. */
import type { Digest } from '../base/digest.ts'
import type { Entry, VerdictEntry } from '../base/entries/entry.ts'
import { type EntryKeys, entryKeys } from '../base/entries/entry-keys.ts'
import { AppError } from '../base/errors.ts'
import type { Purl } from '../base/purl.ts'

/** What the log says of one package. */
export interface Subject {
  readonly purl: Purl
  /** Index of the entry that says it. */
  readonly index: number
  /** The newest verdict; undefined if the file carries none, but other entries about the package. */
  readonly verdict: VerdictEntry | undefined
  /** Those of the asked digests that the verdict names. */
  readonly digests: readonly Digest[]
}

interface Logged {
  readonly index: number
  readonly entry: Entry | undefined
}

/** A known entry with its index. */
interface Known extends EntryKeys {
  readonly index: number
  readonly entry: Entry
}

/**
 * What the proven entries say of the package or digests that were asked for; without a question, of the only package that they are
 * about. @throws untrusted.malformed; untrusted.subject if it is something else (attack G5); untrusted.revoked if they say that it was withdrawn or that its
 * verdict was overturned
 */
export function findSubject(
  logged: readonly Logged[],
  asked: { readonly purl?: Purl | undefined; readonly digests?: readonly Digest[] | undefined },
): Subject | undefined {
  const known = logged.flatMap(({ index, entry }) =>
    entry === undefined ? [] : [{ index, entry, ...keysOf(index, entry) }],
  )
  const purls = new Set(known.flatMap((one) => one.purls))
  const digests = asked.digests ?? []
  const purl = asked.purl ?? only(known, purls, digests)
  if (purl === undefined && digests.length === 0) return undefined
  if (purl === undefined || !purls.has(purl)) {
    throw refused(asked.purl ?? digests.join(', '), purls.size === 0 ? 'no package' : [...purls].join(', '))
  }
  const about = known.filter((one) => one.purls.includes(purl)).sort((a, b) => b.index - a.index)
  const newest = about.find(({ entry }) => entry.kind === 'verdict')
  const verdict = newest?.entry.kind === 'verdict' ? newest.entry : undefined
  const named = newest?.digests ?? []
  const matching = digests.filter((digest) => named.includes(digest))
  checkWithdrawn(about, verdict, digests)
  if (digests.length > 0 && matching.length === 0) {
    throw refused(digests.join(', '), `${purl}, of which it names ${named.join(', ') || 'no file'}`)
  }
  return { purl, index: newest?.index ?? about[0]?.index ?? 0, verdict, digests: matching }
}

/** What cannot be read must not be passed over: it could be what withdraws the package. */
function keysOf(index: number, entry: Entry): EntryKeys {
  try {
    return entryKeys(entry)
  } catch (error) {
    throw new AppError('untrusted.malformed', `verifying a proof: what entry ${index} is about`, { cause: error })
  }
}

/** The package that the question leaves open: that of the verdict which names the digest, or the only one of the file. */
function only(known: readonly Known[], purls: ReadonlySet<Purl>, digests: readonly Digest[]): Purl | undefined {
  if (digests.length > 0) {
    const naming = known.find((one) => digests.some((digest) => one.digests.includes(digest)))
    if (naming !== undefined) return naming.purls[0]
  }
  return purls.size === 1 ? [...purls][0] : undefined
}

function checkWithdrawn(about: readonly Known[], verdict: VerdictEntry | undefined, asked: readonly Digest[]): void {
  for (const { index, entry } of about) {
    if (entry.kind === 'revocation' && entry.step === 'effective') {
      if (asked.length > 0 && entry.digests.length > 0 && !asked.some((digest) => entry.digests.includes(digest)))
        continue
      const message = `verifying a proof: ${entry.purl} was revoked by entry ${index}: ${entry.reason}`
      throw new AppError('untrusted.revoked', message, { data: { index } })
    }
    if (
      entry.kind === 'dispute' &&
      entry.step === 'upheld' &&
      (verdict === undefined || entry.verdictOf === verdict.request)
    ) {
      const message = `verifying a proof: the verdict on ${entry.purl} was overturned by entry ${index}`
      throw new AppError('untrusted.revoked', message, { data: { index } })
    }
  }
}

function refused(wanted: string, found: string): AppError {
  return new AppError('untrusted.subject', `verifying a proof: wanted one about ${wanted}, found one about ${found}`)
}
