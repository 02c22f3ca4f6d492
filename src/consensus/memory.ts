/**
 * The twin of the engines: every transaction is a block of its own, at once; nothing is kept. For tests and the simulation, which also
 * make time pass: `pass()` makes an empty block.
 */
import type { Clock } from '../base/clock.ts'
import { parseTransaction, type Transaction } from '../base/entries/transaction.ts'
import { AppError, throwIfAborted } from '../base/errors.ts'
import { applyBlock, nextBlock } from './apply-block.ts'
import type { Block, Consensus, EntryLog, Receipt } from './consensus.ts'
import type { Genesis, StateMachine } from './state.ts'

/** The twin, and its way to make time pass. */
export interface MemoryConsensus extends Consensus {
  /** An empty block at the clock's time. */
  pass(): Promise<void>
}

/** A network that begins now. @throws usage.network */
export async function createMemoryConsensus(
  { genesis }: { readonly genesis: Genesis },
  {
    machine,
    log,
    clock,
  }: { readonly machine: StateMachine; readonly log: EntryLog; readonly clock: Pick<Clock, 'nowMs'> },
): Promise<MemoryConsensus> {
  const listeners = new Set<(block: Block) => void>()
  const begun = machine.genesis(genesis)
  await log.append(
    begun.outputs.entries.map(({ bytes }) => bytes),
    { at: 0 },
  )
  await log.sign(log.head().size)
  let { state } = begun
  let closed = false
  let turn: Promise<unknown> = Promise.resolve()
  async function block(
    transactions: readonly Transaction[],
    bytes: readonly Uint8Array[],
  ): Promise<Receipt | undefined> {
    if (closed) throw closing()
    const at = nextBlock(state, clock.nowMs())
    const { state: after, receipts, entries } = applyBlock(machine, state, at, transactions)
    if (entries.length > 0) {
      await log.append(
        entries.map((entry) => entry.bytes),
        { at: state.scalars.entries },
      )
      await log.sign(after.scalars.entries)
    }
    state = after
    const stateRoot = Buffer.from(machine.root(state)).toString('hex')
    for (const tell of listeners) tell({ ...at, transactions: bytes, receipts, entries, stateRoot, log: log.head() })
    return receipts[0]
  }
  /** One after the other, also after one that failed. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work, work)
    turn = mine
    return mine
  }
  return {
    constants: machine.constants,
    state: () => state,
    log: () => log.head(),
    async submit(bytes, signal) {
      throwIfAborted(signal)
      const transaction = parseTransaction(bytes)
      const receipt = await inTurn(() => block([transaction], [Uint8Array.from(bytes)]))
      if (receipt === undefined) throw new AppError('bug.assertion', 'wanted a receipt for a transaction')
      return receipt
    },
    watch(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    failure: () => (closed ? closing() : undefined),
    pass: () => inTurn(async () => void (await block([], []))),
    async close() {
      closed = true
      await turn.catch(() => undefined)
    },
  }
}

function closing(): AppError {
  return new AppError('aborted.shutdown', 'the consensus engine is shutting down')
}
