/** Reply headers that the read flow makes, whatever the ecosystem. Pure. */
import { type Digest, isBlobId } from '../../base/digest.ts'
import type { Headers, Located } from '../../base/located.ts'
import type { SourceKind } from '../ledger.ts'

/** On every reply: a registry's bytes are never a page of this origin. */
export const GUARD_HEADERS: Headers = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': 'sandbox',
}

/** Longest time for which a client may keep an index without asking this node, seconds. */
const CLIENT_FRESH_SECONDS_MAX = 60

/** The entity tag of bytes with this digest. */
export function etagOf(digest: Digest): string {
  return `"${digest}"`
}

/** The digest that stands in a file's entity tag: the same wherever the bytes come from. */
export function tagDigest({ digests }: Located): Digest {
  return digests.find(isBlobId) ?? digests[0]
}

/** True if an If-None-Match header names this entity tag (RFC 9110, 13.1.2, weak comparison). */
export function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((part) => part.trim() === '*' || part.trim().replace(/^W\//, '') === etag)
}

/** Headers of something that upstream could not confirm; none if it could (`staleSeconds` is undefined). */
export function ageHeaders(staleSeconds: number | undefined): Headers {
  if (staleSeconds === undefined) return {}
  return { age: String(staleSeconds), warning: '110 pyrsia "Response is Stale"' }
}

/** Caching of an index by clients: short, and not at all beyond what is left of its own freshness. */
export function indexCaching(freshSeconds: number, ageSeconds: number, immutable: boolean): Headers {
  const leftSeconds = immutable ? CLIENT_FRESH_SECONDS_MAX : Math.max(0, freshSeconds - ageSeconds)
  return {
    'cache-control': `max-age=${Math.floor(Math.min(CLIENT_FRESH_SECONDS_MAX, leftSeconds))}`,
    vary: 'accept, accept-encoding, user-agent',
  }
}

/** Says where the bytes of this reply came from: `store`, `peer` or `upstream`. */
export function sourceHeader(source: SourceKind): Headers {
  return { 'x-pyrsia-source': source }
}
