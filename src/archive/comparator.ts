/** What an ecosystem offers of all this: files by their names, compared and digested, told in lines for people. */
import type { Change, Difference, FileComparison, Format } from './archive.ts'
import { canonicalDigestOfBytes, compareBytes } from './compare.ts'

const LINES_MAX = 100

/** How two files relate, in short. */
export interface ShortComparison {
  readonly level: FileComparison['level']
  /** Names of the rules that were needed. */
  readonly rules: readonly string[]
  /** At most 100 lines. */
  readonly differences: readonly string[]
}

/** Compares and digests the files of an ecosystem. */
export interface Comparator {
  /** `built` against what the registry has under that name. */
  compare(name: string, built: Uint8Array, upstream: Uint8Array): ShortComparison
  /** SHA-256 of the canonical form, hex. @throws untrusted.archive, exhausted.size */
  canonicalDigest(name: string, bytes: Uint8Array): string
}

/** A comparator for files whose format shows in their names. */
export function createComparator(formatOf: (name: string) => Format): Comparator {
  return {
    compare(name, built, upstream) {
      const found = compareBytes(built, upstream, formatOf(name))
      const lines = comparisonLines(found, { a: 'built', b: 'upstream' })
      const more = lines.length - LINES_MAX
      const shown = more > 0 ? [...lines.slice(0, LINES_MAX - 1), `and ${more + 1} more`] : lines
      return { level: found.level, rules: found.rules.map((rule) => rule.name), differences: shown }
    },
    canonicalDigest: (name, bytes) => canonicalDigestOfBytes(bytes, formatOf(name)),
  }
}

/** A comparison in lines: why a side is malformed, what each rule changed, what is left. */
export function comparisonLines(found: FileComparison, sides: { readonly a: string; readonly b: string }): string[] {
  const { malformed, rules, differences, differenceCount } = found
  const changes = (name: string, side: string, list: readonly Change[]) =>
    list.map(
      ({ path, before, after }) =>
        `${name}, ${side}: ${path}: ${JSON.stringify(before)} taken as ${JSON.stringify(after)}`,
    )
  return [
    ...(malformed.a === undefined ? [] : [`${sides.a} is malformed: ${malformed.a}`]),
    ...(malformed.b === undefined ? [] : [`${sides.b} is malformed: ${malformed.b}`]),
    ...rules.flatMap(({ name, a, b }) => [...changes(name, sides.a, a), ...changes(name, sides.b, b)]),
    ...differences.map((difference) => differenceLine(difference, sides)),
    ...(differenceCount > differences.length ? [`and ${differenceCount - differences.length} more differences`] : []),
  ]
}

function differenceLine({ path, what, a, b }: Difference, sides: { readonly a: string; readonly b: string }): string {
  const place = path === '' ? 'the archive' : path
  if (b === undefined) return `${place}: only in ${sides.a}: ${a}`
  if (a === undefined) return `${place}: only in ${sides.b}: ${b}`
  return `${place}: ${what}: ${sides.a} ${a}, ${sides.b} ${b}`
}
