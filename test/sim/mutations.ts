/**
 * Bugs on purpose, to prove that the simulation finds bugs: each changes the state machine from outside, by rewriting what it remembers
 * before or after a step, or the journal. None of this can be reached from `src/`.
 */
import { canonicalJson, type Json } from '../../src/base/crypto/canonical-json.ts'
import { encodeEntry } from '../../src/base/entries/entry.ts'
import { entryName } from '../../src/base/entries/entry-name.ts'
import { commitmentOf } from '../../src/base/entries/result.ts'
import type { Transaction } from '../../src/base/entries/transaction.ts'
import { decode, type LoggedEntry, type Outputs, type State } from '../../src/consensus/draft/draft.ts'
import { membersOf } from '../../src/consensus/draft/members.ts'
import type { RequestRecord, Seat } from '../../src/consensus/draft/records.ts'
import { packRequest } from '../../src/consensus/draft/request-record.ts'
import { requestIn } from '../../src/consensus/query.ts'
import type { StateMachine } from '../../src/consensus/state.ts'
import { deleteValue, getValue, setValue } from '../../src/consensus/tree/tree.ts'
import { TEST_ORIGIN } from '../kit/proof-log.ts'
import type { JournalBug } from './world/disk.ts'

/** A bug, by name, and what it does. */
export interface Mutation {
  readonly says: string
  /** A seed that shows it, and the rule that is broken first. */
  readonly seed: number
  readonly rule: string
  readonly journal?: JournalBug
  /** Changes the state that a transaction comes to. */
  readonly before?: (state: State, tx: Transaction) => State
  /** Changes what a block's beginning or a transaction came to. */
  readonly after?: (
    came: { readonly state: State; readonly outputs: Outputs },
    before: State,
    tx?: Transaction,
  ) => {
    readonly state: State
    readonly outputs: Outputs
  }
}

/** All of them. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'lowered-quorum': {
    says: 'one builder fewer than q suffices',
    seed: 1,
    rule: 'quorum',
    after: (came) => onSelected(came, (record) => ({ ...record, quorum: record.quorum - 1 })),
  },
  'hidden-lowered-quorum': {
    says: 'q is one lower, in the selection entry too',
    seed: 1,
    rule: 'quorum',
    after(came) {
      const { state, outputs } = onSelected(came, (record) => ({ ...record, quorum: record.quorum - 1 }))
      return { state, outputs: { ...outputs, entries: outputs.entries.map(withLowerQuorum) } }
    },
  },
  'standby-beyond': {
    says: 'one standby more than m - q steps in',
    seed: 3,
    rule: 'seats',
    after: (came) =>
      onSelected(came, (record, state) => ({ ...record, standbys: [...record.standbys, ...another(record, state)] })),
  },
  'late-commit': {
    says: 'commitments are taken after others were told',
    seed: 14,
    rule: 'commit in time',
    before: (state, { body }) => (body.type === 'commit' ? onRequest(state, body.request, reopened(body.key)) : state),
    after: (came, _before, tx) =>
      tx?.body.type === 'commit' ? { ...came, state: onRequest(came.state, tx.body.request, toldAgain) } : came,
  },
  'any-reveal': {
    says: 'a result needs not be what was committed to',
    seed: 3,
    rule: 'D3',
    before: (state, { body }) => {
      if (body.type !== 'reveal') return state
      const { request, attempt, salt, result, key } = body
      const commitment = commitmentOf({ network: TEST_ORIGIN, request, attempt, builder: key, result, salt })
      return onRequest(state, request, (record) =>
        withSeat(record, key, (seat) => (seat.commitment === null ? seat : { ...seat, commitment })),
      )
    },
  },
  'forgotten-sequence': {
    says: 'a transaction can be brought again',
    seed: 10,
    rule: 'logged once',
    after: (came, _before, tx) =>
      tx === undefined
        ? came
        : {
            ...came,
            state: { ...came.state, work: deleteValue(came.state.work, Buffer.from(`sequence/${tx.body.key}`)) },
          },
  },
  'second-open-request': {
    says: 'a package may have two open requests',
    seed: 1,
    rule: 'one open request',
    before: (state, { body }) =>
      body.type === 'request' ? onPurl(state, body.purl, (packed) => [null, ...packed.slice(1)]) : state,
  },
  'no-limits': {
    says: 'an organisation may ask for as much as it wants',
    seed: 1,
    rule: 'limits',
    after(came) {
      let { work } = came.state
      for (const name of membersOf(came.state.members).organisations.keys())
        work = deleteValue(work, Buffer.from(`limit/${name}`))
      return { ...came, state: { ...came.state, work } }
    },
  },
  'endless-attempts': {
    says: 'failed attempts are not counted',
    seed: 6,
    rule: 'attempts',
    before: (state, { body }) =>
      body.type === 'request'
        ? onPurl(state, body.purl, ([open, live, _, ...rest]) => [open ?? null, live ?? null, [], ...rest])
        : state,
  },
  'lost-deadline': {
    says: 'a deadline that passes is forgotten',
    seed: 3,
    rule: 'liveness',
    after: (came, before, tx) => {
      const isLate = tx === undefined && came.outputs.faults.some(({ fault }) => fault.startsWith('missed-'))
      if (!isLate) return came
      const { scalars } = before
      return {
        state: { ...before, at: came.state.at, scalars: { ...scalars, heap: 0, heights: 0 } },
        outputs: { entries: [], faults: [] },
      }
    },
  },
  'hasty-journal': {
    says: 'a block is acknowledged before it is durable',
    seed: 1,
    rule: 'restart',
    journal: 'hasty-journal',
  },
  'unsynced-start': {
    says: 'a start takes up records that are not durable',
    seed: 58,
    rule: 'restart',
    journal: 'unsynced-start',
  },
}

/** The machine with this bug; without one, a machine that goes through blocks step by step, to be compared with the one that does not. */
export function mutated(machine: StateMachine, { before, after }: Pick<Mutation, 'before' | 'after'>): StateMachine {
  const stepwise: StateMachine = {
    ...machine,
    beginBlock(state, at) {
      const came = machine.beginBlock(state, at)
      return after === undefined ? came : after(came, state)
    },
    step(state, tx, at) {
      const step = machine.step(before === undefined ? state : before(state, tx), tx, at)
      return after === undefined ? step : { ...step, ...after(step, state, tx) }
    },
    block(start, at, transactions) {
      const begun = stepwise.beginBlock(start, at)
      let { state } = begun
      const entries = [...begun.outputs.entries]
      const steps = transactions.map((tx) => {
        const step = stepwise.step(state, tx, at)
        state = step.state
        entries.push(...step.outputs.entries)
        return { refusal: step.refusal, entries: step.outputs.entries }
      })
      return { state, entries, steps }
    },
  }
  return stepwise
}

