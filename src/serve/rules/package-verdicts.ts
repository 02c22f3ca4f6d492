/**
 * What the log says of every release of one package, for its index: one look-up by the package's name, however many releases it
 * has, and after that only what is new. A light log knows the revocations; where verdicts are demanded it asks others for the newest
 * decisions, a page of them. `index-verdicts.ts` says what follows.
 */
import type { Clock, Logger } from '../../base/clock.ts'
import type { Digest } from '../../base/digest.ts'
import type { Entry } from '../../base/entries/entry.ts'
import { indexKeys } from '../../base/entries/index-keys.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import { isSolo } from '../../base/network/network.ts'
import { type Purl, purlParts } from '../../base/purl.ts'
import type { LogHit, LogReader } from '../../log/log.ts'
import { type FileFinding, type Findings, findingOf, type Logged } from './findings.ts'
import { logged, staleness, type TrustedLog } from './verdicts.ts'

/** What the log says of the releases of a package. */
export interface PackageFindings {
  /** Another one as soon as `of` may answer otherwise, before `untilSeconds`. */
  readonly revision: string
  /** From then on a verdict has expired, seconds since 1970; infinite: none will. */
  readonly untilSeconds: number
  /** Why what the log says cannot be taken for the latest; undefined: it can. */
  readonly stale: string | undefined
  /** Versions on which it says anything. */
  readonly versions: ReadonlySet<string>
  /** True: one of them was revoked or disputed. */
  readonly refuses: boolean
  /** Of a file of a release by what the index states of it; without digests of the release as a whole. */
  of(version: string, digests: readonly Digest[]): FileFinding | undefined
}

/** Looks up packages. */
export interface PackageVerdicts {
  /** `package` without version. With `patient` others are asked for what a light log does not hold. @throws aborted.caller */
  of(named: Purl, patient: boolean, signal: AbortSignal): Promise<PackageFindings>
}

/** Packages that are remembered, and decisions of all of them together. */
const PACKAGES_MAX = 1_024
const ENTRIES_MAX = 20_000
/** Decisions that are read before others have their turn: some 10 ms. */
const PAGE = 256
/** Decisions that others are asked for: each is fetched and proven. */
const LIGHT_PAGE = 64

interface Mutable {
  verdicts: Findings['verdicts'][number][]
  disputes: Findings['disputes'][number][]
  revocations: Findings['revocations'][number][]
}

interface Known {
  /** Everything up to this size of the log was read. */
  readonly size: number
  /** Index of the newest decision. */
  readonly newest: number
  readonly byVersion: ReadonlyMap<string, Findings>
  readonly count: number
  readonly refuses: boolean
  /** What was last made of it: an index is asked for far more often than the log grows. */
  made: PackageFindings | undefined
}

const NOTHING: Omit<Known, 'made'> = { size: 0, newest: -1, byVersion: new Map(), count: 0, refuses: false }

/** Package look-ups in a log; without one nothing is ever found. */
export function createPackageVerdicts(
  log: TrustedLog | undefined,
  dependencies: { readonly clock: Clock; readonly logger: Logger },
): PackageVerdicts {
  return new LogPackages(log, dependencies)
}

class LogPackages implements PackageVerdicts {
  readonly #log: TrustedLog | undefined
  readonly #with: { readonly clock: Clock; readonly logger: Logger }
  readonly #known = new Map<string, Known>()
  #count = 0
  #list: { readonly key: string; readonly byPackage: ReadonlyMap<string, Known> } | undefined

  constructor(log: TrustedLog | undefined, dependencies: { readonly clock: Clock; readonly logger: Logger }) {
    this.#log = log
    this.#with = dependencies
  }

