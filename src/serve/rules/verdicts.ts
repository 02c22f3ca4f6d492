/**
 * Looks up what the log says of a file, for the check step. Answers are remembered for as long as the log does not grow, so that a
 * file that is served again costs a look into a table; a log without entries costs nothing. What it says is judged by
 * `findings.ts` and the policy.
 */
import type { Clock, Logger } from '../../base/clock.ts'
import type { Digest } from '../../base/digest.ts'
import { type Entry, parseEntry } from '../../base/entries/entry.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import type { Located } from '../../base/located.ts'
import { isSolo, type Network } from '../../base/network/network.ts'
import type { AcceptedCheckpoint, LogHit, LogQuery, LogReader } from '../../log/log.ts'
import { type FileFinding, type Findings, findingOf, type Logged } from './findings.ts'

/** A log and the network whose log it is. */
export interface TrustedLog {
  readonly reader: LogReader
  readonly network: Network
  /**
   * When a checkpoint was cosigned by those whose word counts: their median, in seconds since 1970; undefined if none of them did.
   * Witnesses do not count: enough of them could make a log that is held back look fresh.
   */
  readonly timeOf: (checkpoint: AcceptedCheckpoint) => number | undefined
}

/** What the log says of a file, and why that may be out of date. */
export interface LookedUp {
  readonly finding: FileFinding | undefined
  /** Why what the log says cannot be taken for the latest; undefined: it can. */
  readonly stale: string | undefined
}

/** A file; without digests the release as a whole is meant. */
export type LookedUpFile = Pick<Located, 'purl' | 'path'> & { readonly digests: readonly Digest[] }

/** Looks up files. */
export interface Verdicts {
  /** With `patient` others are asked for what a light log does not hold. @throws aborted.caller */
  of(file: LookedUpFile, patient: boolean, signal: AbortSignal): Promise<LookedUp>
}

/** Files whose answers are remembered. */
const REMEMBERED_MAX = 8_192
/** Verdicts, disputes and revocations of one release that are looked at, newest first. */
const LOOKED_AT_MAX = 32
const NOTHING: Findings = { verdicts: [], disputes: [], revocations: [] }

/** Verdicts out of a log; without one nothing is ever found. */
export function createVerdicts(
  log: TrustedLog | undefined,
  dependencies: { readonly clock: Clock; readonly logger: Logger },
): Verdicts {
  return new LogVerdicts(log, dependencies)
}

/** How far ahead of this machine's clock a checkpoint may be, in seconds; as in `verify/`. */
const CLOCK_SKEW_SECONDS = 600

/** Why a checkpoint of this time does not answer "latest" and "not revoked" at `nowSeconds`; undefined: it does. `2-trust.md`, "The log". */
export function staleness(
  network: Pick<Network, 'origin' | 'expires' | 'freshnessSeconds'>,
  timeSeconds: number | undefined,
  nowSeconds: number,
): string | undefined {
  const { origin, expires, freshnessSeconds } = network
  if (nowSeconds >= expires) return `the trust network of ${origin} has expired`
  if (timeSeconds === undefined) return `no cosigned checkpoint of the log ${origin} is here`
  if (timeSeconds - nowSeconds > CLOCK_SKEW_SECONDS) {
    return `the newest checkpoint of the log ${origin} is ${timeSeconds - nowSeconds} s ahead of the clock of this machine`
  }
  if (nowSeconds - timeSeconds <= freshnessSeconds) return undefined
  return `the newest checkpoint of the log ${origin} is older than the ${freshnessSeconds} s that its network allows`
}

interface Remembered {
  readonly size: number
  readonly finding: FileFinding | undefined
  /** From then on a verdict says something else: it has expired. Seconds since 1970. */
  readonly untilSeconds: number
}

class LogVerdicts implements Verdicts {
  readonly #log: TrustedLog | undefined
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #remembered = new Map<string, Remembered>()

