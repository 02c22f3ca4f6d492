/**
 * The only outbound HTTP client towards registries. Interface file; the adapters are `undici.ts` and `memory.ts`, both held
 * to it by `test/kit/upstream-suite.ts`. Only configured upstreams are ever asked; redirects may leave them within the rules
 * of `3-registries.md` ("All of them": no IP literals, no private ranges unless configured), without credentials.
 */
import type { Headers } from '../base/located.ts'
import type { ShareLevel } from '../base/share.ts'
import type { ByteStream } from '../base/streams.ts'

/** One configured upstream. */
export interface UpstreamConfig {
  /** How ecosystems and people call it, e.g. a registry host or an ecosystem's name. */
  readonly name: string
  /** Base URL without trailing slash; http or https. */
  readonly url: string
  readonly share: ShareLevel
  /** Opt-in; sent to the base URL's own origin, and to the token service that this origin itself names in a Bearer challenge. */
  readonly credentials?:
    | { readonly kind: 'basic'; readonly user: string; readonly password: string }
    | { readonly kind: 'bearer'; readonly token: string }
  /** Where the configuration comes from, for `status` and `config --show`. */
  readonly source: 'default' | 'flag' | 'file' | 'client'
}

/** One request. */
export interface UpstreamRequest {
  /** Name of a configured upstream. */
  readonly upstream: string
  readonly method: 'GET' | 'HEAD' | 'POST'
  /** Path below the base, beginning with a slash, or an absolute URL that this upstream's own documents stated. */
  readonly path: string
  /** Authorization, cookies, Range and hop-by-hop headers among them are not sent. A JSON `accept` (or an `accept-encoding` with gzip) allows gzip on the wire. */
  readonly headers: Headers
  readonly body?: Uint8Array
  /** First byte wanted; for resuming and for cold ranges. Answered 206 with exactly this part, also where upstream ignores Range, or 416. */
  readonly range?: { readonly offset: number; readonly lengthBytes?: number }
  /** True if the caller's user waits; background requests give way. */
  readonly interactive: boolean
  /** From a free connection to the reply's headers in all, milliseconds: for clients that have somewhere else to go. */
  readonly patienceMs?: number
  readonly signal: AbortSignal
}

/** What came back. 2xx, 304, 404, 410 and other 4xx are replies; failures to get one are errors. */
export interface UpstreamReply {
  readonly status: number
  /** Lower-case names; hop-by-hop headers removed. */
  readonly headers: Headers
  /** Identity encoding. Empty for HEAD and 304. Must be read to the end or cancelled by leaving the loop. */
  readonly body: ByteStream
  /** Stated body length, if any. */
  readonly sizeBytes: number | undefined
}

/** What is known of an upstream's health, for `status`, metrics and decisions. */
export interface UpstreamState {
  readonly name: string
  readonly url: string
  readonly share: ShareLevel
  readonly source: UpstreamConfig['source']
  readonly reachable: 'unknown' | 'yes' | 'no' | 'offline'
  /** Breaker: `open` fails at once, `half-open` lets one request try. */
  readonly breaker: 'closed' | 'open' | 'half-open'
  readonly lastError: string | undefined
  /** Left of the registry's rate limit as it last said, and when that was. */
  readonly quota: { readonly remaining: number; readonly limit: number | undefined; readonly atMs: number } | undefined
  /** Not asked before this moment (Retry-After, an exhausted quota). */
  readonly notBeforeMs: number | undefined
}

/** The client. */
export interface Upstream {
  /**
   * Sends one request: connection limits per host, retries with jitter for what is safe to repeat, Bearer challenges, redirects.
   * A body that breaks off is an `unavailable.upstream` error of the stream; the caller resumes with `range`.
   * 401 is a reply too: the token that answers its challenge was refused, or there is none.
   * @throws absent.upstream, unavailable.upstream, unavailable.offline, exhausted.quota, exhausted.queue, untrusted.reply or
   * untrusted.size (a redirect, part or token that breaks the rules), usage.request (a path that leaves the base), aborted.caller,
   * aborted.shutdown
   */
  request(request: UpstreamRequest): Promise<UpstreamReply>
  /** The configured upstream of that name. */
  config(name: string): UpstreamConfig | undefined
  /** False when a request would fail at once (offline, breaker open, quota spent). */
  askable(name: string): boolean
  states(): UpstreamState[]
  close(): Promise<void>
}
