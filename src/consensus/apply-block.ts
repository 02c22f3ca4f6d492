/** One block through the state machine: the same for every engine. */
import type { At } from '../base/entries/fields.ts'
import type { Transaction } from '../base/entries/transaction.ts'
import type { Receipt } from './consensus.ts'
import type { LoggedEntry, State } from './draft/draft.ts'
import type { StateMachine } from './state.ts'

/** What a block makes of a state. */
export interface Applied {
  readonly state: State
  readonly receipts: readonly Receipt[]
  readonly entries: readonly LoggedEntry[]
}

/** The state after the block `at` with these transactions. Pure. */
export function applyBlock(
  machine: StateMachine,
  before: State,
  at: At,
  transactions: readonly Transaction[],
): Applied {
  const { state, entries, steps } = machine.block(before, at, transactions)
  return { state, receipts: steps.map((step) => ({ heightBlock: at.heightBlock, ...step })), entries }
}

/** The time of the next block: the clock's, but never before the last block's. */
export function nextBlock({ at }: State, nowMs: number): At {
  return { heightBlock: at.heightBlock + 1, timeSeconds: Math.max(at.timeSeconds, Math.floor(nowMs / 1000)) }
}

/** What the state waits for without transactions: the next block (`height`), the passing of time (`time`), nothing. */
export function waitsFor({ scalars }: State): 'height' | 'time' | 'nothing' {
  if (scalars.heights > 0) return 'height'
  return scalars.heap > 0 ? 'time' : 'nothing'
}
