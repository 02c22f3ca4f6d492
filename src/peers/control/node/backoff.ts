/**
 * When to try a peer again: waits that double with each failure, with jitter so that a neighbourhood does not return in step.
 * Pure: time and chance are handed in. Bounded by forgetting what was longest untouched.
 */

/** Bounds of the waits. */
export interface BackoffOptions {
  readonly minMs: number
  readonly maxMs: number
  readonly keysMax: number
}

interface Turn {
  readonly failures: number
  readonly notBeforeMs: number
}

/** Waits by key (a peer id or an address). */
export class Backoff {
  readonly #options: BackoffOptions
  readonly #turns = new Map<string, Turn>()

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** True if `key` may be tried at `monotonicMs`. */
  ready(key: string, monotonicMs: number): boolean {
    const turn = this.#turns.get(key)
    return turn === undefined || turn.notBeforeMs <= monotonicMs
  }

  /** Holds `key` back for `waitMs` unless it was tried before. */
  defer(key: string, monotonicMs: number, waitMs: number): void {
    if (!this.#turns.has(key)) this.#set(key, { failures: 0, notBeforeMs: monotonicMs + waitMs })
  }

  /** A try failed. `fraction`: chance, in [0, 1). */
  failed(key: string, monotonicMs: number, fraction: number): void {
    const failures = (this.#turns.get(key)?.failures ?? 0) + 1
    const { minMs, maxMs } = this.#options
    const waitMs = Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 30))
    this.#set(key, { failures, notBeforeMs: monotonicMs + waitMs * (0.5 + fraction / 2) })
  }

  /** A try succeeded, or there is news of the peer: the next try may be made at once. */
  reset(key: string): void {
    this.#turns.delete(key)
  }

  #set(key: string, turn: Turn): void {
    this.#turns.delete(key)
    this.#turns.set(key, turn)
    if (this.#turns.size <= this.#options.keysMax) return
    const oldest = this.#turns.keys().next()
    if (!oldest.done) this.#turns.delete(oldest.value)
  }
}
