/**
 * What verdicts do to an index: which releases leave it, so that ranges resolve to those that are given (`2-trust.md`, "What a
 * verdict says", H2). `enforce`: those without a verdict that suffices; `prefer`: those that are refused whatever else they are;
 * `observe`: none, and what the others would have done is counted. Takes turns with other requests.
 */
import type { Clock } from '../../base/clock.ts'
import type { Digest } from '../../base/digest.ts'
import type { CompareVersions } from '../../base/osv/advisory.ts'
import { formatPurl, type Purl, purlParts } from '../../base/purl.ts'
import type { Release } from '../../base/releases.ts'
import type { HiddenRelease } from '../../ecosystems/ecosystem.ts'
import type { VerifiedAnswer } from '../../policy/policy.ts'
import type { VerdictQuestion, VerifiedLevel } from '../../policy/verdict.ts'
import type { PackageFindings } from './package-verdicts.ts'

/** What is asked for each release. */
export interface IndexQuestion {
  /** Without version. */
  readonly package: Purl
  readonly level: VerifiedLevel
  readonly releases: readonly Release[]
  readonly findings: PackageFindings
  readonly compare: CompareVersions
}

/** Who answers. */
export interface IndexJudges {
  /** A release as its users write it. */
  readonly labelOf: (release: Purl) => string
  /** True: the owner keeps these bytes for offline use. */
  readonly isKept: (file: Digest) => boolean
  readonly judge: (release: Purl, verdict: VerdictQuestion) => VerifiedAnswer
  readonly clock: Clock
}

/** What verdicts do to an index. */
export interface IndexVerdicts {
  readonly hidden: readonly HiddenRelease[]
  /** How many releases the strictest level would leave out. */
  readonly would: number
  /** The newest release that is hidden and of which the log says nothing: what a user would have got. */
  readonly lacking: Purl | undefined
}

/** Releases after which other requests have their turn: some milliseconds' worth. */
const RELEASES_PER_TURN = 512

/** Judges the releases of an index. @throws aborted.caller */
export async function judgeIndex(
  { package: named, level, releases, findings, compare }: IndexQuestion,
  judges: IndexJudges,
  signal: AbortSignal,
): Promise<IndexVerdicts> {
  const hidden: HiddenRelease[] = []
  const parts = purlParts(named)
  let would = 0
  let newest: string | undefined
  let turn = RELEASES_PER_TURN
  for (const release of releases) {
    // Of what the log says nothing, only the strictest level has anything to say.
    if (level === 'prefer' && !findings.versions.has(release.version)) continue
    if (--turn < 0) {
      turn = RELEASES_PER_TURN
      await judges.clock.sleep(0, signal)
    }
    const purl = formatPurl({ ...parts, version: release.version })
    const files = judgeFiles(purl, release, findings, judges)
    if (files.every(({ answer }) => answer.kind === 'deny' || answer.would !== undefined)) would++
    const denied = files.filter(({ answer }) => answer.kind === 'deny')
    const [first] = denied
    if (first?.answer.kind !== 'deny') continue
    const reason = first.answer.reason.message
    const isNewer = newest === undefined || compare(release.version, newest) > 0
    if (isNewer && !findings.versions.has(release.version)) newest = release.version
    const some = denied.flatMap(({ file }) => (file === undefined ? [] : [file]))
    const { version } = release
    hidden.push(denied.length === files.length ? { version, reason } : { version, reason, files: some })
  }
  return { hidden, would, lacking: newest === undefined ? undefined : formatPurl({ ...parts, version: newest }) }
}

interface JudgedFile {
  /** Undefined: the release as a whole, whose files the index does not tell apart. */
  readonly file: Digest | undefined
  readonly answer: VerifiedAnswer
}

function judgeFiles(
  purl: Purl,
  { version, files }: Release,
  findings: PackageFindings,
  { labelOf, isKept, judge }: IndexJudges,
): JudgedFile[] {
  const label = labelOf(purl)
  const { stale } = findings
  const asked: Array<Digest | undefined> = files === undefined || files.length === 0 ? [undefined] : [...files]
  return asked.map((file) => {
    const evidence = findings.of(version, file === undefined ? [] : [file])?.evidence
    const kept = stale !== undefined && file !== undefined && isKept(file)
    return { file, answer: judge(purl, { label, evidence, stale, kept }) }
  })
}
