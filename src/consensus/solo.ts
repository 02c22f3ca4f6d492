/**
 * The embedded engine: one authority orders what it is given, and is the only witness of that order. A block is taken from the queue,
 * computed, written to the journal, appended to the log, signed for, and only then acknowledged. After a failed write it stops: what is
 * on the disk is found out by a new start, not guessed.
 */
import type { Clock, Logger } from '../base/clock.ts'
import { parseTransaction, type Transaction } from '../base/entries/transaction.ts'
import { AppError, throwIfAborted, wrapError } from '../base/errors.ts'
import { applyBlock, nextBlock, waitsFor } from './apply-block.ts'
import type { Block, Consensus, EntryLog, LogHead, Receipt } from './consensus.ts'
import type { State } from './draft/draft.ts'
import { dumpState } from './snapshot.ts'
import type { Journal } from './solo/journal.ts'
import { recordOf, recover } from './solo/recover.ts'
import type { Genesis, StateMachine } from './state.ts'

/** How the engine behaves. */
export interface SoloBehaviour {
  /** Transactions that wait at most. */
  readonly queueMax: number
  /** Transactions of one block at most. */
  readonly blockTransactionsMax: number
  /** How long until an empty block if something is due at the next height. */
  readonly settleMs: number
  /** How long until an empty block if something waits for time to pass. */
  readonly idleMs: number
  /** Blocks between two snapshots. */
  readonly snapshotBlocks: number
}

/** What an engine does unless it is told otherwise. */
export const SOLO_DEFAULTS: SoloBehaviour = {
  queueMax: 10_000,
  blockTransactionsMax: 1000,
  settleMs: 1000,
  idleMs: 10_000,
  snapshotBlocks: 10_000,
}

/** What an engine is made of. */
export interface SoloParts {
  readonly machine: StateMachine
  readonly journal: Journal
  readonly log: EntryLog
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Starts the engine, from its genesis or from where it was.
 * @throws damaged.snapshot, usage.network, errors of journal and log
 */
export async function startSolo(
  options: Partial<SoloBehaviour> & { readonly genesis: Genesis },
  parts: SoloParts,
): Promise<Consensus> {
  const state = await recover({ ...parts, genesis: options.genesis })
  return new Solo({ ...SOLO_DEFAULTS, ...options }, parts, state)
}

interface Waiting {
  readonly bytes: Uint8Array
  readonly transaction: Transaction
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (error: unknown) => void
}

class Solo implements Consensus {
  readonly constants: StateMachine['constants']
  readonly #behaviour: SoloBehaviour
  readonly #parts: SoloParts
  readonly #listeners = new Set<(block: Block) => void>()
  #queue: Waiting[] = []
  #state: State
  #working: Promise<void> | undefined
  #saving: Promise<void> | undefined
  #stopped: AppError | undefined
  #cancelTimer: (() => void) | undefined
  #snapshotHeight: number

  constructor(behaviour: SoloBehaviour, parts: SoloParts, state: State) {
    this.#behaviour = behaviour
    this.#parts = parts
    this.#state = state
    this.#snapshotHeight = state.at.heightBlock
    this.constants = parts.machine.constants
    this.#rest()
  }

  state(): State {
    return this.#state
  }

  log(): LogHead {
    return this.#parts.log.head()
  }

