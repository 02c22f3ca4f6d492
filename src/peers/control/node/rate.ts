/** How often something may happen per key: token buckets, bounded in number. Pure: time is handed in. */

interface Bucket {
  tokens: number
  filledAtMs: number
}

/** Allows `perPeriod` events per `periodMs` and key, which may come in one burst. */
export class RateLimit {
  readonly #perPeriod: number
  readonly #periodMs: number
  readonly #keysMax: number
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: { readonly perPeriod: number; readonly periodMs: number; readonly keysMax: number }) {
    this.#perPeriod = options.perPeriod
    this.#periodMs = options.periodMs
    this.#keysMax = options.keysMax
  }

  /** Takes a token of `key` if there is one. */
  allow(key: string, monotonicMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? this.#open(key, monotonicMs)
    const gained = ((monotonicMs - bucket.filledAtMs) / this.#periodMs) * this.#perPeriod
    bucket.tokens = Math.min(this.#perPeriod, bucket.tokens + gained)
    bucket.filledAtMs = monotonicMs
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }

  #open(key: string, monotonicMs: number): Bucket {
    const bucket = { tokens: this.#perPeriod, filledAtMs: monotonicMs }
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > this.#keysMax) {
      const oldest = this.#buckets.keys().next()
      if (!oldest.done) this.#buckets.delete(oldest.value)
    }
    return bucket
  }
}
