/**
 * The way to the network's order, as the write flow sees it: an engine in this process, or an authority that peers lead to. Implemented
 * in `main/roles/`; here are the interface, and how to wait for it.
 */
import type { Clock } from '../base/clock.ts'
import type { Hex32 } from '../base/entries/fields.ts'
import { throwIfAborted } from '../base/errors.ts'

/** What came of a transaction that was ordered, or that an authority would not order. */
export interface Ordered {
  /** Why it changed nothing (`consensus/draft/refusal.ts`); undefined if it was taken. */
  readonly refusal: string | undefined
  /** What was logged because of it: index in the log, and name. */
  readonly entries: readonly { readonly index: number; readonly name: Hex32 }[]
}

/** The way to the order. What it answers is checked by nobody: the log is what counts. */
export interface Ordering {
  /**
   * Has a signed transaction (canonical JSON) ordered; resolves when that is durable there.
   * @throws unavailable.peer if no authority can be reached, exhausted.quota, exhausted.queue, usage.transaction, aborted.caller
   */
  order(transaction: Uint8Array, signal: AbortSignal): Promise<Ordered>
  /**
   * Has a member ask for a package in its own name, for a node that is no member.
   * @throws unavailable.peer if no member can be reached or none does that, exhausted.quota, aborted.caller
   */
  ask(purl: string, signal: AbortSignal): Promise<Ordered>
  /** Calls back when it may be in reach again, until the returned function is called. Not there: it always is. */
  readonly onReachable?: (listener: () => void) => () => void
}

/** The shortest pause: a peer that connects again and again must not make a node try without any. */
export const ORDER_PAUSE_LEAST_MS = 400

/** Sleeps before another try, no longer than until the order may be in reach again, but `ORDER_PAUSE_LEAST_MS`. @throws aborted.caller */
export async function pauseBeforeOrder(
  ms: number,
  { ordering, clock }: { readonly ordering: Pick<Ordering, 'onReachable'>; readonly clock: Pick<Clock, 'sleep'> },
  signal: AbortSignal,
): Promise<void> {
  const early = new AbortController()
  const end = ordering.onReachable?.(() => early.abort())
  try {
    const leastMs = Math.min(ms, ORDER_PAUSE_LEAST_MS)
    await clock.sleep(leastMs, signal)
    await clock.sleep(ms - leastMs, AbortSignal.any([signal, early.signal])).catch(() => throwIfAborted(signal))
  } finally {
    end?.()
  }
}
