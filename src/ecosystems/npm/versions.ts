/** The order of versions: semver's, made total. */
import semver from 'semver'

/**
 * A total order: what is no semantic version comes first, in code unit order; then semver's precedence, build metadata
 * included (`compareBuild`); equal only if the texts are equal.
 */
export function compareNpmVersions(a: string, b: string): number {
  const left = semver.parse(a)
  const right = semver.parse(b)
  if (left !== null && right !== null) return semver.compareBuild(left, right) || compareText(a, b)
  if (left === null && right === null) return compareText(a, b)
  return left === null ? -1 : 1
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
