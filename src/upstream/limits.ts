/**
 * Every bound of the upstream client in one table, with the defaults. The composition root overrides single values
 * from the settings; nothing else in this folder holds a number of its own.
 */

/** Bounds of the client; each applies per upstream unless it says otherwise. */
export interface UpstreamLimits {
  /** Requests in flight, bodies included; also the connections per origin. */
  readonly connections: number
  /** Of these, how many background requests may never take. */
  readonly interactiveReserve: number
  /** Requests that wait for a free connection; more are refused with `exhausted.queue`. */
  readonly queue: number
  /** For name look-up, TCP and TLS together. */
  readonly connectTimeoutMs: number
  /** From a sent request to the reply's headers, per attempt. */
  readonly headersTimeoutMs: number
  /** A body that delivers nothing for this long has broken off. */
  readonly stallTimeoutMs: number
  /** From request to headers in all, with redirects, tokens and retries, while somebody waits. */
  readonly interactiveBudgetMs: number
  /** The same for background requests. */
  readonly backgroundBudgetMs: number
  readonly interactiveAttempts: number
  readonly backgroundAttempts: number
  /** The first pause between attempts is at most this, then twice as much. */
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
  /** A Retry-After of at most this is waited out within a request; a longer one ends it. */
  readonly retryAfterWaitMs: number
  /** A refusal without Retry-After counts as this. */
  readonly retryAfterDefaultMs: number
  /** A longer Retry-After is cut to this, so that an upstream cannot switch itself off for good. */
  readonly retryAfterMaxMs: number
  /** Failure points at which the breaker opens; see `breaker.ts`. */
  readonly breakerPoints: number
  /** How long the breaker stays open the first time; doubles with each failed trial. */
  readonly breakerBaseMs: number
  readonly breakerMaxMs: number
  readonly redirects: number
  /** Tokens kept, over all upstreams. */
  readonly tokens: number
  readonly tokenBytesMax: number
  /** Tokens are kept for no longer than this, whatever they claim. */
  readonly tokenMaxMs: number
  /** Of an upstream that ignores Range, at most this much is read and thrown away to reach the offset. */
  readonly skipBytesMax: number
}

/** The defaults. */
export const UPSTREAM_LIMITS: UpstreamLimits = {
  connections: 16,
  interactiveReserve: 4,
  queue: 512,
  connectTimeoutMs: 2_500,
  headersTimeoutMs: 15_000,
  stallTimeoutMs: 20_000,
  interactiveBudgetMs: 20_000,
  backgroundBudgetMs: 90_000,
  interactiveAttempts: 2,
  backgroundAttempts: 4,
  backoffBaseMs: 150,
  backoffMaxMs: 5_000,
  retryAfterWaitMs: 1_000,
  retryAfterDefaultMs: 30_000,
  retryAfterMaxMs: 3_600_000,
  breakerPoints: 6,
  breakerBaseMs: 1_000,
  breakerMaxMs: 60_000,
  redirects: 5,
  tokens: 512,
  tokenBytesMax: 65_536,
  tokenMaxMs: 3_600_000,
  skipBytesMax: 268_435_456,
}
