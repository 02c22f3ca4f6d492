/**
 * Maven's order of versions (POM reference, "Version Order Specification"; `ComparableVersion`'s own test cases are in the
 * test). A version is a sequence of tokens that are compared one by one, the shorter one filled up with "nothing"; since
 * every token has one place relative to nothing, the order is total.
 */

/** Places of tokens, least first: what is known, nothing (a release), then all else. */
const QUALIFIERS = ['alpha', 'beta', 'milestone', 'rc', 'snapshot', '', 'sp'] as const
const NOTHING = QUALIFIERS.indexOf('')
const OTHER = QUALIFIERS.length
const HYPHEN_NUMBER = OTHER + 1
const DOT_NUMBER = OTHER + 2

const ALIASES: Readonly<Record<string, string>> = { cr: 'rc', ga: '', final: '', release: '' }
const SHORT: Readonly<Record<string, string>> = { a: 'alpha', b: 'beta', m: 'milestone' }

interface Token {
  readonly rank: number
  /** Digits without leading zeros, or the name of a qualifier that is not known. */
  readonly text: string
}

const FILLER: Token = { rank: NOTHING, text: '' }

/** A total order: Maven's; versions that are the same to Maven (1.0 and 1) by their texts. */
export function compareMavenVersions(a: string, b: string): number {
  return compareMavenPrecedence(a, b) || compareText(a, b)
}

/** Maven's own order, by which 1.0 and 1 are the same. */
export function compareMavenPrecedence(a: string, b: string): number {
  const left = tokensOf(a)
  const right = tokensOf(b)
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const order = compareTokens(left[index] ?? FILLER, right[index] ?? FILLER)
    if (order !== 0) return order
  }
  return 0
}

/** True if Maven takes the two for the same version. */
export function sameMavenVersion(a: string, b: string): boolean {
  return compareMavenPrecedence(a, b) === 0
}

function tokensOf(version: string): Token[] {
  const tokens: Token[] = []
  let hyphen = false
  for (const part of splitParts(version.toLowerCase())) {
    if (part === '.' || part === '-') {
      hyphen = part === '-'
      continue
    }
    const isNumber = /^\d/.test(part)
    // What begins at a hyphen, or is a qualifier, drops the zeros before it: 1.0-x and 1.0.x are 1-x.
    if (hyphen || !isNumber) trimZeros(tokens)
    tokens.push(isNumber ? numberToken(part, hyphen) : qualifierToken(part))
    hyphen = true
  }
  trimZeros(tokens)
  return tokens
}

/** Separators, runs of digits, and names; a missing token is a zero; a name directly before a digit is spelled out. */
function splitParts(version: string): string[] {
  const raw = version.match(/[.-]|\d+|[^\d.-]+/g) ?? []
  const parts: string[] = []
  for (const [index, part] of raw.entries()) {
    const isSeparator = part === '.' || part === '-'
    const before = parts.at(-1)
    if (isSeparator && (before === undefined || before === '.' || before === '-')) parts.push('0')
    const isShort = /^\d/.test(raw[index + 1] ?? '')
    parts.push(isShort ? (SHORT[part] ?? part) : part)
  }
  return parts
}

function numberToken(digits: string, hyphen: boolean): Token {
  return { rank: hyphen ? HYPHEN_NUMBER : DOT_NUMBER, text: digits.replace(/^0+/, '') }
}

function qualifierToken(name: string): Token {
  const known = (QUALIFIERS as readonly string[]).indexOf(Object.hasOwn(ALIASES, name) ? (ALIASES[name] ?? '') : name)
  return known < 0 ? { rank: OTHER, text: name } : { rank: known, text: '' }
}

function trimZeros(tokens: Token[]): void {
  for (let last = tokens.at(-1); last !== undefined && last.rank > OTHER && last.text === ''; last = tokens.at(-1)) {
    tokens.pop()
  }
}

function compareTokens(a: Token, b: Token): number {
  if (a.rank !== b.rank) return a.rank - b.rank
  if (a.rank > OTHER && a.text.length !== b.text.length) return a.text.length - b.text.length
  return compareText(a.text, b.text)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