  async of(named: Purl, patient: boolean, signal: AbortSignal): Promise<PackageFindings> {
    const nowSeconds = Math.floor(this.#with.clock.nowMs() / 1000)
    if (this.#log === undefined) return foundOf(NOTHING, 'this node has no log', undefined, nowSeconds)
    const { reader, network, timeOf } = this.#log
    const newest = reader.newest()
    const stale = staleness(network, newest && timeOf(newest), nowSeconds)
    const name = { origin: network.origin, solo: isSolo(network) }
    if (newest === undefined || newest.size === 0) return foundOf(NOTHING, stale, name, nowSeconds)
    const before = this.#known.get(named)
    try {
      if (reader.mode === 'light' && !patient) {
        return foundOf((await this.#revoked(reader, signal)).get(named) ?? NOTHING, stale, name, nowSeconds)
      }
      if (before?.size === newest.size) return foundOf(before, stale, name, nowSeconds)
      const from = before ?? NOTHING
      const range = { from: from.size, before: newest.size }
      const known = grown(from, await decisionsOn(reader, named, range, this.#with.clock, signal), newest.size)
      this.#remember(named, known)
      return foundOf(known, stale, name, nowSeconds)
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'aborted' || error.kind === 'bug') throw error
      this.#with.logger.warn({ package: named, why: errorChain(error) }, 'the log could not be asked for a package')
      const why = `the log ${network.origin} could not be asked: ${error.message}`
      return foundOf(before ?? NOTHING, why, name, nowSeconds)
    }
  }

  /** The list of a light log, by package; it may come later than the checkpoint that it belongs to. */
  async #revoked(reader: LogReader, signal: AbortSignal): Promise<ReadonlyMap<string, Known>> {
    const hits = await reader.revocations(signal)
    const key = `${hits.length} ${hits[0]?.index}`
    if (this.#list?.key !== key) {
      const named = Map.groupBy(hits, ({ entry }) => indexKeys(entry).packages[0] ?? '')
      this.#list = { key, byPackage: new Map([...named].map(([one, its]) => [one, grown(NOTHING, its, 0)])) }
    }
    return this.#list.byPackage
  }

  #remember(key: string, made: Known): void {
    this.#count += made.count - (this.#known.get(key)?.count ?? 0)
    this.#known.delete(key)
    this.#known.set(key, made)
    for (const [oldest, { count }] of this.#known) {
      if (this.#known.size <= PACKAGES_MAX && (this.#count <= ENTRIES_MAX || oldest === key)) return
      this.#known.delete(oldest)
      this.#count -= count
    }
  }
}

/** Newest first; of a package with more decisions than are remembered the newest ones. */
async function decisionsOn(
  reader: LogReader,
  named: Purl,
  range: { readonly from: number; readonly before: number },
  clock: Clock,
  signal: AbortSignal,
): Promise<LogHit[]> {
  const limit = reader.mode === 'light' ? LIGHT_PAGE : PAGE
  const hits: LogHit[] = []
  let { before } = range
  while (hits.length < ENTRIES_MAX) {
    const page = await reader.find({ package: named, from: range.from, before, limit }, signal)
    hits.push(...page)
    if (page.length < limit || reader.mode === 'light') break
    before = page.at(-1)?.index ?? 0
    await clock.sleep(0, signal)
  }
  return hits
}

/** What was known, and what the log says since; newest first, of verdicts the newest of each version. */
function grown(known: Omit<Known, 'made'>, hits: readonly LogHit[], size: number): Known {
  if (hits.length === 0) return { made: undefined, ...known, size }
  const byVersion = new Map<string, Findings>(known.byVersion)
  const fresh = new Set<string>()
  let { count, refuses } = known
  for (const one of hits.toSorted((a, b) => a.index - b.index).flatMap(logged)) {
    const version = versionIn(one.entry)
    if (version === undefined) continue
    const before = byVersion.get(version)
    // A list that others hold is not changed under their hands.
    const mine = (fresh.has(version) ? before : copyOf(before)) as Mutable
    if (!add(mine, one)) continue
    fresh.add(version)
    byVersion.set(version, mine)
    count++
    refuses ||= one.entry.kind !== 'verdict'
  }
  const newest = Math.max(known.newest, hits[0]?.index ?? -1)
  return { size, newest, byVersion, count, refuses, made: undefined }
}

function add(mine: Mutable, { index, entry }: Logged<Entry>): boolean {
  if (entry.kind === 'verdict') mine.verdicts = [{ index, entry }]
  else if (entry.kind === 'dispute' && entry.step === 'upheld') mine.disputes.unshift({ index, entry })
  else if (entry.kind === 'revocation' && entry.step === 'effective') mine.revocations.unshift({ index, entry })
  else return false
  return true
}

function copyOf(found: Findings | undefined): Mutable {
  const { verdicts = [], disputes = [], revocations = [] } = found ?? {}
  return { verdicts: [...verdicts], disputes: [...disputes], revocations: [...revocations] }
}

function versionIn(entry: Entry): string | undefined {
  if (!('purl' in entry)) return undefined
  return purlParts(entry.purl).version
}

function foundOf(
  known: Omit<Known, 'made'> & Partial<Pick<Known, 'made'>>,
  stale: string | undefined,
  log: Parameters<typeof findingOf>[2] | undefined,
  nowSeconds: number,
): PackageFindings {
  const { made } = known
  if (made !== undefined && made.stale === stale && nowSeconds < made.untilSeconds) return made
  let untilSeconds = Number.POSITIVE_INFINITY
  for (const { verdicts } of known.byVersion.values()) {
    const ends = verdicts[0]?.entry.expiresSeconds
    if (ends !== undefined && ends !== null && ends > nowSeconds) untilSeconds = Math.min(untilSeconds, ends)
  }
  const found: PackageFindings = {
    revision: `${known.newest} ${stale ?? ''}`,
    untilSeconds,
    stale,
    versions: new Set(known.byVersion.keys()),
    refuses: known.refuses,
    of(version, digests) {
      const one = known.byVersion.get(version)
      if (one === undefined || log === undefined) return undefined
      return findingOf(one, { digests, name: undefined, nameless: true }, log, nowSeconds)
    },
  }
  if ('made' in known) known.made = found
  return found
}
