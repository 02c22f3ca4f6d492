/**
 * The policy that applies an owner's rules. Every denial says which rule it was, what was wanted and found, and (age) from when
 * on it will be allowed; the sentences hold no "ago", so that the same release gives the same sentence. Pure: exceptions and
 * advisories are looked up through the functions that it is handed.
 */

import type { Reason } from '../base/located.ts'
import { type Advisory, affectedVersions, type CompareVersions, fixedAfter, SEVERITIES } from '../base/osv/advisory.ts'
import { type Purl, purlParts } from '../base/purl.ts'
import type { Release } from '../base/releases.ts'
import { decideOnEvidence } from './integrity.ts'
import type {
  PackageQuestion,
  Policy,
  PolicyAnswer,
  PolicyException,
  PolicyInterest,
  ReleaseAnswer,
  ReleaseAnswers,
  ReleasesQuestion,
} from './policy.ts'
import { matchesPackage, matchesVersion, type Rule, type Rules, verifiedRule } from './rules.ts'
import { DEFAULT_VERDICT_RULE, judgeVerdict } from './verdict.ts'

/** What the rules are applied with. */
export interface RulePolicySources {
  /** Another one after each change of the rules, exceptions or advisories. */
  readonly revision: () => string
  readonly rules: () => Rules
  /** All exceptions, ended ones too. */
  readonly exceptions: () => readonly PolicyException[]
  /** Known vulnerabilities of a package, of whatever version. */
  readonly advisories: (purl: Purl) => readonly Advisory[]
}

const ALLOW: PolicyAnswer = { kind: 'allow', notes: [] }
/** Advisories that one sentence names. */
const NAMED_MAX = 3
const SUMMARY_LENGTH_MAX = 120
/** Times beyond the year 9999 are shown as that. */
const TIME_MS_MAX = 253_402_300_799_000

/** A policy over these sources. */
export function createRulePolicy(sources: RulePolicySources): Policy {
  const exceptionFor = (purl: Purl, nowMs: number) => findException(sources.exceptions(), purl, nowMs)
  return {
    get revision() {
      return sources.revision()
    },
    decide: decideOnEvidence,
    exceptionFor,
    admit(question) {
      const rule = packageAccess(sources.rules(), question)
      if (rule === undefined) return ALLOW
      if (rule === 'unlisted') {
        return isExcepted(sources.exceptions(), question)
          ? ALLOW
          : deny(`${question.name} is on no allow list of this node`)
      }
      if (rule.access === 'private') {
        return rule.upstreams.length > 0 ? ALLOW : { kind: 'deny', reason: privateReason(question, rule) }
      }
      if (isExcepted(sources.exceptions(), question)) return ALLOW
      return deny(`${question.name} is blocked${because(rule)}`)
    },
    mayAsk(question, upstream) {
      const rule = privateRule(sources.rules(), question)
      return rule === undefined || rule.upstreams.includes(upstream)
        ? undefined
        : privateReason(question, rule, upstream)
    },
    isPrivate: (question) => privateRule(sources.rules(), question) !== undefined,
    keepsNames: (ecosystem) =>
      sources.rules().rules.some((rule) => rule.access === 'private' && (rule.ecosystem ?? ecosystem) === ecosystem),
    interest: (question) => interestOf(sources, question),
    hides(ecosystem) {
      const { rules, fallback } = sources.rules()
      return fallback === 'deny' || rules.some((rule) => mayHide(rule, ecosystem))
    },
    judge: (question) => judge(sources, question),
    verifiedLevel: (question) => verifiedRule(sources.rules(), question)?.verified ?? DEFAULT_VERDICT_RULE.level,
    enforces: (ecosystem) =>
      sources.rules().rules.some((rule) => rule.verified === 'enforce' && (rule.ecosystem ?? ecosystem) === ecosystem),
    judgeVerdict(question, release, verdict) {
      const rule = verifiedRule(sources.rules(), question)
      const { verified: level = DEFAULT_VERDICT_RULE.level, accept = [] } = rule ?? {}
      const answer = judgeVerdict(verdict, { level, accept, because: rule === undefined ? '' : because(rule) })
      const exception = answer.kind === 'allow' ? undefined : exceptionFor(release ?? question.purl, question.nowMs)
      if (answer.kind === 'allow' || exception === undefined) return answer
      const { message } = answer.reason
      const notes = [`${message}; let through by an exception: ${exception.reason}`]
      return { kind: 'allow', notes, binds: false, would: message, exception }
    },
  }
}

