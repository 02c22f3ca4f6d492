/**
 * The seam between the client's rules (`client.ts`) and the wire: one HTTP exchange, without redirects, retries or tokens.
 * Implemented over undici (`undici.ts`) and over scripted origins (`memory.ts`), so that both run the very same rules.
 */
import type { ErrorData } from '../../base/errors.ts'
import { AppError } from '../../base/errors.ts'
import type { Headers } from '../../base/located.ts'
import type { ByteStream } from '../../base/streams.ts'
import type { Reach } from '../rules/target.ts'

/** One request as it goes over the wire. */
export interface Exchange {
  readonly url: URL
  /** Addresses that the connection may end at. */
  readonly reach: Reach
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly headers: Headers
  readonly body: Uint8Array | undefined
  /** Aborting it, before or after the reply's headers, frees the connection. */
  readonly signal: AbortSignal
}

/** Its reply. Exactly one of reading `body` to its end or `discard` frees the connection. */
export interface WireReply {
  readonly status: number
  /** Lower-case names, as received. */
  readonly headers: Headers
  /** As sent: still content-encoded. */
  readonly body: ByteStream
  /** Gives up the body. Never throws. */
  discard(): void
}

/** The wire. */
export interface Transport {
  /** @throws unavailable.upstream with a `phase` (see `wireError`), untrusted.reply if the address is not within reach */
  send(exchange: Exchange): Promise<WireReply>
  close(): Promise<void>
}

/** At which point an exchange failed; decides whether trying again may help and how much the breaker counts it. */
export type WirePhase =
  /** Refused, unreachable, no such name. */
  | 'connect'
  /** Connecting took too long. */
  | 'connect-timeout'
  /** The certificate or the handshake is wrong; trying again does not help. */
  | 'tls'
  /** No reply's headers in time. */
  | 'headers-timeout'
  /** The connection broke before or within the reply. */
  | 'broken'
  /** A reply that says "failed": 5xx or 408. */
  | 'status'

/** A failed exchange. `retryAfterMs` is what the reply asked for. */
export function wireError(
  phase: WirePhase,
  message: string,
  more: { readonly cause?: unknown; readonly data?: ErrorData } = {},
): AppError {
  return new AppError('unavailable.upstream', message, { cause: more.cause, data: { ...more.data, phase } })
}
