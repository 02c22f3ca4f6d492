/**
 * What this node measured of its peers: bytes, rates, faults, and the standing that follows from them. Kept across restarts
 * through `PeerHost.remember` and `recall`. A peer that lied stays dropped; one that stalled is demoted for a while.
 */
import { z } from 'zod'
import type { Clock } from '../../base/clock.ts'
import type { PeerFault, PeerHost, PeerId } from '../peers.ts'

const FAULTS_KEPT = 16
const PEERS_MAX = 10_000
const DEMOTED_MS = 600_000
/** Faults of these kinds prove a lie; others happen to honest peers too. */
const LIES: ReadonlySet<PeerFault['kind']> = new Set(['bad-piece', 'bad-manifest', 'bad-digest', 'bad-log'])
/** So many malformed messages are no accident. */
const BAD_MESSAGES_MAX = 3
/** Weight of the newest measurement in the decaying average. */
const NEWEST_WEIGHT = 0.3
/** Byte counts are written down when they grew by this much. */
const REMEMBER_EVERY_BYTES = 67_108_864

/** The facts of one peer. */
export interface PeerFacts {
  readonly rateBytesPerSecond: number | undefined
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly standing: 'good' | 'demoted' | 'dropped'
  readonly faults: readonly PeerFault[]
}

/** The facts of all peers. */
export interface Ledger {
  facts(peerId: PeerId): PeerFacts
  /** Peers of which anything is known. */
  peers(): PeerId[]
  /** Bytes that came from a peer in `elapsedMs` of waiting for it. */
  received(peerId: PeerId, bytes: number, elapsedMs: number): void
  sent(peerId: PeerId, bytes: number): void
  /** Records a fault; says true if the peer is dropped from now on and was not before. */
  blame(peerId: PeerId, fault: Omit<PeerFault, 'atMs'>): boolean
  readonly receivedBytes: number
  readonly sentBytes: number
}

interface Account {
  rateBytesPerSecond: number | undefined
  receivedBytes: number
  sentBytes: number
  rememberedBytes: number
  dropped: boolean
  faults: PeerFault[]
}

const faultShape = z.object({
  kind: z.enum(['bad-piece', 'bad-manifest', 'bad-digest', 'bad-message', 'bad-log', 'stall', 'missing']),
  about: z.string().max(512),
  atMs: z.number(),
})
const rememberedShape = z.object({
  rateBytesPerSecond: z.number().positive().optional(),
  receivedBytes: z.number().nonnegative(),
  sentBytes: z.number().nonnegative(),
  dropped: z.boolean(),
  faults: z.array(faultShape).max(FAULTS_KEPT),
})

/** A ledger that continues from what `host` remembers; entries that cannot be read are forgotten. */
export function createLedger(
  host: Pick<PeerHost, 'remember' | 'recall'>,
  dependencies: { readonly clock: Clock },
): Ledger {
  return new Accounts(host, dependencies.clock)
}

class Accounts implements Ledger {
  receivedBytes = 0
  sentBytes = 0
  readonly #host: Pick<PeerHost, 'remember' | 'recall'>
  readonly #clock: Clock
  readonly #accounts = new Map<PeerId, Account>()

  constructor(host: Pick<PeerHost, 'remember' | 'recall'>, clock: Clock) {
    this.#host = host
    this.#clock = clock
    for (const [peerId, value] of host.recall()) {
      const found = rememberedShape.safeParse(value)
      if (!found.success || this.#accounts.size >= PEERS_MAX) continue
      const { rateBytesPerSecond, ...rest } = found.data
      const rememberedBytes = rest.receivedBytes + rest.sentBytes
      this.#accounts.set(peerId, { ...rest, rateBytesPerSecond, rememberedBytes })
    }
  }

  facts(peerId: PeerId): PeerFacts {
    const { rateBytesPerSecond, receivedBytes, sentBytes, faults, ...rest } =
      this.#accounts.get(peerId) ?? emptyAccount()
    return { rateBytesPerSecond, receivedBytes, sentBytes, standing: this.#standing(rest.dropped, faults), faults }
  }

  peers(): PeerId[] {
    return [...this.#accounts.keys()]
  }

  received(peerId: PeerId, bytes: number, elapsedMs: number): void {
    const account = this.#account(peerId)
    this.receivedBytes += bytes
    account.receivedBytes += bytes
    if (elapsedMs > 0) {
      const rate = (bytes / elapsedMs) * 1000
      const before = account.rateBytesPerSecond
      account.rateBytesPerSecond = before === undefined ? rate : before + (rate - before) * NEWEST_WEIGHT
    }
    this.#rememberSometimes(peerId, account)
  }

  sent(peerId: PeerId, bytes: number): void {
    const account = this.#account(peerId)
    this.sentBytes += bytes
    account.sentBytes += bytes
    this.#rememberSometimes(peerId, account)
  }

  blame(peerId: PeerId, fault: Omit<PeerFault, 'atMs'>): boolean {
    const account = this.#account(peerId)
    const before = account.dropped
    const added = { ...fault, about: fault.about.slice(0, 512), atMs: this.#clock.nowMs() }
    account.faults = [...account.faults, added].slice(-FAULTS_KEPT)
    const malformed = account.faults.filter(({ kind }) => kind === 'bad-message').length
    account.dropped ||= LIES.has(fault.kind) || malformed >= BAD_MESSAGES_MAX
    this.#remember(peerId, account)
    return account.dropped && !before
  }

  #account(peerId: PeerId): Account {
    const known = this.#accounts.get(peerId)
    if (known !== undefined) return known
    if (this.#accounts.size >= PEERS_MAX) this.#forgetOne()
    const made = emptyAccount()
    this.#accounts.set(peerId, made)
    return made
  }

  /** Ids cost nothing: who made many must not push out who lied, nor whom this node had much from. */
  #forgetOne(): void {
    let worst: { readonly peerId: PeerId; readonly worth: number } | undefined
    for (const [peerId, { dropped, receivedBytes, sentBytes }] of this.#accounts) {
      const worth = dropped ? Number.MAX_VALUE : receivedBytes + sentBytes
      if (worst === undefined || worth < worst.worth) worst = { peerId, worth }
      if (worth === 0) break
    }
    if (worst === undefined) return
    this.#accounts.delete(worst.peerId)
    this.#host.remember(worst.peerId, undefined)
  }

  #standing(dropped: boolean, faults: readonly PeerFault[]): PeerFacts['standing'] {
    if (dropped) return 'dropped'
    const nowMs = this.#clock.nowMs()
    const recent = faults.some(({ kind, atMs }) => kind !== 'missing' && nowMs - atMs < DEMOTED_MS)
    return recent ? 'demoted' : 'good'
  }

  #rememberSometimes(peerId: PeerId, account: Account): void {
    const bytes = account.receivedBytes + account.sentBytes
    if (bytes - account.rememberedBytes >= REMEMBER_EVERY_BYTES) this.#remember(peerId, account)
  }

  #remember(peerId: PeerId, account: Account): void {
    const { rememberedBytes: _, rateBytesPerSecond, ...rest } = account
    account.rememberedBytes = account.receivedBytes + account.sentBytes
    this.#host.remember(peerId, { ...rest, ...(rateBytesPerSecond !== undefined && { rateBytesPerSecond }) })
  }
}

function emptyAccount(): Account {
  return {
    rateBytesPerSecond: undefined,
    receivedBytes: 0,
    sentBytes: 0,
    rememberedBytes: 0,
    dropped: false,
    faults: [],
  }
}
