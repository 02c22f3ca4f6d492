/**
 * Bearer challenges: `WWW-Authenticate: Bearer realm="…",service="…",scope="…"` and what the token service answers.
 * Pure. Specification: distribution's token authentication, RFC 6750 section 3, RFC 9110 section 11.6.1.
 */
import { AppError } from '../../base/errors.ts'

/** A challenge that can be answered. */
export interface BearerChallenge {
  /** URL of the token service. */
  readonly realm: string
  readonly service: string | undefined
  readonly scope: string | undefined
}

/** A token and how long it may be used, as the service stated it. */
export interface IssuedToken {
  readonly token: string
  readonly lifetimeMs: number
}

const HEADER_LENGTH_MAX = 4096
const TOKEN_LENGTH_MAX = 32_768
const LIFETIME_DEFAULT_MS = 60_000

/** The first Bearer challenge with a realm in a WWW-Authenticate header; undefined if there is none. */
export function bearerChallenge(header: string | undefined): BearerChallenge | undefined {
  if (header === undefined || header.length > HEADER_LENGTH_MAX) return undefined
  const scheme = /(?:^|,)\s*bearer\s+/i.exec(header)
  if (scheme === null) return undefined
  const found: Record<string, string> = {}
  let rest = header.slice(scheme.index + scheme[0].length)
  for (;;) {
    const parameter = /^\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)/.exec(rest)
    if (parameter === null) break
    const [whole, name = '', quoted, plain] = parameter
    found[name.toLowerCase()] ??= quoted?.replace(/\\(.)/g, '$1') ?? plain ?? ''
    rest = rest.slice(whole.length)
  }
  const { realm, service, scope } = found
  return realm === undefined ? undefined : { realm, service, scope }
}

/** The URL that asks the token service of `challenge`. @throws untrusted.reply if the realm is no absolute http(s) URL */
export function tokenUrl(challenge: BearerChallenge): URL {
  const url = URL.parse(challenge.realm)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new AppError('untrusted.reply', `a challenge names ${JSON.stringify(challenge.realm)} as its token service`)
  }
  url.username = ''
  url.password = ''
  if (challenge.service !== undefined) url.searchParams.set('service', challenge.service)
  for (const scope of challenge.scope?.split(' ') ?? []) if (scope !== '') url.searchParams.append('scope', scope)
  return url
}

/**
 * The paths below which a token for `scope` is good: up to the name in `type:name:actions`, where the path has it; else only
 * the path itself, or everything if the challenge had no scope.
 */
export function scopePrefix(path: string, scope: string | undefined): string {
  if (scope === undefined || scope === '') return '/'
  const name = scope.split(':').slice(1, -1).join(':')
  const at = name === '' ? -1 : path.indexOf(`/${name}/`)
  return at < 0 ? path : path.slice(0, at + name.length + 2)
}

/** Reads a token service's reply. @throws untrusted.reply if there is no token in it */
export function readToken(body: Uint8Array): IssuedToken {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw new AppError('untrusted.reply', 'the token service did not answer with JSON', { cause })
  }
  const fields = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  const token = fields.token ?? fields.access_token
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token) || token.length > TOKEN_LENGTH_MAX) {
    throw new AppError('untrusted.reply', 'the reply of the token service holds no token')
  }
  const seconds = fields.expires_in
  const lifetimeMs = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : LIFETIME_DEFAULT_MS
  return { token, lifetimeMs }
}
