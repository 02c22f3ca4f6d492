/** The order of versions: semver's, made total. */
import semver, { type SemVer } from 'semver'

/** What people write for short in rules (`4.0`, `v4`), with a prerelease or build metadata behind it. */
const SHORT = /^[v=\s]*(?<numbers>\d{1,16}(?:\.\d{1,16})?)(?<rest>[-+][0-9A-Za-z.+-]{1,200})?$/

/**
 * A total order: what is no semantic version comes first, in code unit order; then semver's precedence, build metadata
 * included (`compareBuild`); equal only if the texts are equal. Missing numbers are zeros.
 */
export function compareNpmVersions(a: string, b: string): number {
  const left = meaningOf(a)
  const right = meaningOf(b)
  const built = left !== null && right !== null ? semver.compareBuild(left, right) : 0
  return compareNpmPrecedence(a, b) || built || compareText(a, b)
}

/** Semver's precedence: build metadata does not count, and missing numbers are zeros. */
export function compareNpmPrecedence(a: string, b: string): number {
  const left = meaningOf(a)
  const right = meaningOf(b)
  if (left !== null && right !== null) return semver.compare(left, right)
  if (left === null && right === null) return compareText(a, b)
  return left === null ? -1 : 1
}

/** Without the zeros `<4.0` would be below every version, and a rule that says it would do nothing. */
function meaningOf(text: string): SemVer | null {
  const whole = semver.parse(text)
  if (whole !== null) return whole
  const { numbers, rest = '' } = SHORT.exec(text)?.groups ?? {}
  if (numbers === undefined) return null
  return semver.parse(`${numbers}${numbers.includes('.') ? '.0' : '.0.0'}${rest}`)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
