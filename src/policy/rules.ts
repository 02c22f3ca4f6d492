/**
 * The rules of an owner as values, and which of them speak of a package. For each aspect (access, age, vulnerabilities, verified
 * level) the first rule that matches and says something of it decides. Pure; read from TOML by `read-rules.ts`.
 */
import type { CompareVersions, Severity } from '../base/osv/advisory.ts'
import type { PackageQuestion } from './policy.ts'
import type { Acceptable, VerifiedLevel } from './verdict.ts'

/** One rule. What it does not say is left to the rules behind it. */
export interface Rule {
  /** For people: `rule 3` or what the owner called it. */
  readonly title: string
  /** The rule as it was written, on one line. */
  readonly written: string
  /** The purl type; undefined: every ecosystem. */
  readonly ecosystem: string | undefined
  /** Undefined: every name. */
  readonly names: readonly RegExp[] | undefined
  /** Instead of `names` for ecosystems that spell some of them in another way. */
  readonly respelled?: ReadonlyMap<string, readonly RegExp[]>
  /** Undefined: every version. Only with `access`. */
  readonly versions: ReadonlyArray<readonly Comparator[]> | undefined
  /** `private`: asked of no upstream but those of `upstreams`. */
  readonly access: 'allow' | 'block' | 'private' | undefined
  readonly upstreams: readonly string[]
  /** Releases are kept back until they are this old. */
  readonly ageSecondsMin: number | undefined
  /** What becomes of a release whose time nobody can tell. */
  readonly unknownAge: 'allow' | 'deny'
  readonly vulnerable: 'block' | 'warn' | 'ignore' | undefined
  /** Advisories below it are passed over; those of unknown severity count always. */
  readonly severityMin: Severity
  readonly verified: VerifiedLevel | undefined
  /** With `enforce`: what is enough besides a rebuild. */
  readonly accept: readonly Acceptable[]
  /** For the user's screen. */
  readonly reason: string | undefined
}

/** One condition on a version; all of a list must hold. */
export interface Comparator {
  readonly operator: '<' | '<=' | '=' | '>=' | '>'
  readonly version: string
}

/** All rules. */
export interface Rules {
  /** What becomes of packages that no rule's `access` speaks of. */
  readonly fallback: 'allow' | 'deny'
  readonly rules: readonly Rule[]
}

/** No rules: everything is allowed. */
export const NO_RULES: Rules = { fallback: 'allow', rules: [] }

/** True if the rule speaks of this package, whatever the version. */
export function matchesPackage(rule: Rule, { ecosystem, name }: Pick<PackageQuestion, 'ecosystem' | 'name'>): boolean {
  if (rule.ecosystem !== undefined && rule.ecosystem !== ecosystem) return false
  const names = rule.respelled?.get(ecosystem) ?? rule.names
  return names === undefined || names.some((pattern) => pattern.test(name))
}

/** True if the rule speaks of this version of a package that it matches. */
export function matchesVersion(rule: Rule, version: string, compare: CompareVersions): boolean {
  if (rule.versions === undefined) return true
  return rule.versions.some((range) => range.every((comparator) => holds(comparator, version, compare)))
}

/** The first rule that says what verdicts do to serving this package; undefined: none does, and `prefer` holds. */
export function verifiedRule(rules: Rules, question: Pick<PackageQuestion, 'ecosystem' | 'name'>): Rule | undefined {
  return rules.rules.find((rule) => rule.verified !== undefined && matchesPackage(rule, question))
}

/** A name with `*` for any text, whatever the case of its letters. */
export function namePattern(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
  return new RegExp(`^${parts.join('[^]*')}$`, 'i')
}

function holds({ operator, version }: Comparator, found: string, compare: CompareVersions): boolean {
  const order = compare(found, version)
  if (operator === '=') return found === version || order === 0
  if (operator === '<') return order < 0
  if (operator === '<=') return order <= 0
  return operator === '>' ? order > 0 : order >= 0
}
