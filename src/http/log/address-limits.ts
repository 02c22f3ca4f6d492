/** What one address may ask of a port that is open to everybody: so many requests a second, so many at the same time. */
import type { Clock } from '../../base/clock.ts'

/** The bounds. */
export interface AddressLimitsOptions {
  /** Requests of one address per second, lastingly. Default: 500, which a reader of a whole log does not reach. */
  readonly requestsPerSecond: number
  /** Requests of one address that may come at once after a pause. Default: 2,000. */
  readonly burstCount: number
  /** Requests of one address at the same time. Default: 64. */
  readonly openMax: number
  /** Addresses that are kept in mind; the longest idle are forgotten. Default: 10,000. */
  readonly addressesMax: number
}

const DEFAULTS: AddressLimitsOptions = { requestsPerSecond: 500, burstCount: 2_000, openMax: 64, addressesMax: 10_000 }

interface Account {
  open: number
  /** Requests that may come now. */
  left: number
  atMs: number
}

/** Counts requests by address. */
export class AddressLimits {
  readonly #options: AddressLimitsOptions
  readonly #clock: Clock
  readonly #accounts = new Map<string, Account>()

  constructor(options: Partial<AddressLimitsOptions>, clock: Clock) {
    this.#options = { ...DEFAULTS, ...options }
    this.#clock = clock
  }

  /** Counts a request; undefined: it is one too many. The function is called when the request has ended. */
  enter(address: string): (() => void) | undefined {
    const { requestsPerSecond, burstCount, openMax } = this.#options
    const nowMs = this.#clock.monotonicMs()
    const account = this.#accounts.get(address) ?? { open: 0, left: burstCount, atMs: nowMs }
    this.#accounts.delete(address)
    this.#accounts.set(address, account)
    this.#forget()
    account.left = Math.min(burstCount, account.left + ((nowMs - account.atMs) / 1000) * requestsPerSecond)
    account.atMs = nowMs
    if (account.left < 1 || account.open >= openMax) return undefined
    account.left -= 1
    account.open += 1
    return () => {
      account.open -= 1
    }
  }

  #forget(): void {
    if (this.#accounts.size <= this.#options.addressesMax) return
    for (const [address, { open }] of this.#accounts) {
      if (open > 0) continue
      this.#accounts.delete(address)
      return
    }
  }
}