function interestOf({ rules, advisories }: RulePolicySources, question: PackageQuestion): PolicyInterest {
  const matching = rules().rules.filter((rule) => matchesPackage(rule, question))
  const ageRule = matching.find((rule) => rule.ageSecondsMin !== undefined)
  const times = ageRule !== undefined && (ageRule.ageSecondsMin ?? 0) > 0
  const careful = matching.find((rule) => rule.vulnerable !== undefined)
  const vulnerable = careful !== undefined && careful.vulnerable !== 'ignore' && advisories(question.purl).length > 0
  const listed = matching.some((rule) => rule.access === 'block' || rule.versions !== undefined)
  return { releases: times || vulnerable || listed || rules().fallback === 'deny', times }
}

function mayHide(rule: Rule, ecosystem: string): boolean {
  if (rule.ecosystem !== undefined && rule.ecosystem !== ecosystem) return false
  return rule.access === 'block' || (rule.ageSecondsMin ?? 0) > 0 || rule.vulnerable === 'block'
}

/** The rule (or the lack of one) by which the package is denied as a whole; undefined if some release of it may be allowed. */
function packageAccess({ rules, fallback }: Rules, question: PackageQuestion): Rule | 'unlisted' | undefined {
  for (const rule of rules) {
    if (rule.access === undefined || !matchesPackage(rule, question)) continue
    if (rule.access === 'allow') return undefined
    if (rule.versions === undefined) return rule
  }
  return fallback === 'deny' ? 'unlisted' : undefined
}

function privateRule({ rules }: Rules, question: Pick<PackageQuestion, 'ecosystem' | 'name'>): Rule | undefined {
  const first = rules.find(
    (rule) => rule.access !== undefined && rule.versions === undefined && matchesPackage(rule, question),
  )
  return first?.access === 'private' ? first : undefined
}

function judge(sources: RulePolicySources, question: ReleasesQuestion): ReleaseAnswers {
  const { releases, compare, nowMs } = question
  const rules = sources.rules()
  const matching = rules.rules.filter((rule) => matchesPackage(rule, question))
  const age = matching.find((rule) => rule.ageSecondsMin !== undefined)
  const careful = matching.find((rule) => rule.vulnerable !== undefined)
  const advisories = careful === undefined || careful.vulnerable === 'ignore' ? [] : sources.advisories(question.purl)
  const counted = advisories.filter((advisory) => careful !== undefined && isSevere(advisory, careful))
  const affected = affectedVersions(
    counted.length === 0 ? [] : releases.map(({ version }) => version),
    counted,
    compare,
  )
  const exceptions = sources
    .exceptions()
    .filter((each) => isInForce(each, nowMs) && samePackage(each.purl, question.purl))
  let validUntilMs = Math.min(Number.POSITIVE_INFINITY, ...exceptions.map(({ untilMs }) => untilMs))
  const byVersion = new Map<string, ReleaseAnswer>()
  for (const release of releases) {
    const { version } = release
    const found = affected.get(version) ?? []
    const tooYoung = age === undefined ? undefined : youth(release, age, question)
    if (tooYoung?.untilMs !== undefined) validUntilMs = Math.min(validUntilMs, tooYoung.untilMs)
    const denial =
      accessDenial(rules, matching, question, version) ??
      (careful?.vulnerable === 'block' ? vulnerability(question.name, version, found, careful, compare) : undefined) ??
      tooYoung?.message
    byVersion.set(
      version,
      answer(denial, exceptions, version, () => {
        const warning = vulnerability(question.name, version, found, careful, compare)
        return warning === undefined ? [] : [warning]
      }),
    )
  }
  return { byVersion, validUntilMs }
}

function answer(
  denial: string | undefined,
  exceptions: readonly PolicyException[],
  version: string,
  warnings: () => readonly string[],
): ReleaseAnswer {
  if (denial === undefined) return { kind: 'allow', notes: warnings() }
  const exception = exceptions.find(({ purl }) => (purlParts(purl).version ?? version) === version)
  if (exception === undefined) return deny(denial)
  return { kind: 'allow', notes: [`${denial}; let through by an exception: ${exception.reason}`], exception }
}

function accessDenial(
  { fallback }: Rules,
  matching: readonly Rule[],
  { name, compare }: ReleasesQuestion,
  version: string,
): string | undefined {
  const rule = matching.find((each) => each.access !== undefined && matchesVersion(each, version, compare))
  if (rule === undefined) return fallback === 'deny' ? `${name}@${version} is on no allow list of this node` : undefined
  return rule.access === 'block' ? `${name}@${version} is blocked${because(rule)}` : undefined
}

