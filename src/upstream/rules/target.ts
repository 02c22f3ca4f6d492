/**
 * Where a request may go: from a path and an upstream's base to a URL, and from a URL to where it redirects. Pure.
 * Rules of `3-registries.md` ("All of them"): only configured upstreams; a redirect may leave them, but not for IP literals or
 * private names, never from https to http. What a name resolves to is checked where connections are made (`dial.ts`).
 */
import { AppError } from '../../base/errors.ts'
import { type AddressClass, addressClass } from './addresses.ts'

/**
 * Which addresses a connection may end at: public ones, and those of the named class too; `any` for configured hosts. `like:`
 * and a host: public ones, and those that this host itself has. A configured registry may stand inside, under its public name
 * and those of its file hosts (a mirror behind the resolver): who named it has named its address.
 */
export type Reach = 'public' | 'loopback' | 'private' | 'any' | `like:${string}`

/** Where a request goes next. */
export interface Hop {
  readonly url: URL
  readonly reach: Reach
  /** True if it is the origin that the upstream's credentials are for. */
  readonly home: boolean
}

/** What the rules depend on. */
export interface TargetRules {
  /** The upstream's base URL, parsed. */
  readonly base: URL
  /** `host:port` of every configured upstream and of those that the owner allowed besides. */
  readonly configured: ReadonlySet<string>
}

/** `host:port` with the scheme's default port filled in, as in `TargetRules.configured`. */
export function hostPort(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`
}

/** Base URL of an upstream. @throws usage.config unless it is http(s) without credentials, query and fragment */
export function parseBase(name: string, text: string): URL {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new AppError('usage.config', `upstream ${name} wants an http or https URL, found ${JSON.stringify(text)}`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new AppError('usage.config', `the URL of upstream ${name} holds a password; give it as credentials`)
  }
  return url
}

/** The first hop: `path` below the base, or an absolute URL that the upstream's documents stated. @throws usage.request, untrusted.reply */
export function firstHop(rules: TargetRules, path: string): Hop {
  if (!path.startsWith('/')) return leave(rules, rules.base, upgraded(rules.base, path))
  const basePath = rules.base.pathname.replace(/\/+$/, '')
  const url = URL.parse(`${rules.base.origin}${basePath}${path}`)
  const stays = url !== null && url.origin === rules.base.origin && url.pathname.startsWith(`${basePath}/`)
  // `new URL` resolves dot segments, plain or encoded: what is asked for must be what was named.
  if (!stays || /[\s\\]/.test(path) || /(?:^|\/)(?:\.|%2e){1,2}(?:\/|\?|$)/i.test(path.split('?')[0] ?? '')) {
    throw new AppError('usage.request', `wanted a path below the upstream, found ${JSON.stringify(path.slice(0, 200))}`)
  }
  url.hash = ''
  return { url, reach: 'any', home: true }
}

/** Where `location` leads from `from`. @throws untrusted.reply if the rules forbid it */
export function nextHop(rules: TargetRules, from: URL, location: string): Hop {
  const url = URL.parse(location, from.href)
  if (url === null) throw new AppError('untrusted.reply', `${from.origin} redirects to ${quoted(location)}, no URL`)
  return leave(rules, from, url)
}

/** The token service that a challenge of the upstream itself names. @throws untrusted.reply if the rules forbid it */
export function tokenHop(rules: TargetRules, url: URL): Hop {
  return leave(rules, rules.base, url)
}

function leave(rules: TargetRules, from: URL, url: URL): Hop {
  if (!/^https?:$/.test(url.protocol)) throw forbidden(from, url, 'only http and https are followed')
  if (from.protocol === 'https:' && url.protocol === 'http:') throw forbidden(from, url, 'that would give up TLS')
  url.username = ''
  url.password = ''
  url.hash = ''
  if (rules.configured.has(hostPort(url))) return { url, reach: 'any', home: url.origin === rules.base.origin }
  const own = hostClass(rules.base)
  const inside = own === 'loopback' || own === 'private'
  const reach: Reach = inside ? own : own === undefined ? `like:${rules.base.hostname}` : 'public'
  const literal = hostClass(url)
  if (literal !== undefined && (!inside || literal !== own)) {
    throw forbidden(from, url, 'addresses and local names are followed only where they are configured')
  }
  return { url, reach, home: false }
}

/** The class of a host that is an address or a local name; undefined for names that have to be looked up. */
function hostClass(url: URL): AddressClass | undefined {
  const host = url.hostname.replace(/\.$/, '')
  if (host === 'localhost' || host.endsWith('.localhost')) return 'loopback'
  return addressClass(host.replace(/^\[|\]$/g, ''))
}

/** Old documents state http URLs of hosts that have long had https: the same host keeps the base's scheme. */
function upgraded(base: URL, text: string): URL {
  const url = URL.parse(text)
  if (url === null) throw new AppError('usage.request', `wanted a path or URL, found ${quoted(text)}`)
  if (base.protocol === 'https:' && url.protocol === 'http:' && url.host === base.host) url.protocol = 'https:'
  return url
}

function forbidden(from: URL, url: URL, why: string): AppError {
  return new AppError('untrusted.reply', `${from.origin} leads to ${quoted(url.origin)}: ${why}`)
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200))
}
