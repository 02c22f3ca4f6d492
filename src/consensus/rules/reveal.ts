/** The second half of a vote: results are told, and must be what was committed to. 2-trust.md, "Agreement"; attacks D3, D7. */
import type { Hex32 } from '../../base/entries/fields.ts'
import { agreedPart, commitmentOf } from '../../base/entries/result.ts'
import type { RevealBody, Transaction } from '../../base/entries/transaction.ts'
import { type Draft, hashOf } from '../draft/draft.ts'
import type { Sender } from '../draft/members.ts'
import type { RequestRecord, Seat } from '../draft/records.ts'
import type { Refusal } from '../draft/refusal.ts'
import { goOn, takeUnselected, withSeat } from './commit.ts'
import { isLogged, logFault } from './fault.ts'
import { putRequest, requestRecord } from './requests.ts'

/** Takes a result. */
export function takeReveal(draft: Draft, tx: Transaction<RevealBody>, sender: Sender): Refusal | undefined {
  const { request, attempt } = tx.body
  const record = requestRecord(draft, request)
  if (record === undefined || record.attempt !== attempt) return 'unknown'
  if (record.phase === 'fixing' || record.phase === 'drawing') return 'early'
  const seat = record.seats.find(({ node }) => node === sender.node)
  if (seat === undefined) return takeUnselected(draft, tx, sender, record)
  if (record.phase === 'committing') return 'early'
  if (seat.reveal !== null) return 'repeated'
  if (seat.commitment === null || seat.stage === 'faulty') return 'seat'
  if (record.phase === 'closed') {
    if (isLogged(record, seat.node, 'late-reveal')) return 'late'
    putRequest(draft, request, logFault(draft, request, record, seat, 'late-reveal', { tx }))
    return undefined
  }
  return count(draft, tx, record, seat)
}

function count(draft: Draft, tx: Transaction<RevealBody>, record: RequestRecord, seat: Seat): Refusal | undefined {
  const { request, attempt, salt, result, envelope = null } = tx.body
  const { network } = draft.constants
  const evidence = [seat.commit ?? 0]
  const shut = (fault: 'mismatched-reveal' | 'unlisted-recipe') => {
    const faulty = logFault(draft, request, record, seat, fault, { tx, evidence })
    goOn(draft, request, withSeat(faulty, { ...seat, stage: 'faulty' }))
    return undefined
  }
  if (commitmentOf({ network, request, attempt, builder: seat.node, result, salt }) !== seat.commitment) {
    return shut('mismatched-reveal')
  }
  const { rules, index } = draft.members()
  const listed = result.outcome !== 'built' || rules.recipes.length === 0 || rules.recipes.includes(result.recipe)
  // Rules that came after the request do not bind those who build it.
  if (!listed && index < record.index) return shut('unlisted-recipe')
  const { organisation } = seat
  const logged = draft.log({ kind: 'reveal', v: 1, at: draft.at, purl: record.purl, organisation, tx })
  const agreed = agreedPart(result)
  const agreement = hashOf(agreed)
  draft.put(`result/${request}/${agreement}`, agreed)
  const { environment } = result
  const told: Seat = { ...seat, stage: 'revealed', reveal: logged.index, agreement, envelope, environment }
  goOn(draft, request, withCopiers(draft, request, withSeat(record, told), told))
  return undefined
}

/** The commitment is proven to be this builder's own; whoever committed to the same can only have copied it. */
function withCopiers(draft: Draft, request: Hex32, record: RequestRecord, owner: Seat): RequestRecord {
  let after = record
  for (const seat of record.seats) {
    if (seat.node === owner.node || seat.commitment !== owner.commitment || seat.stage !== 'committed') continue
    const shown = { evidence: [owner.commit ?? 0, seat.commit ?? 0, owner.reveal ?? 0] }
    after = logFault(draft, request, withSeat(after, { ...seat, stage: 'faulty' }), seat, 'copied-commitment', shown)
  }
  return after
}