  watch(listener: (block: Block) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  failure(): AppError | undefined {
    return this.#stopped
  }

  async submit(bytes: Uint8Array, signal?: AbortSignal): Promise<Receipt> {
    throwIfAborted(signal)
    const transaction = parseTransaction(bytes)
    if (this.#stopped !== undefined) throw this.#stopped
    if (this.#queue.length >= this.#behaviour.queueMax) {
      throw new AppError('exhausted.queue', `${this.#behaviour.queueMax} transactions wait for their order`)
    }
    return await new Promise<Receipt>((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(wrapError(signal.reason, 'aborted.caller', 'the caller left')), {
        once: true,
      })
      this.#queue.push({ bytes: Uint8Array.from(bytes), transaction, resolve, reject })
      this.#work()
    })
  }

  async close(): Promise<void> {
    this.#stop(new AppError('aborted.shutdown', 'the consensus engine is shutting down'))
    await this.#working
    await this.#saving
    await this.#parts.journal.close()
  }

  /** Makes blocks until nobody waits. One at a time; what comes meanwhile goes into the next. */
  #work(force = false): void {
    if (this.#working !== undefined || this.#stopped !== undefined) return
    this.#cancelTimer?.()
    this.#working = (async () => {
      // Whoever submits in the same turn gets into the same block.
      await Promise.resolve()
      for (let first = force; first || this.#queue.length > 0; first = false) {
        if (this.#stopped !== undefined) break
        await this.#makeBlock()
      }
    })()
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#working = undefined
        if (this.#queue.length > 0) this.#work()
        else this.#rest()
      })
  }

  async #makeBlock(): Promise<void> {
    const { machine, journal, log, clock } = this.#parts
    const taken = this.#queue.splice(0, this.#behaviour.blockTransactionsMax)
    try {
      const at = nextBlock(this.#state, clock.nowMs())
      const transactions = taken.map(({ transaction }) => transaction)
      const { state, receipts, entries } = applyBlock(machine, this.#state, at, transactions)
      const { record, bytes } = recordOf({ machine, log }, state, entries, { transactions, genesis: null })
      const before = log.head().size
      await journal.append(at.heightBlock, bytes)
      if (entries.length > 0) {
        await log.append(
          entries.map((entry) => entry.bytes),
          { at: before },
        )
        await log.sign(record.logSize)
      }
      this.#state = state
      const { stateRoot } = record
      this.#tell({ ...at, transactions: taken.map((one) => one.bytes), receipts, entries, stateRoot, log: log.head() })
      taken.forEach(({ resolve }, place) => {
        const receipt = receipts[place]
        if (receipt !== undefined) resolve(receipt)
      })
    } catch (error) {
      for (const { reject } of taken) reject(error)
      throw error
    }
    if (this.#state.at.heightBlock - this.#snapshotHeight >= this.#behaviour.snapshotBlocks) this.#save()
  }

  #tell(block: Block): void {
    for (const listener of this.#listeners) {
      try {
        listener(block)
      } catch (error) {
        this.#parts.logger.error({ error, heightBlock: block.heightBlock }, 'a listener failed on a block')
      }
    }
  }

  /** States never change, so one is written while the next is made. */
  #save(): void {
    if (this.#saving !== undefined) return
    const state = this.#state
    const { machine, journal, logger } = this.#parts
    this.#snapshotHeight = state.at.heightBlock
    this.#saving = journal
      .saveSnapshot(state.at.heightBlock, dumpState(machine.constants, state))
      .catch((error) => logger.warn({ error }, 'no snapshot of the consensus state was written'))
      .finally(() => {
        this.#saving = undefined
      })
  }

  /** Sleeps until something is due, if anything is. */
  #rest(): void {
    this.#cancelTimer?.()
    if (this.#stopped !== undefined) return
    const waits = waitsFor(this.#state)
    if (waits === 'nothing') return
    const ms = waits === 'height' ? this.#behaviour.settleMs : this.#behaviour.idleMs
    this.#cancelTimer = this.#parts.clock.after(ms, () => this.#work(true))
  }

  #fail(error: unknown): void {
    this.#parts.logger.error({ error }, 'the consensus engine stops: a write failed')
    this.#stop(wrapError(error, 'unavailable.storage', 'the consensus engine has stopped'))
  }

  #stop(error: AppError): void {
    this.#stopped ??= error
    this.#cancelTimer?.()
    for (const { reject } of this.#queue.splice(0)) reject(this.#stopped)
  }
}
