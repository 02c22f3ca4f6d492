/** Asks one peer for a file of a log. What comes back proves nothing: the log's reader checks it against a checkpoint. */
import { AppError } from '../../base/errors.ts'
import type { LogFileRequest } from '../peers.ts'
import type { PeerClient } from './client/peer-client.ts'
import { logFilePath } from './wire/messages.ts'

/** @throws unavailable.peer, exhausted.size, aborted.caller */
export async function askLogFile(
  client: Pick<PeerClient, 'ask' | 'peerId'>,
  request: LogFileRequest,
  options: { readonly bytesMax: number; readonly signal: AbortSignal },
): Promise<Uint8Array | undefined> {
  const path = logFilePath(request)
  const { status, body } = await client.ask({ method: 'GET', path, headers: {} }, options)
  if (status === 200) return body
  if (status === 404) return undefined
  throw new AppError('unavailable.peer', `asking ${client.peerId} for ${request.path} of a log: it answered ${status}`)
}
