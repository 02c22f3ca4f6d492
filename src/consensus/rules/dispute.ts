/** What a doubted verdict came to: a fresh selection of builders either finds the same, otherwise, or nothing. Attack D9. */
import type { Hex32 } from '../../base/entries/fields.ts'
import type { Draft } from '../draft/draft.ts'
import { membersAt } from '../draft/members.ts'
import type { LiveVerdict, RequestRecord } from '../draft/records.ts'
import { purlRecord, putPurl } from './requests.ts'

/** Ends the dispute that `record` is about, by what its own builders agreed on (undefined: they did not). */
export function settleDispute(
  draft: Draft,
  request: Hex32,
  record: RequestRecord,
  fresh: LiveVerdict | undefined,
): void {
  const { purl, attempt, disputes: verdictOf } = record
  const before = purlRecord(draft, purl)
  const doubted = before.live
  if (verdictOf === null || doubted?.request !== verdictOf) return
  const about = { kind: 'dispute', v: 1, at: draft.at, purl, verdictOf, request } as const
  // Having merely seen upstream's bytes says nothing about having built them.
  const comparable = fresh !== undefined && (fresh.outcome === 'witnessed') === (doubted.outcome === 'witnessed')
  if (!comparable) {
    draft.log({ ...about, step: 'unresolved' })
    return
  }
  if (fresh.files === doubted.files) {
    draft.log({ ...about, step: 'dismissed' })
    return
  }
  const logged = draft.log({ ...about, step: 'upheld' })
  for (const { organisation, node } of membersAt(draft.members(), doubted.agreed)) {
    const evidence = [doubted.index, fresh.index, logged.index]
    const blame = { request: verdictOf, attempt, organisation, node, tx: null, evidence }
    draft.log({ kind: 'fault', v: 1, at: draft.at, purl, fault: 'disputed', ...blame })
  }
  // It is a failed attempt: the package can be asked for again, within the same limits.
  putPurl(draft, purl, { ...before, live: null, attempts: [...before.attempts, draft.at.timeSeconds] })
}
