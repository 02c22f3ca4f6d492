/**
 * A start: the state out of the newest snapshot and the journal, and the log brought level with it. The journal is written before the
 * log, so after a crash the log may lack the end; it never has more.
 */

import type { Logger } from '../../base/clock.ts'
import { canonicalJson, type Json } from '../../base/crypto/canonical-json.ts'
import { AppError } from '../../base/errors.ts'
import { applyBlock } from '../apply-block.ts'
import type { EntryLog } from '../consensus.ts'
import type { LoggedEntry, State } from '../draft/draft.ts'
import { loadState } from '../snapshot.ts'
import type { Genesis, StateMachine } from '../state.ts'
import { type BlockRecord, decodeRecord, encodeRecord, type Journal } from './journal.ts'

/** What an engine starts from. */
export interface RecoverParts {
  readonly machine: StateMachine
  readonly genesis: Genesis
  readonly journal: Journal
  readonly log: EntryLog
  readonly logger: Logger
}

/**
 * The state after the last journaled block; an empty journal begins with the genesis. Resolves when the log has all its entries and its
 * checkpoint is signed.
 * @throws damaged.snapshot if journal, state and log contradict each other; usage.network for another genesis; errors of journal and log
 */
export async function recover(parts: RecoverParts): Promise<State> {
  const { machine, journal, log } = parts
  const restored = restore(parts)
  let state = restored
  const catchUp = logFiller(log)
  for await (const bytes of journal.records((restored?.at.heightBlock ?? -1) + 1)) {
    const record = decodeRecord(bytes)
    const { state: after, entries } = replay(parts, state, record)
    const root = Buffer.from(machine.root(after)).toString('hex')
    if (root !== record.stateRoot) {
      const { heightBlock } = record
      throw new AppError(
        'damaged.snapshot',
        `wanted the state root ${record.stateRoot} after block ${heightBlock}, found ${root}`,
      )
    }
    await catchUp(entries)
    state = after
  }
  state ??= await found(parts)
  await checkLog(parts, state)
  await log.sign(log.head().size)
  return state
}

/** The bytes that say what a block must come to, before anything of it is durable elsewhere. */
export function recordOf(
  { machine, log }: Pick<RecoverParts, 'machine' | 'log'>,
  state: State,
  entries: readonly LoggedEntry[],
  block: Pick<BlockRecord, 'transactions' | 'genesis'>,
): { readonly record: BlockRecord; readonly bytes: Uint8Array } {
  const head = entries.length === 0 ? log.head() : log.pureRoot(entries.map(({ bytes }) => bytes))
  const record = {
    ...block,
    ...state.at,
    network: machine.constants.network,
    stateRoot: Buffer.from(machine.root(state)).toString('hex'),
    logSize: head.size,
    logRoot: Buffer.from(head.root).toString('hex'),
  }
  return { record, bytes: encodeRecord(record) }
}

/** The log must be the one that the last record speaks of. */
async function checkLog({ journal, log }: RecoverParts, state: State): Promise<void> {
  const { size, root } = log.head()
  const found = `${size} ${Buffer.from(root).toString('hex')}`
  for await (const bytes of journal.records(state.at.heightBlock)) {
    const { logSize, logRoot } = decodeRecord(bytes)
    if (found === `${logSize} ${logRoot}`) return
    throw new AppError(
      'damaged.snapshot',
      `wanted the log ${logSize} ${logRoot} of the journal of blocks, found ${found}`,
    )
  }
  throw new AppError('damaged.snapshot', `wanted block ${state.at.heightBlock} in the journal of blocks`)
}

/** A snapshot only saves time: one that is damaged, or ahead of the log, is passed over. */
function restore({ machine, journal, log, logger }: RecoverParts): State | undefined {
  const pieces = journal.snapshot()
  if (pieces === undefined) return undefined
  try {
    const state = loadState(machine.constants, pieces)
    if (state.scalars.entries <= log.head().size) return state
    logger.warn(
      { wanted: state.scalars.entries, found: log.head().size },
      'the log lacks entries: replaying all blocks',
    )
  } catch (error) {
    logger.warn({ error }, 'the snapshot of the consensus state cannot be used: replaying all blocks')
  }
  return undefined
}

function replay(
  { machine, genesis }: RecoverParts,
  before: State | undefined,
  record: BlockRecord,
): { state: State; entries: readonly LoggedEntry[] } {
  if (before !== undefined) {
    const { heightBlock, timeSeconds, transactions } = record
    return applyBlock(machine, before, { heightBlock, timeSeconds }, transactions)
  }
  const given = Buffer.from(canonicalJson(genesis as unknown as Json))
  if (record.genesis === null || !given.equals(canonicalJson(record.genesis as unknown as Json))) {
    throw new AppError('usage.network', 'wanted the genesis that the journal of blocks begins with, was given another')
  }
  const begun = machine.genesis(record.genesis)
  return { state: begun.state, entries: begun.outputs.entries }
}

async function found(parts: RecoverParts): Promise<State> {
  const { machine, genesis, journal, log } = parts
  const { state, outputs } = machine.genesis(genesis)
  const { bytes } = recordOf(parts, state, outputs.entries, { transactions: [], genesis })
  if (log.head().size > 0) {
    throw new AppError(
      'damaged.snapshot',
      `wanted an empty log for a network that begins, found ${log.head().size} entries`,
    )
  }
  await journal.append(0, bytes)
  await log.append(
    outputs.entries.map((entry) => entry.bytes),
    { at: 0 },
  )
  return state
}

/** Appends what the log lacks of the entries that it is shown in order. */
function logFiller(log: EntryLog): (entries: readonly LoggedEntry[]) => Promise<void> {
  return async (entries) => {
    const { size } = log.head()
    const missing = entries.filter(({ index }) => index >= size)
    if (missing.length > 0)
      await log.append(
        missing.map(({ bytes }) => bytes),
        { at: size },
      )
  }
}
