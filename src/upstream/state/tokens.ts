/**
 * Tokens of Bearer challenges: kept per upstream and scope until they expire, fetched once for all who wait, and offered
 * beforehand for paths that an earlier challenge covered, so that a repository's files cost one challenge in all.
 */
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { UpstreamLimits } from '../limits.ts'
import { type BearerChallenge, type IssuedToken, scopePrefix, tokenUrl } from '../rules/challenge.ts'

/** The tokens of all upstreams. */
export interface Tokens {
  /** A valid token for this path, if one is kept. */
  find(upstream: string, path: string): string | undefined
  /**
   * A token that answers `challenge`, other than `rejected`; undefined if the service gives none (the refusal is final).
   * @throws what `fetchToken` throws, aborted.caller
   */
  obtain(ask: TokenAsk): Promise<string | undefined>
}

/** One challenge to be answered. */
export interface TokenAsk {
  readonly upstream: string
  readonly path: string
  readonly challenge: BearerChallenge
  /** The token that was just refused, if the request carried one. */
  readonly rejected: string | undefined
  readonly signal: AbortSignal
}

interface Kept {
  readonly token: string
  readonly prefix: string
  readonly expiresMs: number
}

/** `fetchToken` asks a token service; undefined: it refused. It is shared by all who wait, so no single caller's signal reaches it. */
export function createTokens(
  limits: UpstreamLimits,
  dependencies: {
    readonly clock: Clock
    readonly fetchToken: (upstream: string, url: URL) => Promise<IssuedToken | undefined>
  },
): Tokens {
  const { clock, fetchToken } = dependencies
  const kept = new Map<string, Kept>()
  const flights = new Map<string, Promise<string | undefined>>()

  function find(upstream: string, path: string): string | undefined {
    let best: Kept | undefined
    for (const [key, entry] of kept) {
      if (entry.expiresMs <= clock.monotonicMs()) kept.delete(key)
      else if (key.startsWith(`${upstream}\n`) && path.startsWith(entry.prefix)) {
        if (best === undefined || entry.prefix.length > best.prefix.length) best = entry
      }
    }
    return best?.token
  }

  function keep(key: string, prefix: string, issued: IssuedToken): string {
    // A token that expires on the way costs a second challenge: it is given up a tenth of its life early.
    const lifetimeMs = Math.min(issued.lifetimeMs * 0.9, limits.tokenMaxMs)
    kept.delete(key)
    kept.set(key, { token: issued.token, prefix, expiresMs: clock.monotonicMs() + lifetimeMs })
    for (const oldest of kept.keys()) {
      if (kept.size <= limits.tokens) break
      kept.delete(oldest)
    }
    return issued.token
  }

  async function obtain(ask: TokenAsk): Promise<string | undefined> {
    const url = tokenUrl(ask.challenge)
    const key = `${ask.upstream}\n${url.href}`
    const present = kept.get(key)
    if (present !== undefined && present.token !== ask.rejected && present.expiresMs > clock.monotonicMs()) {
      return present.token
    }
    kept.delete(key)
    let flight = flights.get(key)
    if (flight === undefined) {
      flight = fetchToken(ask.upstream, url)
        .then((issued) => issued && keep(key, scopePrefix(ask.path, ask.challenge.scope), issued))
        .finally(() => flights.delete(key))
      flights.set(key, flight)
    }
    return await orAbort(flight, ask.signal)
  }

  return { find, obtain }
}

/** What `work` comes to, unless the caller leaves first; `work` goes on for the others. */
function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () =>
      reject(new AppError('aborted.caller', 'left while a token was fetched', { cause: signal.reason }))
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
