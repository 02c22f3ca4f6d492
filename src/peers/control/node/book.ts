/**
 * The record book: the newest verified record of each peer, and whether the peer is live. Pure: time is handed in. Bounded:
 * when it is full, peers that are gone and hearsay make room first. `node.ts` owns it.
 */
import { AppError } from '../../../base/errors.ts'
import { provesMembership } from '../../membership.ts'
import type { PeerId } from '../../peers.ts'
import { openRecord, type PeerRecord, type SignedRecord } from '../../record.ts'

/**
 * How a record came here: from the peer itself (once it did, it stays so for newer ones that others pass on), from another
 * one, or out of this node's own memory of an earlier run.
 */
export type Source = 'direct' | 'relayed' | 'remembered'

/** What the book holds of a peer. */
export interface Entry extends SignedRecord {
  readonly record: PeerRecord
  /** It proved to hold the key of this node's private network. */
  readonly member: boolean
  readonly source: Source
  /** Monotonic time at which a newer record came in; undefined for remembered ones: they say nothing of today. */
  readonly renewedAtMs: number | undefined
  /** Monotonic time at which the connection with it broke or could not be made; undefined: nothing of that kind is known. */
  readonly goneAtMs: number | undefined
}

/** How far apart the clocks of two nodes may be before an unconnected peer is not taken for live any more. */
const SKEW_MS = 600_000

/** The book's own rules. */
export interface BookOptions {
  readonly self: PeerId
  readonly networkKey: Uint8Array | undefined
  readonly recordsMax: number
  /** Their records make room for nobody. */
  readonly trustPeers?: readonly PeerId[]
  /** For how long an unconnected peer counts as live after its record was renewed. */
  readonly liveMs: number
}

/** See the module head. */
export class RecordBook {
  readonly #options: BookOptions
  readonly #entries = new Map<PeerId, Entry>()

  constructor(options: BookOptions) {
    this.#options = options
  }

  /**
   * Verifies a record and keeps it if it is newer than the one that is here.
   * @returns the record and whether it was news; @throws like `openRecord`, and untrusted.signature if this node is in a
   * private network and the peer did not prove membership
   */
  learn(
    envelope: Uint8Array,
    source: Source,
    at: { readonly nowMs: number; readonly monotonicMs: number },
  ): { readonly record: PeerRecord; readonly news: boolean } {
    const signed = openRecord(envelope, at.nowMs, source === 'remembered' ? { expired: 'allowed' } : {})
    const { record } = signed
    const { self, networkKey } = this.#options
    const member = networkKey !== undefined && provesMembership(networkKey, record.peerId, record.membership)
    if (networkKey !== undefined && !member) {
      throw new AppError('untrusted.signature', `${record.peerId} did not prove that it is in this private network`)
    }
    const before = this.#entries.get(record.peerId)
    if (record.peerId === self) return { record, news: false }
    if (before !== undefined && before.record.issuedAtMs >= record.issuedAtMs) {
      // Somebody else was quicker to pass it on; the peer's own word still makes it introduced.
      if (source === 'direct') this.#entries.set(record.peerId, { ...before, source })
      return { record, news: false }
    }
    if (before === undefined) this.#makeRoom()
    const renewedAtMs = source === 'remembered' ? undefined : at.monotonicMs
    const kept = before?.source === 'direct' ? before.source : source
    // What others pass on may be older than the parting, so that it does not call a dead peer back.
    const recent = before?.goneAtMs !== undefined && at.monotonicMs - before.goneAtMs <= this.#options.liveMs
    const goneAtMs = source !== 'direct' && recent ? before?.goneAtMs : undefined
    const stale = source === 'relayed' && at.nowMs - record.issuedAtMs > this.#options.liveMs + SKEW_MS
    const entry = { ...signed, member, source: kept, renewedAtMs: stale ? undefined : renewedAtMs, goneAtMs }
    this.#entries.set(record.peerId, entry)
    return { record, news: true }
  }

  get(peerId: PeerId): Entry | undefined {
    return this.#entries.get(peerId)
  }

  entries(): Iterable<Entry> {
    return this.#entries.values()
  }

  /** A peer cannot be reached: it is not live until it connects again, or long after renews its record. */
  markGone(peerId: PeerId, monotonicMs: number): void {
    const entry = this.#entries.get(peerId)
    if (entry !== undefined) this.#entries.set(peerId, { ...entry, goneAtMs: monotonicMs })
  }

  /** The peer is connected. */
  markHere(peerId: PeerId): void {
    const entry = this.#entries.get(peerId)
    if (entry?.goneAtMs !== undefined) this.#entries.set(peerId, { ...entry, goneAtMs: undefined })
  }

  /** True if an unconnected peer may be taken for live: it renewed its record lately and no connection with it broke since. */
  live(entry: Entry, monotonicMs: number): boolean {
    const { goneAtMs, renewedAtMs } = entry
    return goneAtMs === undefined && renewedAtMs !== undefined && monotonicMs - renewedAtMs <= this.#options.liveMs
  }

  delete(peerId: PeerId): void {
    this.#entries.delete(peerId)
  }

  #makeRoom(): void {
    if (this.#entries.size < this.#options.recordsMax) return
    let worst: { peerId: PeerId; worth: number } | undefined
    for (const [peerId, entry] of this.#entries) {
      // Hearsay goes first, however fresh: anybody can make it up.
      const met = this.#options.trustPeers?.includes(peerId) ? 4 : entry.source === 'relayed' ? 0 : 2
      const worth = met + (entry.goneAtMs === undefined ? 1 : 0)
      if (worst === undefined || worth < worst.worth) worst = { peerId, worth }
    }
    if (worst !== undefined) this.#entries.delete(worst.peerId)
  }
}
