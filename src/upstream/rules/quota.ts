/** What reply headers say about rate limits. Pure; called by `health.ts` and `client.ts`. */
import type { Headers } from '../../base/located.ts'

/** A registry's rate limit as one reply stated it. */
export interface StatedQuota {
  readonly remaining: number
  readonly limit: number | undefined
}

/** The quota in `ratelimit-remaining` and `ratelimit-limit` (`76;w=21600`), also with the prefix `x-`; undefined if none is stated. */
export function statedQuota(headers: Headers): StatedQuota | undefined {
  const remaining = leadingInteger(headers['ratelimit-remaining'] ?? headers['x-ratelimit-remaining'])
  if (remaining === undefined) return undefined
  return { remaining, limit: leadingInteger(headers['ratelimit-limit'] ?? headers['x-ratelimit-limit']) }
}

/** Milliseconds to wait by `Retry-After` (seconds or an HTTP date, RFC 9110 section 10.2.3), at least 0; undefined if absent or malformed. */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const text = headers['retry-after']?.trim()
  if (text === undefined || text === '') return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const atMs = /[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs)
}

function leadingInteger(text: string | undefined): number | undefined {
  const digits = /^\s*(\d{1,12})\s*(?:[;,]|$)/.exec(text ?? '')?.[1]
  return digits === undefined ? undefined : Number(digits)
}