/** Why a release is too young, and when it no longer is. */
function youth(
  { version, releasedAtMs }: Release,
  rule: Rule,
  { name, nowMs, statesTimes }: ReleasesQuestion,
): { readonly message: string; readonly untilMs: number | undefined } | undefined {
  const ageSecondsMin = rule.ageSecondsMin ?? 0
  if (ageSecondsMin === 0 || (!statesTimes && releasedAtMs === undefined)) return undefined
  const wanted = `this node waits ${showDuration(ageSecondsMin)}`
  if (releasedAtMs === undefined) {
    if (rule.unknownAge === 'allow') return undefined
    return {
      message: `${name}@${version}: nobody can tell when it was published, and ${wanted}${because(rule)}`,
      untilMs: undefined,
    }
  }
  const untilMs = releasedAtMs + ageSecondsMin * 1000
  if (nowMs >= untilMs) return undefined
  const message = `${name}@${version} was published ${showTime(releasedAtMs)}; ${wanted}, until ${showTime(untilMs)}${because(rule)}`
  return { message, untilMs }
}

function vulnerability(
  name: string,
  version: string,
  found: readonly Advisory[],
  rule: Rule | undefined,
  compare: CompareVersions,
): string | undefined {
  if (found.length === 0 || rule === undefined) return undefined
  const named = found
    .slice(0, NAMED_MAX)
    .map(({ id, summary }) => `${id} ${summary.slice(0, SUMMARY_LENGTH_MAX)}`.trim())
  const more = found.length > NAMED_MAX ? ` and ${found.length - NAMED_MAX} more` : ''
  const fixes = found.map((advisory) => fixedAfter(advisory, version, compare))
  const fix = fixes.includes(undefined) ? undefined : (fixes as string[]).sort(compare).at(-1)
  const mend = fix === undefined ? '' : `; fixed in ${fix}`
  return `${name}@${version} has known vulnerabilities: ${named.join(', ')}${more}${mend}${because(rule)}`
}

/** An advisory that does not say how bad it is counts always: malicious packages are among them. */
function isSevere({ severity }: Advisory, rule: Rule): boolean {
  if (severity === 'unknown' || rule.severityMin === 'unknown') return true
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(rule.severityMin)
}

function privateReason({ name }: PackageQuestion, rule: Rule, upstream?: string): Reason {
  const who = upstream === undefined ? 'any upstream' : upstream
  const message = `${name} is a private name, which this node does not ask ${who} for${because(rule)}`
  return { code: 'denied', message }
}

function isExcepted(exceptions: readonly PolicyException[], { purl, nowMs }: PackageQuestion): boolean {
  return exceptions.some((each) => isInForce(each, nowMs) && samePackage(each.purl, purl))
}

function findException(exceptions: readonly PolicyException[], purl: Purl, nowMs: number): PolicyException | undefined {
  const { version } = purlParts(purl)
  return exceptions.find((each) => {
    if (!isInForce(each, nowMs) || !samePackage(each.purl, purl)) return false
    const own = purlParts(each.purl).version
    return own === undefined || own === version
  })
}

function isInForce({ madeAtMs, untilMs }: PolicyException, nowMs: number): boolean {
  return madeAtMs <= nowMs && nowMs < untilMs
}

function samePackage(a: Purl, b: Purl): boolean {
  if (a === b) return true
  const [left, right] = [purlParts(a), purlParts(b)]
  const repository = (parts: typeof left) => parts.qualifiers.repository_url
  return (
    left.type === right.type &&
    left.namespace === right.namespace &&
    left.name === right.name &&
    repository(left) === repository(right)
  )
}

function because({ title, reason }: Rule): string {
  return reason === undefined ? ` (policy: ${title})` : ` (policy: ${reason})`
}

function deny(message: string): { readonly kind: 'deny'; readonly reason: Reason } {
  return { kind: 'deny', reason: { code: 'denied', message } }
}

function showDuration(seconds: number): string {
  if (seconds % 86_400 === 0) return seconds === 86_400 ? '1 day' : `${seconds / 86_400} days`
  if (seconds % 3_600 === 0) return seconds === 3_600 ? '1 hour' : `${seconds / 3_600} hours`
  return seconds % 60 === 0 ? `${seconds / 60} minutes` : `${seconds} seconds`
}

/** `2026-11-23 10:00 UTC`. */
function showTime(ms: number): string {
  const date = new Date(Math.min(ms, TIME_MS_MAX)).toISOString()
  return `${date.slice(0, 10)} ${date.slice(11, 16)} UTC`
}
