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

/** An empty table. */
export function createProviderTable(
  options: { readonly entriesMax: number; readonly entriesPerPeerMax: number; readonly lifetimeMs: number },
  dependencies: { readonly clock: Clock },
): ProviderTable {
  const byName = new Map<string, Entry[]>()
  const counts = new Map<PeerId, number>()
  let size = 0
  let sweptAtMs = dependencies.clock.monotonicMs()

  const count = (peerId: PeerId, by: number): void => {
    size += by
    const left = (counts.get(peerId) ?? 0) + by
    if (left === 0) counts.delete(peerId)
    else counts.set(peerId, left)
  }
  const keep = (key: string, entries: Entry[], stays: (entry: Entry) => boolean): void => {
    const kept = entries.filter(stays)
    for (const entry of entries) if (!kept.includes(entry)) count(entry.peerId, -1)
    if (kept.length === 0) byName.delete(key)
    else if (kept.length < entries.length) byName.set(key, kept)
  }
  const sweep = (nowMs: number): void => {
    if (nowMs - sweptAtMs < SWEEP_EVERY_MS) return
    sweptAtMs = nowMs
    for (const [key, entries] of byName) keep(key, entries, (entry) => entry.expiresAtMs > nowMs)
  }
  const addOne = (peerId: PeerId, name: Digest, nowMs: number): boolean => {
    const key = keyOf(name)
    const entries = byName.get(key)
    const known = entries?.find((entry) => entry.peerId === peerId)
    if (known !== undefined) {
      known.expiresAtMs = nowMs + options.lifetimeMs
      return true
    }
    if (size >= options.entriesMax || (counts.get(peerId) ?? 0) >= options.entriesPerPeerMax) return false
    if (entries !== undefined && entries.length >= PROVIDERS_PER_NAME_MAX) return false
    const entry = { peerId, expiresAtMs: nowMs + options.lifetimeMs }
    if (entries === undefined) byName.set(key, [entry])
    else entries.push(entry)
    count(peerId, 1)
    return true
  }

  return {
    add(peerId, names) {
      const nowMs = dependencies.clock.monotonicMs()
      sweep(nowMs)
      let kept = 0
      for (const name of names) if (addOne(peerId, name, nowMs)) kept += 1
      return kept
    },
    remove(peerId, names) {
      for (const name of names) {
        const key = keyOf(name)
        const entries = byName.get(key)
        if (entries !== undefined) keep(key, entries, (entry) => entry.peerId !== peerId)
      }
    },
    forget(peerId) {
      if (!counts.has(peerId)) return
      for (const [key, entries] of byName) keep(key, entries, (entry) => entry.peerId !== peerId)
    },
    providers(name) {
      const nowMs = dependencies.clock.monotonicMs()
      const entries = byName.get(keyOf(name)) ?? []
      return entries.filter((entry) => entry.expiresAtMs > nowMs).map((entry) => entry.peerId)
    },
    get size() {
      return size
    },
  }
}

/** 128 bits of the digest as a one-byte string: a clash only yields a hint that its holder denies. */
function keyOf(name: Digest): string {
  return Buffer.from(hexOf(name).slice(0, 32), 'hex').toString('latin1')
}
