/** Which headers go out and which come back. Pure; called by `client.ts`. */
import type { Headers } from '../../base/located.ts'

// RFC 9110 section 7.6.1, with the older names.
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

// Made by the client itself, or secrets of whoever asked this node: neither is passed on.
const NEVER_SENT = new Set(['host', 'content-length', 'range', 'expect', 'authorization', 'cookie'])

/** What goes out of the headers that a caller gave. `identity` unless the caller or the look of the request allows gzip. */
export function requestHeaders(
  given: Headers,
  request: { readonly method: string; readonly ranged: boolean; readonly userAgent: string },
): Record<string, string> {
  const sent: Record<string, string> = { 'user-agent': request.userAgent }
  for (const [name, value] of Object.entries(given)) {
    const key = name.toLowerCase()
    if (!HOP_BY_HOP.has(key) && !NEVER_SENT.has(key)) sent[key] = value
  }
  // Index documents of tens of megabytes shrink tenfold on the wire; files are compressed already and may be ranged.
  const gzip =
    sent['accept-encoding'] === undefined ? /json/.test(sent.accept ?? '') : /gzip/.test(sent['accept-encoding'])
  sent['accept-encoding'] = gzip && request.method === 'GET' && !request.ranged ? 'gzip' : 'identity'
  return sent
}

/** What comes back: without hop-by-hop headers, those that `connection` names, and cookies. */
export function replyHeaders(received: Headers): Record<string, string> {
  const named = new Set((received.connection ?? '').toLowerCase().split(/\s*,\s*/))
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(received)) {
    if (!HOP_BY_HOP.has(name) && !named.has(name) && name !== 'set-cookie') kept[name] = value
  }
  return kept
}

/** A Content-Length, bytes; undefined if absent or malformed. */
export function contentLength(headers: Headers): number | undefined {
  const text = headers['content-length']
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
