/** The order of versions: semver's, made total. */
import semver from 'semver'

/**
 * A total order: what is no semantic version comes first, in code unit order; then semver's precedence, build metadata
 * included (`compareBuild`); equal only if the texts are equal.
 */
export function compareNpmVersions(a: string, b: string): number {
  const left = semver.parse(a)
  const right = semver.parse(b)
  const built = left !== null && right !== null ? semver.compareBuild(left, right) : 0
  return compareNpmPrecedence(a, b) || built || compareText(a, b)
}

/** Semver's precedence: build metadata does not count. */
export function compareNpmPrecedence(a: string, b: string): number {
  const left = semver.parse(a)
  const right = semver.parse(b)
  if (left !== null && right !== null) return semver.compare(left, right)
  if (left === null && right === null) return compareText(a, b)
  return left === null ? -1 : 1
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
