/**
 * Goes through the votes of a request in the order of the log: who committed to what, who told what, who was called in whose place, and
 * whether each fault is one. Pure. 2-trust.md, "Agreement".
 */
import type { CommitEntry, FaultEntry, RevealEntry, SeatEntry, SelectionEntry } from '../../base/entries/entry.ts'
import {
  type AgreedResult,
  agreedPart,
  type BuildResult,
  commitmentOf,
  type Environment,
} from '../../base/entries/result.ts'
import type { NetworkRules } from '../../base/entries/rules.ts'
import { isSigned } from '../../base/entries/transaction.ts'
import { type AskedEntry, hashOf, type Logged, type Problem, problemOf } from './problem.ts'

/** A builder's part so far. */
export interface SeatState extends SeatEntry {
  /** When its time to commit began: with the draw, or when it was called. */
  readonly sinceSeconds: number
  stage: 'waiting' | 'committed' | 'revealed' | 'missed' | 'faulty'
  commitment: string | undefined
  commit: number | undefined
  reveal: number | null
  result: BuildResult | undefined
  agreed: AgreedResult | undefined
  agreement: string | undefined
  envelope: string | null
  environment: Environment | null
}

/** What the votes are checked against. */
export interface SeatsInput {
  readonly network: string
  readonly asked: Logged<AskedEntry>
  readonly selection: Logged<Extract<SelectionEntry, { outcome: 'selected' }>>
  /** Rules that may have been in force while it was voted, as of now. */
  rulesInForce(): readonly NetworkRules[]
}

/** The votes of one request. */
export interface Seats {
  /** In the order of the draw, standbys that were called last. */
  readonly seats: readonly SeatState[]
  take(logged: Logged<CommitEntry | RevealEntry | FaultEntry>): Problem[]
  /** After the verdict faults change no vote. */
  close(): void
}

/** The seats as the selection fills them. */
export function createSeats(input: SeatsInput): Seats {
  const { selection } = input
  const seats: SeatState[] = selection.entry.selected.map((seat) => freeSeat(seat, selection.entry.at.timeSeconds))
  const standbys = [...selection.entry.standbys]
  let closed = false
  const seatOf = (node: string): SeatState | undefined => seats.find((seat) => seat.node === node)
  const takeFault = (logged: Logged<FaultEntry>): Problem[] => {
    const { fault, node, at } = logged.entry
    const seat = seatOf(node)
    const problems = faultProblems(logged, seat, seats, input)
    if (closed) return problems
    if (seat !== undefined && fault.startsWith('missed-')) seat.stage = 'missed'
    else if (seat !== undefined && DISQUALIFYING.includes(fault)) seat.stage = 'faulty'
    if (fault === 'missed-commit') {
      const next = standbys.shift()
      if (next !== undefined) seats.push(freeSeat(next, at.timeSeconds))
    }
    return problems
  }
  return {
    seats,
    take(logged) {
      const { entry } = logged
      if (entry.kind === 'fault') return takeFault({ ...logged, entry })
      const seat = seatOf(entry.tx.body.key)
      if (seat === undefined || closed) {
        const why = closed ? 'comes after the verdict' : 'is of a node that was neither drawn nor called'
        return [problemOf(logged, 'tx.body.key', `${entry.organisation}'s ${entry.kind} ${why}`)]
      }
      const problems = voteProblems({ ...logged, entry }, seat, input)
      if (entry.kind === 'commit') takeCommit({ ...logged, entry }, seat, problems)
      else takeReveal({ ...logged, entry }, seat, input, problems)
      return problems
    },
    close() {
      closed = true
    },
  }
}

const DISQUALIFYING: readonly string[] = ['equivocation', 'mismatched-reveal', 'unlisted-recipe', 'copied-commitment']

function freeSeat(seat: SeatEntry, sinceSeconds: number): SeatState {
  return {
    ...seat,
    sinceSeconds,
    stage: 'waiting',
    commitment: undefined,
    commit: undefined,
    reveal: null,
    result: undefined,
    agreed: undefined,
    agreement: undefined,
    envelope: null,
    environment: null,
  }
}

function voteProblems(logged: Logged<CommitEntry | RevealEntry>, seat: SeatState, input: SeatsInput): Problem[] {
  const { organisation, tx, kind, purl } = logged.entry
  const { asked, network } = input
  const problems: Problem[] = []
  if (!isSigned(tx)) problems.push(problemOf(logged, 'tx.signature', `${organisation} did not sign this ${kind}`))
  if (organisation !== seat.organisation) {
    problems.push(
      problemOf(logged, 'organisation', `wanted ${seat.organisation}, whose key signed, found ${organisation}`),
    )
  }
  const { request, attempt } = tx.body
  if (tx.body.network !== network || request !== asked.name || attempt !== asked.entry.attempt) {
    problems.push(problemOf(logged, 'tx.body', `wanted a ${kind} for this request and attempt, found one for another`))
  }
  if (purl !== asked.entry.purl) {
    problems.push(problemOf(logged, 'purl', `wanted ${asked.entry.purl}, found ${purl}`))
  }
  return problems
}

