/**
 * The first half of a vote: builders bind themselves to a result. When all have, or the deadline has passed and nobody is left to step in,
 * results are told. A missed commitment calls a standby; q stays as it was drawn. 2-trust.md, "Agreement" and "Random selection", 4.
 */
import type { Hex32 } from '../../base/entries/fields.ts'
import type { CommitBody, RevealBody, Transaction } from '../../base/entries/transaction.ts'
import type { Draft } from '../draft/draft.ts'
import type { Sender } from '../draft/members.ts'
import type { RequestRecord, Seat } from '../draft/records.ts'
import type { Refusal } from '../draft/refusal.ts'
import { atDeadline, deadlineIn, hasPassed } from '../draft/schedule.ts'
import { decide } from './decide.ts'
import { isLogged, logFault } from './fault.ts'
import { putRequest, requestRecord } from './requests.ts'

/** Takes a commitment. */
export function takeCommit(draft: Draft, tx: Transaction<CommitBody>, sender: Sender): Refusal | undefined {
  const { request, attempt, commitment } = tx.body
  const record = requestRecord(draft, request)
  if (record === undefined || record.attempt !== attempt) return 'unknown'
  if (record.phase === 'fixing' || record.phase === 'drawing') return 'early'
  const seat = record.seats.find(({ node }) => node === sender.node)
  if (seat === undefined) return takeUnselected(draft, tx, sender, record)
  if (seat.commitment !== null) {
    if (seat.commitment === commitment) return 'repeated'
    if (isLogged(record, seat.node, 'equivocation')) return 'seat'
    const shown = { tx, evidence: [seat.commit ?? 0] }
    const faulty = logFault(draft, request, record, seat, 'equivocation', shown)
    // After the verdict it is still a fault, and no longer changes anything.
    goOn(draft, request, record.phase === 'closed' ? faulty : withSeat(faulty, { ...seat, stage: 'faulty' }))
    return undefined
  }
  if (record.phase !== 'committing' || seat.stage === 'missed') {
    if (isLogged(record, seat.node, 'late-commit')) return 'late'
    putRequest(draft, request, logFault(draft, request, record, seat, 'late-commit', { tx }))
    return undefined
  }
  const { purl } = record
  const logged = draft.log({ kind: 'commit', v: 1, at: draft.at, purl, organisation: seat.organisation, tx })
  goOn(draft, request, withSeat(record, { ...seat, stage: 'committed', commitment, commit: logged.index }))
  return undefined
}

/** Takes a vote of somebody who has no seat: a fault, unless it is a standby that is not called, or was not needed. */
export function takeUnselected(
  draft: Draft,
  tx: Transaction<CommitBody> | Transaction<RevealBody>,
  sender: Sender,
  record: RequestRecord,
): Refusal | undefined {
  if (record.standbys.some(({ node }) => node === sender.node)) return record.phase === 'closed' ? 'late' : 'early'
  if (isLogged(record, sender.node, 'unselected')) return 'seat'
  const { request } = tx.body
  putRequest(draft, request, logFault(draft, request, record, sender, 'unselected', { tx }))
  return undefined
}

/** The record with this seat in the place of the same node's. */
export function withSeat(record: RequestRecord, seat: Seat): RequestRecord {
  return { ...record, seats: record.seats.map((each) => (each.node === seat.node ? seat : each)) }
}

/** Looks at a request whose builders commit: at the deadline standbys are called for those who did not. */
export function awaitCommits(draft: Draft, request: Hex32, record: RequestRecord): void {
  if (!hasPassed(draft, record.deadline)) return
  let after = record
  const missing = record.seats.filter(({ stage }) => stage === 'waiting')
  for (const seat of missing) {
    after = logFault(draft, request, withSeat(after, { ...seat, stage: 'missed' }), seat, 'missed-commit')
  }
  const called = after.standbys.slice(0, missing.length)
  if (called.length === 0) {
    startReveal(draft, request, after)
    return
  }
  const deadline = deadlineIn(draft, draft.members().rules.commitSeconds)
  const standbys = after.standbys.slice(called.length)
  putRequest(draft, request, { ...after, seats: [...after.seats, ...called], standbys, deadline })
  atDeadline(draft, deadline, `request/${request}`)
}

/** Stores the record; goes on to the next phase if nobody is waited for in this one. */
export function goOn(draft: Draft, request: Hex32, record: RequestRecord): void {
  putRequest(draft, request, record)
  const waits = (stage: Seat['stage']) => record.seats.some((seat) => seat.stage === stage)
  if (record.phase === 'committing' && !waits('waiting')) startReveal(draft, request, record)
  else if (record.phase === 'revealing' && !waits('committed')) decide(draft, request, record)
}

/** Looks at a request whose builders reveal: at the deadline those who did not have missed it. */
export function awaitReveals(draft: Draft, request: Hex32, record: RequestRecord): void {
  if (!hasPassed(draft, record.deadline)) return
  let after = record
  for (const seat of record.seats.filter(({ stage }) => stage === 'committed')) {
    const shown = { evidence: [seat.commit ?? 0] }
    after = logFault(draft, request, withSeat(after, { ...seat, stage: 'missed' }), seat, 'missed-reveal', shown)
  }
  decide(draft, request, after)
}

function startReveal(draft: Draft, request: Hex32, record: RequestRecord): void {
  const committed = record.seats.filter(({ stage }) => stage === 'committed').length
  if (committed < record.quorum) {
    decide(draft, request, record)
    return
  }
  const deadline = deadlineIn(draft, draft.members().rules.revealSeconds)
  putRequest(draft, request, { ...record, phase: 'revealing', deadline })
  atDeadline(draft, deadline, `request/${request}`)
}