function onRequest(state: State, name: string, change: (record: RequestRecord, state: State) => RequestRecord): State {
  const record = requestIn(state, name)
  if (record === undefined) return state
  const value = canonicalJson(packRequest(change(record, state)))
  return { ...state, work: setValue(state.work, Buffer.from(`request/${name}`), value) }
}

function onPurl(state: State, purl: string, change: (packed: readonly Json[]) => Json): State {
  const key = Buffer.from(`purl/${purl}`)
  const bytes = getValue(state.work, key)
  if (bytes === undefined) return state
  return { ...state, work: setValue(state.work, key, canonicalJson(change(decode(bytes) as readonly Json[]))) }
}

function onSelected(
  came: { readonly state: State; readonly outputs: Outputs },
  change: (record: RequestRecord, state: State) => RequestRecord,
): { readonly state: State; readonly outputs: Outputs } {
  let { state } = came
  for (const { entry } of came.outputs.entries) {
    if (entry.kind === 'selection' && entry.outcome === 'selected') state = onRequest(state, entry.request, change)
  }
  return { state, outputs: came.outputs }
}

function withLowerQuorum(logged: LoggedEntry): LoggedEntry {
  const { entry } = logged
  if (entry.kind !== 'selection' || entry.outcome !== 'selected') return logged
  const lower = { ...entry, quorum: entry.quorum - 1 }
  const bytes = encodeEntry(lower)
  return { ...logged, entry: lower, bytes, name: entryName(bytes) }
}

function another({ seats, standbys }: RequestRecord, state: State): Seat[] {
  const there = new Set([...seats, ...standbys].map(({ organisation }) => organisation))
  const [free] = seats
  for (const { name, nodes } of membersOf(state.members).organisations.values()) {
    const node = nodes.find(({ roles }) => roles.includes('builder'))
    if (free === undefined || node === undefined || there.has(name)) continue
    return [{ ...free, organisation: name, node: node.node, memberIndex: node.index }]
  }
  return []
}

function withSeat(record: RequestRecord, node: string, change: (seat: Seat) => Seat): RequestRecord {
  return { ...record, seats: record.seats.map((seat) => (seat.node === node ? change(seat) : seat)) }
}

/** As if the builder were still waited for. */
function reopened(node: string): (record: RequestRecord) => RequestRecord {
  return (record) => {
    const seat = record.seats.find((one) => one.node === node)
    if (record.phase !== 'revealing' || seat?.stage !== 'missed' || seat.commitment !== null) return record
    return withSeat({ ...record, phase: 'committing' }, node, (one) => ({ ...one, stage: 'waiting' }))
  }
}

function toldAgain(record: RequestRecord): RequestRecord {
  const told = record.seats.some(({ stage }) => stage === 'revealed')
  return told && record.phase === 'committing' ? { ...record, phase: 'revealing' } : record
}
