/** Answers peers' messages for the order: has them ordered here, passes them on, or takes up the wish of a node that is no member. */
import type { Clock } from '../../base/clock.ts'
import type { RequestBody } from '../../base/entries/transaction.ts'
import { TRANSACTION_BYTES_MAX } from '../../base/entries/transaction.ts'
import { AppError } from '../../base/errors.ts'
import { isSolo, type Network } from '../../base/network/network.ts'
import { parsePurl } from '../../base/purl.ts'
import type { Member } from '../../build/member.ts'
import type { Ordered } from '../../build/ordering.ts'
import { createTokenBucket, type TokenBucket } from '../../peers/data/token-bucket.ts'
import type { PeerHost, PeerId } from '../../peers/peers.ts'
import type { Authority } from './authority.ts'
import { formatAnswer, type OrderMessage, parseMessage } from './order-messages.ts'
import type { PeerOrdering } from './peer-ordering.ts'

/** What answering needs. */
export interface OrderHostDependencies {
  readonly network: Network
  readonly authority: Pick<Authority, 'orderForeign'> | undefined
  /** The key with which this node asks for others; undefined: it is no member, and passes wishes on. */
  readonly member: Pick<Member, 'send'> | undefined
  readonly passOn: PeerOrdering['passOn']
  readonly clock: Clock
}

/** Wishes that are taken up in this node's own name, since they use up the limits of its organisation: of one peer, of all, in an hour. */
const ASKS_PER_PEER = 30
const ASKS_OF_ALL = 300
const PEERS_METERED_MAX = 1024
const HOUR_SECONDS = 3600

/** The host's answer to a message. It throws for what is malformed or not for others, and answers all else. */
export function createOrderHost(deps: OrderHostDependencies): PeerHost['transact'] {
  const { network, authority, member, passOn } = deps
  const mayAsk = createAskLimit(deps)
  const handle = async (message: OrderMessage, from: PeerId, signal: AbortSignal): Promise<Ordered> => {
    if (message.network !== network.origin) {
      throw new AppError('unavailable.peer', `this node belongs to the network ${network.name}`)
    }
    if ('transaction' in message) {
      if (authority === undefined) return await passOn(message, from, signal)
      const bytes = Buffer.from(message.transaction, 'base64')
      if (bytes.byteLength > TRANSACTION_BYTES_MAX)
        throw new AppError('usage.transaction', 'a transaction is too large')
      return await authority.orderForeign(new Uint8Array(bytes), signal)
    }
    if (member === undefined) return await passOn(message, from, signal)
    const purl = parsePurl(message.purl)
    if (!mayAsk(from))
      throw new AppError('exhausted.quota', 'this member asks for no more packages in the name of others')
    return await member.send<RequestBody>({ type: 'request', purl }, signal)
  }
  return async (bytes, asker, signal) => {
    // Nobody else has a part in the network of one node.
    if (isSolo(network)) throw new AppError('denied.share', 'this node belongs to a network of its own')
    const message = parseMessage(bytes)
    try {
      return formatAnswer(await handle(message, asker.peerId, signal))
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'bug') throw error
      return formatAnswer({ error: error.code })
    }
  }
}

function createAskLimit(deps: { readonly clock: Clock }): (peerId: PeerId) => boolean {
  const bucket = (units: number): TokenBucket =>
    createTokenBucket({ unitsPerSecond: units / HOUR_SECONDS, burstUnits: units }, deps)
  const all = bucket(ASKS_OF_ALL)
  const each = new Map<PeerId, TokenBucket>()
  return (peerId) => {
    let own = each.get(peerId)
    if (own === undefined) {
      const [oldest] = each.keys()
      if (each.size >= PEERS_METERED_MAX && oldest !== undefined) each.delete(oldest)
      own = bucket(ASKS_PER_PEER)
      each.set(peerId, own)
    }
    return own.tryTake(1) && all.tryTake(1)
  }
}
