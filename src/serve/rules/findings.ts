/**
 * What entries of the log say of one file: the newest verdict on its release, whether that was disputed, whether it was revoked.
 * Pure. What follows from it is the policy's to say (`policy/verdict.ts`); `verdicts.ts` reads the entries.
 */
import { algorithmOf, type Digest, digestOf, parseDigest } from '../../base/digest.ts'
import type { DisputeEntry, RevocationEntry, VerdictEntry } from '../../base/entries/entry.ts'
import type { VerdictEvidence, VerdictFile, VerdictStatus } from '../../policy/verdict.ts'

/** An entry and where it is. */
export interface Logged<E> {
  readonly index: number
  readonly entry: E
}

/** What the log has on a release or a file, newest first. */
export interface Findings {
  readonly verdicts: readonly Logged<VerdictEntry>[]
  /** Those that were upheld. */
  readonly disputes: readonly Logged<DisputeEntry>[]
  readonly revocations: readonly Logged<RevocationEntry & { readonly step: 'effective' }>[]
}

/** The file that is asked for. */
export interface AskedFile {
  /** None: the release as a whole is meant. */
  readonly digests: readonly Digest[]
  /** As upstream calls it; undefined: it has no name. */
  readonly name: string | undefined
  /**
   * True: only its digests are known, as an index states them, and it is taken for a file of the verdict unless they show that it
   * is none. When its bytes are given, it is asked for by its name, and held to the agreed digest.
   */
  readonly nameless?: true
}

/** Evidence for the policy, and what it takes to be this file. */
export interface FileFinding {
  readonly evidence: VerdictEvidence
  /** Digests that the file's bytes must have besides those that were stated: what was agreed upon under its name. */
  readonly pins: readonly Digest[]
  /** Index of the entry that decides. */
  readonly index: number
  /** When it was logged, seconds since 1970. */
  readonly atSeconds: number
}

/** How a log is called in sentences, and whether it is of one node alone. */
export interface LogName {
  readonly origin: string
  readonly solo: boolean
}

/** What the findings say of the file at `nowSeconds`; undefined: nothing. */
export function findingOf(found: Findings, file: AskedFile, log: LogName, nowSeconds: number): FileFinding | undefined {
  const revoked = found.revocations.find(({ entry }) => concerns(entry.digests, file.digests))
  if (revoked !== undefined) {
    const { index, entry } = revoked
    const says = `entry ${index} of the log ${log.origin} of ${day(entry.at.timeSeconds)}: ${entry.reason}`
    return {
      index,
      atSeconds: entry.at.timeSeconds,
      pins: [],
      evidence: { status: 'revoked', file: 'named', level: undefined, says },
    }
  }
  const [verdict] = found.verdicts
  const disputed = found.disputes.find(({ index }) => verdict === undefined || !standsAfter(verdict, index))
  if (disputed !== undefined) {
    const { index, entry } = disputed
    const says = `entry ${index} of the log ${log.origin} of ${day(entry.at.timeSeconds)}: a fresh selection found otherwise`
    return {
      index,
      atSeconds: entry.at.timeSeconds,
      pins: [],
      evidence: { status: 'disputed', file: 'named', level: undefined, says },
    }
  }
  return verdict === undefined ? undefined : ofVerdict(verdict, file, log, nowSeconds)
}

/** A later verdict on a request of its own takes the place of a disputed one; the answer to the dispute does not. */
function standsAfter({ index, entry }: Logged<VerdictEntry>, disputeIndex: number): boolean {
  return index > disputeIndex && entry.disputes === null
}

function ofVerdict(
  { index, entry }: Logged<VerdictEntry>,
  file: AskedFile,
  log: LogName,
  nowSeconds: number,
): FileFinding {
  const status = statusOf(entry, log.solo, nowSeconds)
  const found = fileIn(entry, file)
  const by = entry.panel.filter(({ agreed }) => agreed).length
  const agreed = entry.agreed === null ? '' : `, ${by} of ${entry.builders} builders alike`
  const level = found.level === undefined ? '' : `, ${found.level}`
  const says = `entry ${index} of the log ${log.origin} of ${day(entry.at.timeSeconds)}: ${entry.outcome}${level}${agreed}`
  return {
    index,
    atSeconds: entry.at.timeSeconds,
    pins: found.pins,
    evidence: { status, file: found.file, level: found.level, says },
  }
}

