/** Hands one peer a message for the order of a trust network. What comes back proves nothing: the log does. */
import { AppError } from '../../base/errors.ts'
import { TRANSACTION_MESSAGE_BYTES_MAX } from '../peers.ts'
import type { PeerClient } from './client/peer-client.ts'
import { PATHS } from './wire/messages.ts'

/** @throws unavailable.peer, exhausted.quota, usage.message, aborted.caller */
export async function sendTransaction(
  client: Pick<PeerClient, 'ask' | 'peerId'>,
  message: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (message.byteLength > TRANSACTION_MESSAGE_BYTES_MAX) {
    throw new AppError('usage.message', `wanted at most ${TRANSACTION_MESSAGE_BYTES_MAX} bytes for the order`)
  }
  const request = { method: 'POST', path: PATHS.transactions, headers: {}, body: Buffer.from(message) } as const
  const { status, body } = await client.ask(request, { bytesMax: TRANSACTION_MESSAGE_BYTES_MAX, signal })
  if (status === 200) return body
  if (status === 429) throw new AppError('exhausted.quota', `${client.peerId} wants no more transactions for now`)
  throw new AppError('unavailable.peer', `${client.peerId} takes no transactions: it answered ${status}`)
}