  constructor(log: TrustedLog | undefined, { clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#log = log
    this.#clock = clock
    this.#logger = logger
  }

  async of(file: LookedUpFile, patient: boolean, signal: AbortSignal): Promise<LookedUp> {
    if (this.#log === undefined) return { finding: undefined, stale: 'this node has no log' }
    const { reader, network, timeOf } = this.#log
    const newest = reader.newest()
    const nowSeconds = Math.floor(this.#clock.nowMs() / 1000)
    const stale = staleness(network, newest && timeOf(newest), nowSeconds)
    if (newest === undefined || newest.size === 0) return { finding: undefined, stale }
    const key = keyOf(file, reader.mode === 'light' && !patient)
    const before = this.#remembered.get(key)
    if (before?.size === newest.size && nowSeconds < before.untilSeconds) return { finding: before.finding, stale }
    try {
      const light = reader.mode === 'light' && !patient
      const found = light
        ? revocationsAmong(await reader.revocations(signal), file.purl, file.digests)
        : await findAll(reader, file.purl, file.digests, signal)
      const asked = { digests: file.digests, name: nameIn(file.path) }
      const finding = findingOf(found, asked, { origin: network.origin, solo: isSolo(network) }, nowSeconds)
      this.#remember(key, { size: newest.size, finding, untilSeconds: untilOf(found, nowSeconds) })
      return { finding, stale }
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'aborted' || error.kind === 'bug') throw error
      this.#logger.warn({ purl: file.purl, why: errorChain(error) }, 'the log could not be asked for a package')
      return { finding: undefined, stale: `the log ${network.origin} could not be asked: ${error.message}` }
    }
  }

  #remember(key: string, made: Remembered): void {
    this.#remembered.delete(key)
    const [oldest] = this.#remembered.keys()
    if (this.#remembered.size >= REMEMBERED_MAX && oldest !== undefined) this.#remembered.delete(oldest)
    this.#remembered.set(key, made)
  }
}

function keyOf({ purl, digests, path }: LookedUpFile, light: boolean): string {
  return `${light ? 'light ' : ''}${purl ?? ''} ${digests.join(' ')} ${path}`
}

/** When the next of the verdicts expires that have not yet. */
function untilOf({ verdicts }: Findings, nowSeconds: number): number {
  const ends = verdicts.flatMap(({ entry: { expiresSeconds } }) => (expiresSeconds === null ? [] : [expiresSeconds]))
  return Math.min(Number.POSITIVE_INFINITY, ...ends.filter((seconds) => seconds > nowSeconds))
}

/** Everything on a release, and on these bytes under whatever name. A verdict on the release outranks one that only names its bytes. */
async function findAll(
  reader: LogReader,
  purl: string | undefined,
  digests: readonly Digest[],
  signal: AbortSignal,
): Promise<Findings> {
  const ask = (query: LogQuery): Promise<LogHit[]> => reader.find({ ...query, limit: LOOKED_AT_MAX }, signal)
  const ofPurl = (kind: string): Promise<LogHit[]> => (purl === undefined ? Promise.resolve([]) : ask({ purl, kind }))
  const [own, disputes, revocations, ...ofDigests] = await Promise.all([
    ofPurl('verdict'),
    ofPurl('dispute'),
    ofPurl('revocation'),
    ...digests.map((digest) => ask({ digest, kind: 'revocation' })),
  ])
  const named = own.length > 0 ? [] : await Promise.all(digests.map((digest) => ask({ digest, kind: 'verdict' })))
  return sorted([...own, ...disputes, ...revocations, ...ofDigests.flat(), ...named.flat()])
}

/** A light log has every revocation at hand, and nothing else. */
function revocationsAmong(hits: readonly LogHit[], purl: string | undefined, digests: readonly Digest[]): Findings {
  const { revocations } = sorted(hits)
  const concerned = revocations.filter(
    ({ entry }) =>
      entry.purl === purl || entry.digests.some((digest) => (digests as readonly string[]).includes(digest)),
  )
  return { ...NOTHING, revocations: concerned }
}

function sorted(hits: readonly LogHit[]): Findings {
  const byIndex = new Map(hits.map((hit) => [hit.index, hit]))
  const entries = [...byIndex.values()].sort((a, b) => b.index - a.index).flatMap(logged)
  return {
    verdicts: entries.flatMap(({ index, entry }) => (entry.kind === 'verdict' ? [{ index, entry }] : [])),
    disputes: entries.flatMap(({ index, entry }) =>
      entry.kind === 'dispute' && entry.step === 'upheld' ? [{ index, entry }] : [],
    ),
    revocations: entries.flatMap(({ index, entry }) =>
      entry.kind === 'revocation' && entry.step === 'effective' ? [{ index, entry }] : [],
    ),
  }
}

/** The entry of a hit, or nothing: what a newer node wrote, and this one cannot read, says nothing to it. */
export function logged({ index, entry }: LogHit): Logged<Entry>[] {
  try {
    return [{ index, entry: parseEntry(entry) }]
  } catch {
    return []
  }
}

function nameIn(path: string): string | undefined {
  const last = path.split(/[?#]/, 1)[0]?.split('/').at(-1)
  if (last === undefined || last === '') return undefined
  try {
    return decodeURIComponent(last)
  } catch {
    return last
  }
}
