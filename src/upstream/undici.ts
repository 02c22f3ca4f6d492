/**
 * The upstream client over undici: keep-alive connections bounded per origin, stall time-outs, proxies, and a look-up that
 * keeps redirects out of private networks. Adapter; imported by the composition root and tests.
 */
import type { LookupFunction } from 'node:net'
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici'
import { AppError } from '../base/errors.ts'
import { createClient } from './client.ts'
import { UPSTREAM_LIMITS, type UpstreamLimits } from './limits.ts'
import type { UpstreamDependencies, UpstreamOptions } from './line.ts'
import type { Reach } from './rules/target.ts'
import type { Upstream } from './upstream.ts'
import { guardedLookup, type LookupAll, sharedLookup } from './wire/dial.ts'
import { type Exchange, type Transport, type WirePhase, type WireReply, wireError } from './wire/transport.ts'

/** Proxies as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say; absent or empty: none. Without `https`, `http` is used for both. */
export interface ProxySettings {
  readonly http?: string
  readonly https?: string
  readonly noProxy?: string
}

/**
 * The client towards the real upstreams. Behind a proxy, names are looked up by the proxy: the address rules then cover what
 * URLs show, and the proxy's own rules the rest.
 * @throws usage.config for a malformed upstream or proxy
 */
export function createUndiciUpstream(
  options: UpstreamOptions & { readonly proxy?: ProxySettings },
  dependencies: UpstreamDependencies,
): Upstream {
  const limits = { ...UPSTREAM_LIMITS, ...options.limits }
  const transport = createUndiciTransport(limits, options.proxy ?? {}, sharedLookup(dependencies.clock))
  return createClient(options, { ...dependencies, transport })
}

const ORIGINS_MAX = 256
const DISCARD_BYTES_MAX = 65_536

function createUndiciTransport(limits: UpstreamLimits, proxy: ProxySettings, lookup: LookupAll): Transport {
  const dispatchers = new Map<Reach, Dispatcher>()

  // Apart per reach: a connection made under wider rules is never reused under narrower ones.
  function dispatcher(reach: Reach): Dispatcher {
    const present = dispatchers.get(reach) ?? createDispatcher(limits, proxy, guardedLookup(reach, lookup))
    dispatchers.set(reach, present)
    return present
  }

  try {
    dispatcher('any')
  } catch (cause) {
    throw new AppError('usage.config', 'the proxy settings are not understood', { cause })
  }

  async function send(exchange: Exchange): Promise<WireReply> {
    const { url } = exchange
    try {
      const reply = await dispatcher(exchange.reach).request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: exchange.method,
        headers: exchange.headers,
        body: exchange.body ?? null,
        signal: exchange.signal,
      })
      // An abort reaches the body as an error event, also when nobody reads it.
      reply.body.on('error', () => {})
      return {
        status: reply.statusCode,
        headers: flat(reply.headers),
        body: reply.body,
        discard() {
          // Reading a small rest keeps the connection; a large one is cheaper to cut.
          reply.body.dump({ limit: DISCARD_BYTES_MAX }).catch(() => {})
        },
      }
    } catch (cause) {
      throw cause instanceof AppError ? cause : failure(url, cause)
    }
  }

  return {
    send,
    async close() {
      await Promise.all([...dispatchers.values()].map((each) => each.destroy()))
    },
  }
}

function createDispatcher(limits: UpstreamLimits, proxy: ProxySettings, lookup: LookupFunction): Dispatcher {
  const options = {
    connections: limits.connections,
    pipelining: 1,
    allowH2: false,
    maxOrigins: ORIGINS_MAX,
    headersTimeout: limits.headersTimeoutMs,
    bodyTimeout: limits.stallTimeoutMs,
    connectTimeout: limits.connectTimeoutMs,
    connect: { timeout: limits.connectTimeoutMs, lookup },
  }
  const { http = '', https = '', noProxy = '' } = proxy
  if (http === '' && https === '') return new Agent(options)
  // Empty rather than absent: undici would read the environment itself.
  return new EnvHttpProxyAgent({ ...options, httpProxy: http, httpsProxy: https, noProxy })
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) found[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value
  }
  return found
}

const PHASES: Readonly<Record<string, WirePhase>> = {
  ECONNREFUSED: 'connect',
  ENOTFOUND: 'connect',
  EAI_AGAIN: 'connect',
  ENETUNREACH: 'connect',
  EHOSTUNREACH: 'connect',
  ENETDOWN: 'connect',
  EADDRNOTAVAIL: 'connect',
  EACCES: 'connect',
  ETIMEDOUT: 'connect-timeout',
  UND_ERR_CONNECT_TIMEOUT: 'connect-timeout',
  UND_ERR_HEADERS_TIMEOUT: 'headers-timeout',
  UND_ERR_PRX_CONN: 'connect',
}

function failure(url: URL, cause: unknown): AppError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const nested = cause instanceof Error ? cause.cause : undefined
  if (nested instanceof AppError) return nested
  if (code === 'UND_ERR_INVALID_ARG') {
    return new AppError('usage.request', `a request to ${url.origin} cannot be sent as it is`, { cause })
  }
  const tls = /CERT|TLS|SSL|EPROTO|SELF_SIGNED|ISSUER|SIGNATURE/.test(code)
  const phase = PHASES[code] ?? (tls ? 'tls' : 'broken')
  return wireError(phase, `no reply from ${url.origin} (${phase})`, { cause })
}
