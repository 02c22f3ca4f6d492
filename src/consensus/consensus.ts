/**
 * What the node sees of an engine: something that puts signed transactions into one order, makes them durable, and tells what came of
 * them. `solo.ts` is the embedded engine of one authority, `memory.ts` its twin; `test/kit/engine-suite.ts` holds for all. What the
 * transactions mean is `state.ts`'s; engines only order, time and store.
 */
import type { Hex32 } from '../base/entries/fields.ts'
import type { AppError } from '../base/errors.ts'
import type { Constants, LoggedEntry, State } from './draft/draft.ts'
import type { Refusal } from './draft/refusal.ts'

/** How many entries the log has, and its root (32 bytes). */
export interface LogHead {
  readonly size: number
  readonly root: Uint8Array
}

/**
 * The log as an engine needs it; handed in, since parts do not import each other. `LogWriter` of the log is one, if it does not sign at
 * once.
 */
export interface EntryLog {
  /** All that is durable. */
  head(): LogHead
  /** What `append` would give. No effect: consensus agrees on it first. */
  pureRoot(entries: readonly Uint8Array[]): LogHead
  /** Appends behind the first `at` entries; resolves when they are durable. */
  append(entries: readonly Uint8Array[], options: { readonly at: number }): Promise<LogHead>
  /** Signs the checkpoint of the first `size` entries. Asked only for what is durable here and in the engine. */
  sign(size: number): Promise<unknown>
}

/** A transaction of a block, and what came of it. */
export interface Receipt {
  /** The block that took it. */
  readonly heightBlock: number
  /** Why it changed nothing; undefined if it was taken. */
  readonly refusal: Refusal | undefined
  /** What was logged because of it. */
  readonly entries: readonly LoggedEntry[]
}

/** A block that is durable, with everything that it logged. */
export interface Block {
  readonly heightBlock: number
  /** Consensus time in seconds since 1970. */
  readonly timeSeconds: number
  /** In their order, as canonical JSON, refused ones too. */
  readonly transactions: readonly Uint8Array[]
  readonly receipts: readonly Receipt[]
  /** Everything that was logged: what was due, then what each transaction brought. */
  readonly entries: readonly LoggedEntry[]
  /** Root of the state after the block, in hex. */
  readonly stateRoot: Hex32
  /** The log after the block. */
  readonly log: LogHead
}

/** An engine that runs. */
export interface Consensus {
  readonly constants: Constants
  /** The state after the newest durable block. */
  state(): State
  /** The log after it. */
  log(): LogHead
  /**
   * Orders a transaction (canonical JSON). Resolves when its block and its entries are durable and the log's checkpoint is signed, also
   * if it was refused. An aborted caller only stops waiting: it may be ordered all the same.
   * @throws usage.transaction, exhausted.queue, exhausted.disk, unavailable.storage, aborted.caller, aborted.shutdown
   */
  submit(transaction: Uint8Array, signal?: AbortSignal): Promise<Receipt>
  /** Calls `listener` after each durable block, in order, until the returned function is called. */
  watch(listener: (block: Block) => void): () => void
  /** Why it makes no blocks any more; undefined: it does. A write that fails in an empty block is told to nobody else. */
  failure(): AppError | undefined
  /** Ends the engine; what is not durable yet is refused. */
  close(): Promise<void>
}
