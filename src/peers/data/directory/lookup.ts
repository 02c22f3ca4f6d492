/**
 * Asks the neighbourhood who holds a blob: direct neighbours (all where there are few) and the digest's rendezvous members, then
 * those they name, each of whom answers for itself. Answers are united; one that fails or is late does not hold up the rest.
 */
import type { Clock, Logger } from '../../../base/clock.ts'
import type { Digest } from '../../../base/digest.ts'
import { AppError, isKind } from '../../../base/errors.ts'
import type { Neighbour } from '../../neighbour.ts'
import type { PeerFault, PeerId, Provider } from '../../peers.ts'
import type { PeerClient } from '../client/peer-client.ts'
import { ASK_ALL_MAX, LOOKUP_NAMES_MAX } from '../options.ts'
import { type LookupReply, MESSAGE_BYTES_MAX, PATHS, parseLookupReply } from '../wire/messages.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import type { ProviderTable } from './provider-table.ts'

/** Peers asked in one look-up. */
const ASKED_MAX = 16
/** Direct neighbours asked where there are more: whoever makes up records cannot push these out. */
const DIRECT_MAX = 8
/** Others may still answer for this long after a trusted provider did. */
const GRACE_MS = 10
/** A peer that could not be reached is left out of look-ups for this long. */
const COOL_OFF_MS = 5_000

/** What a look-up needs of the data plane. */
export interface LookupDependencies {
  readonly neighbourhood: Neighbourhood
  readonly table: ProviderTable
  readonly client: (peerId: PeerId) => PeerClient
  readonly blame: (peerId: PeerId, fault: Omit<PeerFault, 'atMs'>) => void
  readonly clock: Clock
  readonly logger: Logger
}

/** The function behind `Peers.lookup`. */
export type Lookup = (
  names: readonly Digest[],
  options: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly patient?: boolean },
) => Promise<Provider[]>

/** Makes the look-up of a data plane. */
export function createLookup(dependencies: LookupDependencies): Lookup {
  const coolUntilMs = new Map<PeerId, number>()
  return (names, options) => {
    // Who is left out for a while is told to the round by this map: to a patient one nobody is.
    const leftOut = options.patient === true ? new Map<PeerId, number>() : coolUntilMs
    const round = new LookupRound(names.slice(0, LOOKUP_NAMES_MAX), options.signal, leftOut, dependencies)
    return round.run(options.timeoutMs)
  }
}

class LookupRound {
  readonly #names: readonly Digest[]
  readonly #with: LookupDependencies
  readonly #coolUntilMs: Map<PeerId, number>
  readonly #known: ReadonlyMap<PeerId, Neighbour>
  readonly #found = new Map<string, Provider>()
  readonly #asked = new Set<PeerId>()
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #startedAtMs: number
  #open = 0
  #cancelDeadline: () => void = () => {}
  #finish: () => void = () => {}

  constructor(
    names: readonly Digest[],
    signal: AbortSignal,
    coolUntilMs: Map<PeerId, number>,
    dependencies: LookupDependencies,
  ) {
    this.#names = names
    this.#with = dependencies
    this.#coolUntilMs = coolUntilMs
    this.#known = new Map(dependencies.neighbourhood.neighbours().map((one) => [one.peerId, one]))
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
    this.#startedAtMs = dependencies.clock.monotonicMs()
  }

