/** The way to the order through peers: to the network's authorities if they are connected, else to whoever is and may know the way. */
import type { Random } from '../../base/clock.ts'
import { AppError, isKind, throwIfAborted } from '../../base/errors.ts'
import type { Network } from '../../base/network/network.ts'
import type { Ordered, Ordering } from '../../build/ordering.ts'
import type { PeerId, Peers } from '../../peers/peers.ts'
import { formatMessage, HOPS_MAX, type OrderMessage, parseAnswer } from './order-messages.ts'

/** The order as peers lead to it; `hops` and `except` are for messages that are passed on for another. */
export interface PeerOrdering extends Ordering {
  passOn(message: OrderMessage, except: PeerId, signal: AbortSignal): Promise<Ordered>
}

/** Peers that are tried with one message. */
const TRIED_MAX = 4
/** The same for messages of others. */
const PASSED_ON_MAX = 2

/** The way through these peers. */
export function createPeerOrdering(
  network: Network,
  { peers, random }: { readonly peers: Pick<Peers, 'list' | 'onConnected' | 'transact'>; readonly random: Random },
): PeerOrdering {
  const authorities = new Set(
    network.organisations.flatMap(({ roles, keys }) => (roles.includes('authority') && keys.peer ? [keys.peer] : [])),
  )
  const members = new Set(network.organisations.flatMap(({ keys }) => keys.peer ?? []))
  /** Authorities first, then members, then the others, each in random order. */
  const candidates = (except: PeerId | undefined): PeerId[] =>
    peers
      .list()
      .filter(({ peerId, connected }) => connected && peerId !== except)
      .map(({ peerId }) => ({
        peerId,
        rank: (authorities.has(peerId) ? 0 : members.has(peerId) ? 1 : 2) + random.fraction() / 2,
      }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ peerId }) => peerId)
  const send = async (
    message: OrderMessage,
    { except, triedMax }: { readonly except?: PeerId; readonly triedMax: number },
    signal: AbortSignal,
  ): Promise<Ordered> => {
    let last: unknown
    for (const peerId of candidates(except).slice(0, triedMax)) {
      try {
        return parseAnswer(await peers.transact(peerId, formatMessage(message), { signal }), peerId)
      } catch (error) {
        throwIfAborted(signal)
        if (isKind(error, 'bug')) throw error
        last = error
      }
    }
    throw new AppError('unavailable.peer', `no connected peer leads to an authority of the network ${network.name}`, {
      cause: last,
    })
  }
  const own = { network: network.origin, hops: HOPS_MAX } as const
  return {
    order(transaction, signal) {
      const text = Buffer.from(transaction).toString('base64')
      return send({ ...own, transaction: text }, { triedMax: TRIED_MAX }, signal)
    },
    // Whoever comes may know the way.
    onReachable: (listener) => peers.onConnected(listener),
    ask: (purl, signal) => send({ ...own, purl }, { triedMax: TRIED_MAX }, signal),
    async passOn(message, except, signal) {
      if (message.hops === 0) throw new AppError('unavailable.peer', 'a message was passed on often enough')
      return await send({ ...message, hops: message.hops - 1 }, { except, triedMax: PASSED_ON_MAX }, signal)
    },
  }
}
