/**
 * Known vulnerabilities of packages as values, and which versions they affect. The shape and the evaluation follow the OSV
 * schema ("affected fields", "Evaluation"); the order of versions is the ecosystem's own. Pure; read by policy and advisories.
 */

/** How bad it is, least first; `unknown` where the advisory does not say. */
export const SEVERITIES = ['low', 'moderate', 'high', 'critical'] as const
/** One of `SEVERITIES`, or unknown. */
export type Severity = (typeof SEVERITIES)[number] | 'unknown'

/** A point at which a line of versions begins or ends to be affected. `limit` ends where the advisory knows nothing more. */
export interface AdvisoryEvent {
  readonly kind: 'introduced' | 'fixed' | 'lastAffected' | 'limit'
  /** `0` with `introduced`: before every version. */
  readonly version: string
}

/** What an advisory says of one package. */
export interface Advisory {
  /** E.g. `GHSA-…`, `MAL-…`. */
  readonly id: string
  readonly summary: string
  readonly severity: Severity
  readonly aliases: readonly string[]
  readonly modified: string
  /** Versions that are affected, one by one. */
  readonly versions: readonly string[]
  /** Lines of versions that are affected. */
  readonly ranges: ReadonlyArray<readonly AdvisoryEvent[]>
}

/** An order on versions; those that mean the same are equal, whatever their texts. */
export type CompareVersions = (a: string, b: string) => number

/** For each of `versions` that is affected: by which advisories, in their order. Versions are sorted once, ranges are cut out of that. */
export function affectedVersions(
  versions: readonly string[],
  advisories: readonly Advisory[],
  compare: CompareVersions,
): Map<string, Advisory[]> {
  const sorted = [...new Set(versions)].sort(compare)
  const found = new Map<string, Advisory[]>()
  for (const advisory of advisories) {
    const affected = new Set(listed(sorted, advisory, compare))
    for (const range of advisory.ranges) for (const version of cut(sorted, range, compare)) affected.add(version)
    for (const version of affected) found.set(version, [...(found.get(version) ?? []), advisory])
  }
  return found
}

/** The first version that no longer has it, after `version`; undefined if none is stated. */
export function fixedAfter(advisory: Advisory, version: string, compare: CompareVersions): string | undefined {
  const fixes = advisory.ranges.flatMap((range) => range.flatMap((e) => (e.kind === 'fixed' ? [e.version] : [])))
  return fixes.filter((fix) => compare(fix, version) > 0).sort(compare)[0]
}

/** Versions that the advisory lists; without ranges, which say the same better, in whatever spelling. */
function listed(sorted: readonly string[], { versions, ranges }: Advisory, compare: CompareVersions): string[] {
  const named = new Set(versions)
  const found = sorted.filter((version) => named.has(version))
  if (ranges.length > 0) return found
  return found.concat(
    versions.flatMap((each) => sorted.slice(firstFrom(sorted, each, compare), firstBehind(sorted, each, compare))),
  )
}

function cut(sorted: readonly string[], range: readonly AdvisoryEvent[], compare: CompareVersions): string[] {
  const limits = range.flatMap((event) => (event.kind === 'limit' && event.version !== '*' ? [event.version] : []))
  const end =
    limits.length === 0 ? sorted.length : Math.max(...limits.map((limit) => firstFrom(sorted, limit, compare)))
  const steps = range
    .filter(({ kind }) => kind !== 'limit')
    .map((event) => ({ event, at: placeOf(sorted, event, compare) }))
    .sort((a, b) => a.at - b.at || byText(a.event, b.event, compare))
  const taken: string[] = []
  for (const [index, { event, at }] of steps.entries()) {
    if (event.kind !== 'introduced') continue
    const next = steps[index + 1]?.at ?? sorted.length
    taken.push(...sorted.slice(at, Math.min(next, end)))
  }
  return taken
}

/** Index of the first version at which the event has happened. */
function placeOf(sorted: readonly string[], { kind, version }: AdvisoryEvent, compare: CompareVersions): number {
  if (kind === 'introduced' && version === '0') return 0
  return kind === 'lastAffected' ? firstBehind(sorted, version, compare) : firstFrom(sorted, version, compare)
}

/** Index of the first version that is not below `version`. */
function firstFrom(sorted: readonly string[], version: string, compare: CompareVersions): number {
  return firstWhereNot(sorted, (each) => compare(each, version) < 0)
}

/** Index of the first version that is above `version`. */
function firstBehind(sorted: readonly string[], version: string, compare: CompareVersions): number {
  return firstWhereNot(sorted, (each) => compare(each, version) <= 0)
}

function firstWhereNot(sorted: readonly string[], isBefore: (version: string) => boolean): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(sorted[middle] ?? '')) low = middle + 1
    else high = middle
  }
  return low
}

/** In the order of their versions; of one version, an end goes before a beginning: what is introduced there is affected. */
function byText(a: AdvisoryEvent, b: AdvisoryEvent, compare: CompareVersions): number {
  const first = (event: AdvisoryEvent) => event.kind === 'introduced' && event.version === '0'
  if (first(a) !== first(b)) return first(a) ? -1 : 1
  return compare(a.version, b.version) || Number(a.kind === 'introduced') - Number(b.kind === 'introduced')
}
