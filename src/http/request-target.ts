/**
 * Strict parsing of a request's target. Paths stay percent-encoded (ecosystems decode their own groups), so everything that
 * could mean another path once it is decoded is refused here. Pure; runs per request, so the common case is one scan.
 */
import { AppError } from '../base/errors.ts'

/** A parsed target. */
export interface RequestTarget {
  /** Begins with a slash; percent-encoded. */
  readonly path: string
  /** The first value of each name. */
  readonly query: Readonly<Record<string, string>>
}

/** Longest accepted target, in bytes. */
export const TARGET_BYTES_MAX = 8192

const NO_QUERY: Readonly<Record<string, string>> = Object.freeze({})
const PLAIN_PATH = /^\/[A-Za-z0-9!$&'()*+,;=:@_~./-]*$/

/** @throws usage.request for anything but an origin-form target whose path means the same before and after decoding */
export function parseTarget(target: string): RequestTarget {
  if (target.length > TARGET_BYTES_MAX) throw malformed('it is too long', target)
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  if (!PLAIN_PATH.test(path) || path.includes('/.')) checkPath(path)
  return { path, query: mark < 0 ? NO_QUERY : parseQuery(target.slice(mark + 1)) }
}

function checkPath(path: string): void {
  if (!path.startsWith('/')) throw malformed('it does not begin with a slash', path)
  if (!/^[\x21-\x7e]+$/.test(path) || path.includes('\\'))
    throw malformed('it holds a character that must be encoded', path)
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    throw malformed('its percent-encoding is broken', path)
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[\u0000-\u001f\u007f\\]/.test(decoded)) throw malformed('it hides a control character or a backslash', path)
  if (decoded.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw malformed('it climbs out of its directory', path)
  }
}

function parseQuery(text: string): Readonly<Record<string, string>> {
  if (text === '') return NO_QUERY
  const query: Record<string, string> = Object.create(null)
  for (const [name, value] of new URLSearchParams(text)) query[name] ??= value
  return query
}

function malformed(what: string, found: string): AppError {
  return new AppError('usage.request', `cannot use the request's path: ${what}: ${JSON.stringify(found.slice(0, 200))}`)
}