/** A network of one node never says `rebuilt`, whatever its entries say. */
function statusOf(entry: VerdictEntry, solo: boolean, nowSeconds: number): VerdictStatus {
  if (entry.expiresSeconds !== null && nowSeconds >= entry.expiresSeconds) return 'expired'
  const { outcome } = entry
  if (solo && (outcome === 'rebuilt' || outcome === 'witnessed')) return 'built-once'
  if (outcome !== 'rebuilt') return outcome
  return entry.relation === 'equal' ? 'rebuilt-equal' : 'rebuilt-differs'
}

interface FoundFile {
  readonly file: VerdictFile
  readonly level: string | undefined
  readonly pins: readonly Digest[]
}

const UNNAMED: FoundFile = { file: 'unnamed', level: undefined, pins: [] }

/**
 * The file among those of a verdict: by any digest that both have, else by its name. By its name alone it is pinned: the digest that
 * upstream's bytes had is demanded of them as well.
 */
function fileIn({ agreed }: VerdictEntry, asked: AskedFile): FoundFile {
  if (agreed === null || !('files' in agreed)) return UNNAMED
  const rows = agreed.files.map((file) => {
    const own = [digestOf('sha256', file.sha256), digestOf('sha512', file.sha512), digestOf('sha1', file.sha1)]
    if (!('upstream' in file)) return { name: file.name, digests: own, level: undefined }
    if (file.upstream === null) return { name: file.name, digests: [], level: 'mismatch' }
    const { sha256, level } = file.upstream
    // Only of the same bytes is every digest known; of others it is one.
    return { name: file.name, digests: level === 'exact' ? own : [digestOf('sha256', sha256)], level }
  })
  if (asked.digests.length === 0) return wholeOf(rows)
  const row =
    rows.find(({ digests }) => meet(digests, asked.digests)) ??
    rows.find(({ name }) => name === asked.name) ??
    (asked.nameless ? rows.find(({ digests }) => mayBe(digests, asked.digests)) : undefined)
  if (row === undefined) return UNNAMED
  const same = row.level === undefined || !UNEQUAL.includes(row.level)
  if (contradict(row.digests, asked.digests)) return { file: 'other', level: row.level, pins: [] }
  return { file: same ? 'named' : 'differs', level: row.level, pins: same ? row.digests.slice(0, 1) : [] }
}

/** What a verdict says of a release whatever the file: the worst that it says of any. */
function wholeOf(rows: readonly { readonly level: string | undefined }[]): FoundFile {
  const worst = rows.find(({ level }) => level !== undefined && UNEQUAL.includes(level)) ?? rows[0]
  if (worst === undefined) return UNNAMED
  const differs = worst.level !== undefined && UNEQUAL.includes(worst.level)
  return { file: differs ? 'differs' : 'named', level: worst.level, pins: [] }
}

const UNEQUAL: readonly string[] = ['excluded', 'mismatch', 'malformed']

/** True for a revocation of all bytes, of these, or of bytes of which nobody can tell whether they are these. */
function concerns(revoked: readonly string[], digests: readonly Digest[]): boolean {
  const named = revoked.map(parseDigest)
  return named.length === 0 || meet(named, digests) || !contradict(named, digests)
}

function meet(a: readonly Digest[], b: readonly Digest[]): boolean {
  return a.some((digest) => b.includes(digest))
}

/** True if nothing shows that the one who has these digests has not those. */
function mayBe(a: readonly Digest[], b: readonly Digest[]): boolean {
  return a.length > 0 && !contradict(a, b)
}

/** True if some algorithm gives both of them digests, none of which are the same. */
function contradict(a: readonly Digest[], b: readonly Digest[]): boolean {
  return !meet(a, b) && a.some((one) => b.some((other) => algorithmOf(one) === algorithmOf(other)))
}

/** `2026-11-23`. */
function day(seconds: number): string {
  return new Date(Math.min(seconds, SECONDS_MAX) * 1000).toISOString().slice(0, 10)
}

/** The end of the year 9999. */
const SECONDS_MAX = 253_402_300_799
