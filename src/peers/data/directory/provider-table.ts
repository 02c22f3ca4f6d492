/**
 * What neighbours announced to this node: digest -> who says it holds it. Only hints: a holder confirms for itself. Bounded in
 * all, per peer and per digest; entries that are not announced again expire.
 */
import type { Clock } from '../../../base/clock.ts'
import { type Digest, hexOf } from '../../../base/digest.ts'
import type { PeerId } from '../../peers.ts'

const PROVIDERS_PER_NAME_MAX = 8
const SWEEP_EVERY_MS = 60_000

/** The provider lists this node keeps for its neighbourhood. */
export interface ProviderTable {
  /** Adds or renews; says how many of the names are kept now (the others met a bound). */
  add(peerId: PeerId, names: readonly Digest[]): number
  remove(peerId: PeerId, names: readonly Digest[]): void
  /** Forgets a peer that lied or left for good. */
  forget(peerId: PeerId): void
  /** Who announced `name` and did not let it expire; at most 8. */
  providers(name: Digest): PeerId[]
  /** Entries in all. */
  readonly size: number
}

interface Entry {
  readonly peerId: PeerId
  expiresAtMs: number
}

/** Bounds of a table. */
export interface ProviderTableOptions {
  /** Entries in all. */
  readonly entriesMax: number
  readonly entriesPerPeerMax: number
  /** An entry that is not renewed for this long is forgotten. */
  readonly lifetimeMs: number
}

/** An empty table. */
export function createProviderTable(
  options: ProviderTableOptions,
  dependencies: { readonly clock: Clock },
): ProviderTable {
  return new Table(options, dependencies.clock)
}

class Table implements ProviderTable {
  size = 0
  readonly #options: ProviderTableOptions
  readonly #clock: Clock
  readonly #byName = new Map<string, Entry[]>()
  readonly #counts = new Map<PeerId, number>()
  #sweptAtMs: number

  constructor(options: ProviderTableOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#sweptAtMs = clock.monotonicMs()
  }

  add(peerId: PeerId, names: readonly Digest[]): number {
    const nowMs = this.#clock.monotonicMs()
    this.#sweep(nowMs)
    let kept = 0
    for (const name of names) if (this.#addOne(peerId, name, nowMs)) kept += 1
    return kept
  }

  remove(peerId: PeerId, names: readonly Digest[]): void {
    for (const name of names) {
      const key = keyOf(name)
      const entries = this.#byName.get(key)
      if (entries !== undefined) this.#keep(key, entries, (entry) => entry.peerId !== peerId)
    }
  }

  forget(peerId: PeerId): void {
    if (!this.#counts.has(peerId)) return
    for (const [key, entries] of this.#byName) this.#keep(key, entries, (entry) => entry.peerId !== peerId)
  }

  providers(name: Digest): PeerId[] {
    const nowMs = this.#clock.monotonicMs()
    const entries = this.#byName.get(keyOf(name)) ?? []
    return entries.filter((entry) => entry.expiresAtMs > nowMs).map((entry) => entry.peerId)
  }

  #addOne(peerId: PeerId, name: Digest, nowMs: number): boolean {
    const { entriesMax, entriesPerPeerMax, lifetimeMs } = this.#options
    const key = keyOf(name)
    const entries = this.#byName.get(key)
    const known = entries?.find((entry) => entry.peerId === peerId)
    if (known !== undefined) {
      known.expiresAtMs = nowMs + lifetimeMs
      return true
    }
    if (this.size >= entriesMax || (this.#counts.get(peerId) ?? 0) >= entriesPerPeerMax) return false
    if (entries !== undefined && entries.length >= PROVIDERS_PER_NAME_MAX) return false
    const entry = { peerId, expiresAtMs: nowMs + lifetimeMs }
    if (entries === undefined) this.#byName.set(key, [entry])
    else entries.push(entry)
    this.#count(peerId, 1)
    return true
  }

  #keep(key: string, entries: Entry[], stays: (entry: Entry) => boolean): void {
    const kept = entries.filter(stays)
    for (const entry of entries) if (!kept.includes(entry)) this.#count(entry.peerId, -1)
    if (kept.length === 0) this.#byName.delete(key)
    else if (kept.length < entries.length) this.#byName.set(key, kept)
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptAtMs < SWEEP_EVERY_MS) return
    this.#sweptAtMs = nowMs
    for (const [key, entries] of this.#byName) this.#keep(key, entries, (entry) => entry.expiresAtMs > nowMs)
  }

  #count(peerId: PeerId, by: number): void {
    this.size += by
    const left = (this.#counts.get(peerId) ?? 0) + by
    if (left === 0) this.#counts.delete(peerId)
    else this.#counts.set(peerId, left)
  }
}

/** 128 bits of the digest as a one-byte string: a clash only yields a hint that its holder denies. */
function keyOf(name: Digest): string {
  return Buffer.from(hexOf(name).slice(0, 32), 'hex').toString('latin1')
}
