/**
 * Versions of PEP 440: what they mean, their normal form, and their order made total. Source: PEP 440, appendix B (the regular
 * expression), "Normalization", and "Summary of permitted suffixes and relative ordering".
 */

/** A version's parts, normalised. */
interface Version {
  readonly epoch: string
  readonly release: readonly string[]
  readonly pre: readonly ['a' | 'b' | 'rc', string] | undefined
  readonly post: string | undefined
  readonly dev: string | undefined
  readonly local: readonly string[] | undefined
}

const LENGTH_MAX = 256

const PATTERN = new RegExp(
  [
    String.raw`^\s*v?(?:(?<epoch>\d+)!)?(?<release>\d+(?:\.\d+)*)`,
    String.raw`(?:[-_.]?(?<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?<preNumber>\d+)?)?`,
    String.raw`(?<post>-(?<postImplied>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?<postNumber>\d+)?)?`,
    String.raw`(?<dev>[-_.]?dev[-_.]?(?<devNumber>\d+)?)?`,
    String.raw`(?:\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*$`,
  ].join(''),
  'i',
)

const PRE_NAMES: Readonly<Record<string, 'a' | 'b' | 'rc'>> = {
  a: 'a',
  alpha: 'a',
  b: 'b',
  beta: 'b',
  c: 'rc',
  rc: 'rc',
  pre: 'rc',
  preview: 'rc',
}

/** The normal form, e.g. `1.0rc1` for `v1.0-RC.1`; `text` itself if it is no version of PEP 440. */
export function normalVersion(text: string): string {
  const version = parse(text)
  if (version === undefined) return text
  const { epoch, release, pre, post, dev, local } = version
  return [
    epoch === '0' ? '' : `${epoch}!`,
    release.join('.'),
    pre === undefined ? '' : pre.join(''),
    post === undefined ? '' : `.post${post}`,
    dev === undefined ? '' : `.dev${dev}`,
    local === undefined ? '' : `+${local.join('.')}`,
  ].join('')
}

/** True if `text` is a version of PEP 440, in any spelling. */
export function isVersion(text: string): boolean {
  return parse(text) !== undefined
}

/**
 * A total order: what is no version of PEP 440 comes first, in code unit order; then PEP 440's own; spellings of one version
 * (`1.0`, `1.0.0`) by their text, so that only equal texts are equal.
 */
export function comparePypiVersions(a: string, b: string): number {
  return comparePypiPrecedence(a, b) || compareText(a, b)
}

/** The same, with all spellings of one version equal. */
export function comparePypiPrecedence(a: string, b: string): number {
  const left = parse(a)
  const right = parse(b)
  if (left !== undefined && right !== undefined) return compareParsed(left, right)
  if (left === undefined && right === undefined) return compareText(a, b)
  return left === undefined ? -1 : 1
}

function parse(text: string): Version | undefined {
  const groups = text.length > LENGTH_MAX ? undefined : PATTERN.exec(text)?.groups
  if (groups === undefined) return undefined
  const pre = groups.pre === undefined ? undefined : PRE_NAMES[groups.pre.toLowerCase()]
  return {
    epoch: plain(groups.epoch),
    release: (groups.release ?? '').split('.').map(plain),
    pre: pre === undefined ? undefined : [pre, plain(groups.preNumber)],
    post: groups.post === undefined ? undefined : plain(groups.postImplied ?? groups.postNumber),
    dev: groups.dev === undefined ? undefined : plain(groups.devNumber),
    local: groups.local
      ?.toLowerCase()
      .split(/[-_.]/)
      .map((part) => (/^\d+$/.test(part) ? plain(part) : part)),
  }
}

function compareParsed(a: Version, b: Version): number {
  return (
    compareNumbers(a.epoch, b.epoch) ||
    compareReleases(a.release, b.release) ||
    compareNumbers(preRank(a), preRank(b)) ||
    compareNumbers(a.pre?.[1] ?? '0', b.pre?.[1] ?? '0') ||
    compareSuffix(a.post, b.post, -1) ||
    compareSuffix(a.dev, b.dev, 1) ||
    compareLocals(a.local, b.local)
  )
}

/** A development release of a final release comes before its pre-releases; a final one behind them. */
function preRank({ pre, post, dev }: Version): string {
  if (pre !== undefined) return pre[0] === 'a' ? '1' : pre[0] === 'b' ? '2' : '3'
  return post === undefined && dev !== undefined ? '0' : '4'
}

/** `absent` is where a version without the suffix stands: -1 before, 1 behind those that have it. */
function compareSuffix(a: string | undefined, b: string | undefined, absent: number): number {
  if (a !== undefined && b !== undefined) return compareNumbers(a, b)
  if (a === undefined && b === undefined) return 0
  return a === undefined ? absent : -absent
}

function compareReleases(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const order = compareNumbers(a[index] ?? '0', b[index] ?? '0')
    if (order !== 0) return order
  }
  return 0
}

/** Segment by segment: numbers above words; the longer one above its own beginning. */
function compareLocals(a: readonly string[] | undefined, b: readonly string[] | undefined): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1)
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [left, right] = [a[index], b[index]]
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1
    const [leftIsNumber, rightIsNumber] = [/^\d+$/.test(left), /^\d+$/.test(right)]
    if (leftIsNumber !== rightIsNumber) return leftIsNumber ? 1 : -1
    const order = leftIsNumber ? compareNumbers(left, right) : compareText(left, right)
    if (order !== 0) return order
  }
  return 0
}

/** Digits without leading zeros; numbers of any size (dates, build times) are compared as text. */
function plain(digits: string | undefined): string {
  return (digits ?? '').replace(/^0+(?=.)/, '') || '0'
}

function compareNumbers(a: string, b: string): number {
  return a.length - b.length || compareText(a, b)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
