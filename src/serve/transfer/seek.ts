/**
 * In which order places are tried for one blob. Peers get a head start over upstream, which costs quota and time; trusted
 * peers go first, then the neighbour that fetches for all, then strangers (whose bytes nobody sees before the end), then
 * upstream. Lazy: what is not needed is not asked.
 */
import { isBlobId, isStrong } from '../../base/digest.ts'
import { errorChain } from '../../base/errors.ts'
import type { Provider } from '../../peers/peers.ts'
import type { Cleared } from '../check.ts'
import type { ServeParts } from '../parts.ts'
import { within } from '../waiting/within.ts'
import { leaderPlace, type Place, peerPlace, upstreamPlace } from './place.ts'

/** What the one who asks allows. */
export interface SeekOptions {
  /** Upstreams that failed while this request was resolved. */
  readonly unaskable: ReadonlySet<string>
  /** The client's request path, for the neighbour that fetches for all; undefined: do not delegate. */
  readonly requestPath: string | undefined
  /** Peers are not asked: this node fetches for its neighbourhood. */
  readonly upstreamOnly: boolean
  /** A size that nobody has to hold to: whether it is worth asking a neighbour to fetch for all. */
  readonly expectedBytes?: number | undefined
}

/** The places for a blob, best first. Bounded: at most a dozen groups of peers, one leader and upstream. */
export async function* seek(
  cleared: Cleared,
  options: SeekOptions,
  parts: ServeParts,
  signal: AbortSignal,
): AsyncGenerator<Place> {
  const { located } = cleared
  const askUpstream = () =>
    cleared.sources === 'all' && !options.unaskable.has(located.upstream) && parts.upstream.askable(located.upstream)
  if (options.upstreamOnly) {
    if (askUpstream()) yield upstreamPlace(located, parts)
    return
  }
  const looking = lookup(cleared, parts, signal, parts.limits.lookupMs)
  const early = askUpstream() ? await within(parts.clock, parts.limits.headStartMs, looking) : await looking
  if (early !== undefined) yield* peerPlaces(cleared, early, 'trusted', false, parts)
  if (askUpstream()) yield* leaderPlaces(cleared, options, parts)
  if (early !== undefined) yield* peerPlaces(cleared, early, 'strangers', askUpstream(), parts)
  if (askUpstream()) yield upstreamPlace(located, parts)
  if (early === undefined) yield* anyPeers(cleared, await looking, parts)
  yield* lastChances(cleared, await looking, parts, signal)
}

function* anyPeers(cleared: Cleared, found: readonly Provider[], parts: ServeParts): Generator<Place> {
  yield* peerPlaces(cleared, found, 'trusted', false, parts)
  yield* peerPlaces(cleared, found, 'strangers', false, parts)
}

/** Rounds in which those who hold a blob are asked again, and the pause before the second and later ones, milliseconds. */
const ROUNDS = 3
const PAUSE_MS = 250

/**
 * Upstream did not give it. Peers under load may have answered too late, or had no slot free: whoever holds it is asked again.
 * Ends at once when nobody says that he has it. Who does not answer at all is waited for within about a second if the client
 * falls back to somewhere else, and for some seconds if this was its only hope.
 */
async function* lastChances(
  cleared: Cleared,
  known: readonly Provider[],
  parts: ServeParts,
  signal: AbortSignal,
): AsyncGenerator<Place> {
  const { limits } = parts
  const timeoutMs = cleared.located.patienceMs === undefined ? limits.lastLookupMs : limits.patientLookupMs
  let found = known
  for (let round = 0; round < ROUNDS; round++) {
    if (found.length > 0) await parts.clock.sleep(PAUSE_MS * (round + parts.random.fraction()), signal)
    found = await lookup(cleared, parts, signal, timeoutMs, true)
    if (found.length === 0) return
    yield* anyPeers(cleared, found, parts)
  }
}

/**
 * Peers that hold the file, by any digest that proves it; by a weak one only those whose word counts. `patient`: also those that
 * could not be reached a moment ago. Never throws but `aborted.caller`.
 */
export async function lookup(
  { located }: Cleared,
  parts: Pick<ServeParts, 'peers' | 'logger'>,
  signal: AbortSignal,
  timeoutMs: number,
  patient = false,
): Promise<Provider[]> {
  if (parts.peers === undefined) return []
  const strong = located.digests.filter(isStrong)
  const stated = located.digests.find(isBlobId)
  try {
    const names = strong.length > 0 ? strong : located.digests
    const found = await parts.peers.lookup(names, { timeoutMs, signal, patient })
    return found.filter(
      ({ id, sizeBytes, trust }) =>
        (stated === undefined || id === stated) &&
        (located.sizeBytes === undefined || sizeBytes === located.sizeBytes) &&
        sizeBytes <= located.bytesMax &&
        (strong.length > 0 || trust !== 'stranger'),
    )
  } catch (error) {
    if (!signal.aborted)
      parts.logger.debug({ label: located.label, why: errorChain(error) }, 'peers could not be asked')
    return []
  }
}

/** Groups of peers that name the same blob are tried at a time; more claims than this are not followed up. */
const GROUPS_MAX = 6

function* peerPlaces(
  { located }: Cleared,
  providers: readonly Provider[],
  which: 'trusted' | 'strangers',
  hurry: boolean,
  parts: Pick<ServeParts, 'peers'>,
): Generator<Place> {
  if (which === 'strangers' && !located.digests.some(isStrong)) return
  const groups = new Map<string, [Provider, ...Provider[]]>()
  for (const provider of providers) {
    if ((provider.trust === 'stranger') !== (which === 'strangers')) continue
    const claim = `${provider.id} ${provider.sizeBytes}`
    const group = groups.get(claim)
    if (group !== undefined) group.push(provider)
    else groups.set(claim, [provider])
  }
  const largestFirst = [...groups.values()].sort((a, b) => b.length - a.length)
  for (const group of largestFirst.slice(0, GROUPS_MAX)) yield peerPlace(group, hurry, parts)
}

function* leaderPlaces(cleared: Cleared, options: SeekOptions, parts: ServeParts): Generator<Place> {
  const { requestPath, expectedBytes } = options
  const { located, share } = cleared
  const id = located.digests.find(isBlobId)
  if (id === undefined || requestPath === undefined || parts.peers === undefined) return
  if ((located.sizeBytes ?? expectedBytes ?? 0) < parts.limits.followBytesMin) return
  if (share !== 'network' && share !== 'world') return
  if (!parts.peers.state().privateNetwork) return
  yield leaderPlace({ ecosystem: located.ecosystem, upstream: located.upstream, id, requestPath }, parts)
}