function takeCommit(logged: Logged<CommitEntry>, seat: SeatState, problems: Problem[]): void {
  if (seat.commitment !== undefined) {
    problems.push(problemOf(logged, undefined, `${seat.organisation} had committed already in entry ${seat.commit}`))
    return
  }
  seat.commitment = logged.entry.tx.body.commitment
  seat.commit = logged.index
  seat.stage = 'committed'
}

function takeReveal(logged: Logged<RevealEntry>, seat: SeatState, input: SeatsInput, problems: Problem[]): void {
  const { result, envelope } = logged.entry.tx.body
  if (seat.stage !== 'committed') {
    problems.push(problemOf(logged, undefined, `${seat.organisation} could not reveal: its seat is ${seat.stage}`))
  } else if (problems.length === 0 && commitmentIn(logged.entry, seat, input) !== seat.commitment) {
    const message = `what ${seat.organisation} revealed is not what it committed to in entry ${seat.commit}`
    problems.push(problemOf(logged, 'tx.body.result', message))
  }
  const agreed = agreedPart(result)
  seat.stage = 'revealed'
  seat.reveal = logged.index
  seat.result = result
  seat.agreed = agreed
  seat.agreement = hashOf(agreed)
  seat.envelope = envelope ?? null
  seat.environment = result.environment
}

function commitmentIn({ tx }: Pick<RevealEntry, 'tx'>, { node }: SeatState, { network, asked }: SeatsInput): string {
  const { result, salt } = tx.body
  return commitmentOf({ network, request: asked.name, attempt: asked.entry.attempt, builder: node, result, salt })
}

/** A fault must be shown by what it carries, or by what is missing in the log. */
function faultProblems(
  logged: Logged<FaultEntry>,
  seat: SeatState | undefined,
  seats: readonly SeatState[],
  input: SeatsInput,
): Problem[] {
  const { fault, organisation, tx, at } = logged.entry
  const no = (why: string): Problem[] => [problemOf(logged, 'fault', `${fault} of ${organisation}: ${why}`)]
  if (tx !== null && (tx.body.key !== logged.entry.node || !isSigned(tx))) return no('it did not sign what is shown')
  if (fault === 'unselected') return seat === undefined && tx !== null ? [] : no('it had a seat, or nothing is shown')
  if (seat === undefined) return no('it had no seat')
  if (seat.organisation !== organisation) return no(`the seat is that of ${seat.organisation}`)
  const earliest = (seconds: (rules: NetworkRules) => number) => Math.min(...input.rulesInForce().map(seconds))
  switch (fault) {
    case 'missed-commit': {
      if (seat.commit !== undefined) return no(`it committed in entry ${seat.commit}`)
      const due = seat.sinceSeconds + earliest(({ commitSeconds }) => commitSeconds)
      return at.timeSeconds >= due ? [] : no(`it had time until ${due}, and this is ${at.timeSeconds}`)
    }
    case 'missed-reveal':
      if (seat.commit === undefined) return no('it had not committed')
      return seat.reveal === null ? [] : no(`it revealed in entry ${seat.reveal}`)
    case 'equivocation': {
      const other = tx?.body.type === 'commit' ? tx.body.commitment : undefined
      return other !== undefined && other !== seat.commitment ? [] : no('no second, different commitment is shown')
    }
    case 'mismatched-reveal':
      if (tx?.body.type !== 'reveal') return no('no reveal is shown')
      return commitmentIn({ tx: { ...tx, body: tx.body } }, seat, input) === seat.commitment
        ? no('what it revealed is what it had committed to')
        : []
    case 'unlisted-recipe': {
      const recipe =
        tx?.body.type === 'reveal' && tx.body.result.outcome === 'built' ? tx.body.result.recipe : undefined
      const lists = input.rulesInForce().map(({ recipes }) => recipes)
      const listed = lists.every((list) => list.length === 0 || list.includes(recipe ?? ''))
      return recipe === undefined || listed ? no('its recipe is on the list') : []
    }
    case 'copied-commitment': {
      const owner = seats.find(
        (one) => one.node !== seat.node && one.commitment === seat.commitment && one.reveal !== null,
      )
      return owner === undefined ? no('nobody else revealed what it committed to') : []
    }
    default:
      return tx === null ? no('the late vote is not shown') : []
  }
}
