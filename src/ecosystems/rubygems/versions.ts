/** The order of versions: `Gem::Version#<=>` of RubyGems, made total. */

const LENGTH_MAX = 500
/** `ANCHORED_VERSION_PATTERN` of `Gem::Version`. */
const VERSION = /^\s*(?:\d+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)?\s*$/

/**
 * A total order: what is no version comes first, in code unit order; then by segments, where letters (a prerelease) come
 * before numbers and zeros at the end count for nothing; versions that RubyGems takes for equal (1 and 1.0) by their text.
 */
export function compareGemVersions(a: string, b: string): number {
  return compareGemPrecedence(a, b) || compareText(a, b)
}

/** `Gem::Version#<=>` itself: versions that it takes for equal are. */
export function compareGemPrecedence(a: string, b: string): number {
  const left = segmentsOf(a)
  const right = segmentsOf(b)
  if (left === undefined || right === undefined) {
    if (left === right) return compareText(a, b)
    return left === undefined ? -1 : 1
  }
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const order = compareSegments(left[at] ?? '0', right[at] ?? '0')
    if (order !== 0) return order
  }
  return 0
}

/** Runs of digits (without leading zeros) and of letters; zeros before the first letter and at the end are left out. */
function segmentsOf(text: string): string[] | undefined {
  if (text.length > LENGTH_MAX || !VERSION.test(text)) return undefined
  const runs =
    text
      .trim()
      .replaceAll('-', '.pre.')
      .match(/\d+|[a-z]+/gi) ?? []
  const segments = runs.map((run) => (isNumber(run) ? run.replace(/^0+(?=\d)/, '') : run))
  const letter = segments.findIndex((segment) => !isNumber(segment))
  const numbers = letter < 0 ? segments : segments.slice(0, letter)
  const rest = letter < 0 ? [] : segments.slice(letter)
  return [...withoutZeros(numbers), ...withoutZeros(rest)]
}

function withoutZeros(segments: readonly string[]): readonly string[] {
  return segments.slice(0, segments.findLastIndex((segment) => segment !== '0') + 1)
}

function compareSegments(a: string, b: string): number {
  if (a === b) return 0
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? 1 : -1
  return isNumber(a) && a.length !== b.length ? a.length - b.length : compareText(a, b)
}

function isNumber(segment: string): boolean {
  return /^\d/.test(segment)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