  async run(timeoutMs: number): Promise<Provider[]> {
    const { neighbourhood, table } = this.#with
    const first =
      this.#known.size <= ASK_ALL_MAX
        ? [...this.#known.keys()]
        : [
            ...this.#direct(),
            ...this.#names.flatMap((name) => [...neighbourhood.replicas(name), ...table.providers(name)]),
          ]
    await new Promise<void>((resolve) => {
      this.#finish = resolve
      this.#endWithin(timeoutMs)
      this.#signal.addEventListener('abort', () => resolve(), { once: true })
      for (const peerId of first) this.#ask(peerId)
      if (this.#open === 0 || this.#signal.aborted) resolve()
    })
    this.#cancelDeadline()
    this.#stop.abort(new AppError('aborted.caller', 'the look-up is over'))
    return [...this.#found.values()].sort((a, b) => Number(a.trust === 'stranger') - Number(b.trust === 'stranger'))
  }

  /** Those whose word counts, then connected ones, the nearest first. */
  #direct(): PeerId[] {
    const known = [...this.#known.values()].filter((one) => one.connected || one.trust !== 'stranger')
    const rank = (one: Neighbour): number =>
      (one.trust === 'stranger' ? 100_000 : 0) +
      (one.sameSubnet ? 0 : 10_000) +
      Math.min(one.roundTripMs ?? 1_000, 9_999)
    return known
      .toSorted((a, b) => rank(a) - rank(b))
      .slice(0, DIRECT_MAX)
      .map(({ peerId }) => peerId)
  }

  #ask(peerId: PeerId): void {
    const known = this.#known.get(peerId)
    const { clock } = this.#with
    if (known === undefined || this.#asked.has(peerId) || this.#asked.size >= ASKED_MAX) return
    if ((this.#coolUntilMs.get(peerId) ?? 0) > clock.monotonicMs()) return
    this.#asked.add(peerId)
    this.#open += 1
    const body = Buffer.from(JSON.stringify({ names: this.#names }))
    const headers = { 'content-type': 'application/json' }
    this.#with
      .client(peerId)
      .ask({ method: 'POST', path: PATHS.lookup, headers, body }, { bytesMax: MESSAGE_BYTES_MAX, signal: this.#signal })
      .then((reply) => reply.status === 200 && this.#take(known, parseLookupReply(reply.body, this.#names)))
      .catch((error: unknown) => this.#failed(peerId, error))
      .finally(() => {
        this.#open -= 1
        if (this.#open === 0) this.#finish()
      })
  }

  #take(from: Neighbour, reply: LookupReply): void {
    this.#coolUntilMs.delete(from.peerId)
    if (this.#signal.aborted) return
    for (const { name, id, sizeBytes, mediaType } of reply.holdings) {
      const key = `${from.peerId} ${id}`
      const names = [...(this.#found.get(key)?.names ?? []), name]
      this.#found.set(key, { peerId: from.peerId, trust: from.trust, id, sizeBytes, mediaType, names })
    }
    for (const peerId of reply.providers) this.#ask(peerId)
    if (reply.holdings.length === 0) return
    const elapsedMs = this.#with.clock.monotonicMs() - this.#startedAtMs
    this.#endWithin(from.trust === 'stranger' ? elapsedMs + GRACE_MS * 2 : GRACE_MS)
  }

  #failed(peerId: PeerId, error: unknown): void {
    if (isKind(error, 'aborted')) return
    this.#with.logger.debug({ peerId, error: String(error) }, 'a look-up was not answered')
    if (isKind(error, 'usage') || isKind(error, 'exhausted')) {
      this.#with.blame(peerId, { kind: 'bad-message', about: 'the answer to a look-up' })
    } else if (isKind(error, 'unavailable') || isKind(error, 'untrusted')) {
      this.#coolUntilMs.set(peerId, this.#with.clock.monotonicMs() + COOL_OFF_MS)
      const oldest = this.#coolUntilMs.size > 1_000 ? this.#coolUntilMs.keys().next().value : undefined
      if (oldest !== undefined) this.#coolUntilMs.delete(oldest)
    }
  }

  /** Ends the look-up after `ms`, unless it was to end sooner. */
  #endWithin(ms: number): void {
    const endAtMs = this.#with.clock.monotonicMs() + ms
    if (endAtMs >= this.#endAtMs) return
    this.#endAtMs = endAtMs
    this.#cancelDeadline()
    this.#cancelDeadline = this.#with.clock.after(ms, () => this.#finish())
  }

  #endAtMs = Number.POSITIVE_INFINITY
}
