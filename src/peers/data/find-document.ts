/**
 * Asks the peers whose word counts for a kept document and takes the newest copy. Each signs what it gives, so that a copy can be
 * traced to who vouched for it.
 */
import { verify } from 'node:crypto'
import type { Clock, Logger } from '../../base/clock.ts'
import type { DocumentKey, StoredDocument } from '../../base/document.ts'
import { AppError, isKind, throwIfAborted } from '../../base/errors.ts'
import { keyObjectOf } from '../identity.ts'
import type { Neighbour } from '../neighbour.ts'
import type { PeerDocument, PeerFault, PeerId } from '../peers.ts'
import type { PeerClient } from './client/peer-client.ts'
import { documentStatement, MESSAGE_BYTES_MAX, PATHS, parseDocument, parseSignedDocument } from './wire/messages.ts'

const ASKED_MAX = 8
/** Others may still offer a newer copy for this long after the first answer. */
const GRACE_MS = 20
/** Clocks of honest nodes may differ by this much. */
const CLOCK_SKEW_MS = 300_000

/** The newest copy among `trusted`, or undefined. Its origin is the peer that gave it. @throws aborted.caller */
export async function findDocument(
  key: DocumentKey,
  trusted: readonly Neighbour[],
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  dependencies: {
    readonly client: (peerId: PeerId) => PeerClient
    readonly blame: (peerId: PeerId, fault: Omit<PeerFault, 'atMs'>) => void
    readonly clock: Clock
    readonly logger: Logger
  },
): Promise<PeerDocument | undefined> {
  const { clock, blame, logger } = dependencies
  throwIfAborted(options.signal)
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const asked = trusted.toSorted((a, b) => (a.roundTripMs ?? 1_000) - (b.roundTripMs ?? 1_000)).slice(0, ASKED_MAX)
  const found: PeerDocument[] = []
  await new Promise<void>((resolve) => {
    let open = asked.length
    if (open === 0) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
    const stopWithin = (ms: number): (() => void) =>
      clock.after(ms, () => stop.abort(new AppError('aborted.caller', 'the document was waited for long enough')))
    const cancels = [stopWithin(options.timeoutMs)]
    for (const neighbour of asked) {
      askOne(key, neighbour, dependencies.client(neighbour.peerId), clock.nowMs(), signal)
        .then((document) => {
          if (document === undefined || signal.aborted) return
          found.push({ document, peerId: neighbour.peerId })
          cancels.push(stopWithin(GRACE_MS))
        })
        .catch((error: unknown) => {
          logger.debug({ peerId: neighbour.peerId, error: String(error) }, 'a document was not had from a peer')
          if (isKind(error, 'usage') || isKind(error, 'untrusted')) {
            blame(neighbour.peerId, { kind: 'bad-message', about: `a document: ${error.message}` })
          }
        })
        .finally(() => {
          open -= 1
          if (open > 0) return
          for (const cancel of cancels) cancel()
          resolve()
        })
    }
  })
  throwIfAborted(options.signal)
  return found.sort((a, b) => b.document.checkedAtMs - a.document.checkedAtMs)[0]
}

async function askOne(
  key: DocumentKey,
  neighbour: Neighbour,
  client: PeerClient,
  nowMs: number,
  signal: AbortSignal,
): Promise<StoredDocument | undefined> {
  const body = Buffer.from(JSON.stringify({ key }))
  const headers = { 'content-type': 'application/json' }
  const reply = await client.ask(
    { method: 'POST', path: PATHS.documents, headers, body },
    { bytesMax: MESSAGE_BYTES_MAX, signal },
  )
  if (reply.status !== 200) return undefined
  const { text, signature } = parseSignedDocument(reply.body)
  if (!verify(null, documentStatement(text), keyObjectOf(neighbour.publicKey), signature)) {
    throw new AppError('untrusted.signature', `the signature of a document from ${neighbour.peerId} does not verify`)
  }
  const document = parseDocument(text)
  if (document.key !== key || document.checkedAtMs > nowMs + CLOCK_SKEW_MS) {
    throw new AppError(
      'usage.message',
      `asked ${neighbour.peerId} for ${key}, found ${document.key} of another time or name`,
    )
  }
  return { ...document, origin: { kind: 'peer', peerId: neighbour.peerId, trusted: true } }
}
