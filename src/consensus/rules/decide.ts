/**
 * What an attempt came to. q of the selected must report the same, however many answered: silence is no vote. 2-trust.md, "Agreement",
 * "What a verdict says".
 */
import type { Outcome, VerdictEntry } from '../../base/entries/entry.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import type { AgreedResult, BuiltFile, FileDigests } from '../../base/entries/result.ts'
import { type Draft, hashOf } from '../draft/draft.ts'
import type { LiveVerdict, RequestRecord, Seat } from '../draft/records.ts'
import { atDeadline, deadlineIn } from '../draft/schedule.ts'
import { settleDispute } from './dispute.ts'
import { logFault } from './fault.ts'
import { releaseLimit } from './limits.ts'
import { relationOf } from './relation.ts'
import { purlRecord, putPurl, putRequest } from './requests.ts'

/** How long a tag holds what was seen behind it. */
export const TAG_SECONDS = 86_400
/** How long a version that was only seen stands in the way of building it. */
export const WITNESSED_SECONDS = 2_592_000

/** Ends an attempt for which nobody has built: the draw was refused, which costs no attempt, or the beacon did not come. */
export function endWithout(draft: Draft, request: Hex32, record: RequestRecord, why: 'refused' | 'expired'): void {
  if (why === 'refused') {
    close(draft, request, record, { failed: false, live: undefined })
    if (record.disputes !== null) settleDispute(draft, request, record, undefined)
  } else {
    decide(draft, request, record)
  }
}

/** Ends an attempt by what its builders told. */
export function decide(draft: Draft, request: Hex32, record: RequestRecord): void {
  const revealed = record.seats.filter(({ stage }) => stage === 'revealed')
  const agreement = agreementOf(revealed, record.quorum)
  const agreed = agreement === undefined ? undefined : draft.get<AgreedResult>(`result/${request}/${agreement}`)
  const outcome = outcomeOf(record, revealed, agreed)
  const entry = verdictOf(draft, request, record, { outcome, agreed, agreement })
  const logged = draft.log(entry)
  let after = record
  for (const seat of revealed) {
    if (agreed === undefined || seat.agreement === agreement || !isUnbuilt(draft, request, seat, agreed)) continue
    after = logFault(draft, request, after, seat, 'unbuilt', { evidence: [seat.reveal ?? 0, logged.index] })
  }
  const holders = revealed.filter((seat) => seat.agreement === agreement)
  const live = liveOf(entry, logged.index, request, holders)
  const failed = live === undefined
  close(draft, request, after, { failed, live: record.disputes === null ? live : undefined })
  if (record.disputes !== null) settleDispute(draft, request, record, live)
}

/** The hash of what files a result is about: dependencies may be verified in the meantime without that being another result. */
export function filesHash(files: readonly (FileDigests | BuiltFile)[]): Hex32 {
  return hashOf(
    files.map((file) => [file.name, file.sha256, 'upstream' in file ? (file.upstream?.sha256 ?? null) : null]),
  )
}

function agreementOf(revealed: readonly Seat[], quorum: number): Hex32 | undefined {
  const counts = new Map<Hex32, number>()
  for (const { agreement } of revealed) if (agreement !== null) counts.set(agreement, (counts.get(agreement) ?? 0) + 1)
  // q is more than half of all who may be called, so no two groups reach it.
  for (const [agreement, count] of counts) if (quorum > 0 && count >= quorum) return agreement
  return undefined
}

function outcomeOf(record: RequestRecord, revealed: readonly Seat[], agreed: AgreedResult | undefined): Outcome {
  if (agreed === undefined) return revealed.length > 0 && revealed.length >= record.quorum ? 'disagreed' : 'expired'
  if (agreed.outcome !== 'built') return agreed.outcome
  if (!record.rebuilt) return 'built-once'
  return agreed.source.type === 'archive' ? 'repackaged' : 'rebuilt'
}

function verdictOf(
  draft: Draft,
  request: Hex32,
  record: RequestRecord,
  result: { outcome: Outcome; agreed: AgreedResult | undefined; agreement: Hex32 | undefined },
): VerdictEntry {
  const { outcome, agreed, agreement } = result
  const { purl, attempt, selection, builders, quorum, disputes } = record
  const { relation, level } = relationOf(agreed)
  const holdsSeconds =
    outcome !== 'witnessed' ? null : agreed && 'tag' in agreed && agreed.tag ? TAG_SECONDS : WITNESSED_SECONDS
  return {
    kind: 'verdict',
    v: 1,
    at: draft.at,
    purl,
    request,
    attempt,
    selection,
    outcome,
    relation,
    level,
    builders,
    quorum,
    agreed: agreed ?? null,
    panel: record.seats.map(({ organisation, node, stage, reveal, envelope, environment, ...seat }) => ({
      organisation,
      node,
      reveal,
      agreed: stage === 'revealed' && agreement !== undefined && seat.agreement === agreement,
      envelope,
      environment,
    })),
    expiresSeconds: holdsSeconds === null ? null : draft.at.timeSeconds + holdsSeconds,
    disputes,
  }
}

function isUnbuilt(draft: Draft, request: Hex32, { agreement }: Seat, agreed: AgreedResult): boolean {
  const told = draft.get<AgreedResult>(`result/${request}/${agreement}`)
  return told !== undefined && claimsUpstream(told, agreed)
}

/** Attack D10: exactly upstream's bytes where those who agree built different ones. */
export function claimsUpstream(told: AgreedResult, agreed: AgreedResult): boolean {
  if (told.outcome !== 'built' || agreed.outcome !== 'built') return false
  return agreed.files.some(({ name, sha256, upstream }) => {
    const claimed = told.files.find((file) => file.name === name)?.sha256
    return upstream !== null && claimed === upstream.sha256 && claimed !== sha256
  })
}

function liveOf(entry: VerdictEntry, index: number, request: Hex32, holders: readonly Seat[]): LiveVerdict | undefined {
  const { agreed, outcome, expiresSeconds } = entry
  if (agreed === null || !('files' in agreed)) return undefined
  return {
    request,
    index,
    outcome,
    files: filesHash(agreed.files),
    expiresSeconds,
    agreed: holders.map(({ memberIndex }) => memberIndex),
  }
}

function close(
  draft: Draft,
  request: Hex32,
  record: RequestRecord,
  { failed, live }: { failed: boolean; live: LiveVerdict | undefined },
): void {
  releaseLimit(draft, record.organisation)
  for (const agreement of new Set(record.seats.map((seat) => seat.agreement))) {
    if (agreement !== null) draft.remove(`result/${request}/${agreement}`)
  }
  // For a while it is remembered who had a seat, so that votes that come too late are told from those of strangers.
  const deadline = deadlineIn(draft, draft.members().rules.revealSeconds)
  putRequest(draft, request, { ...record, phase: 'closed', deadline })
  atDeadline(draft, deadline, `request/${request}`)
  const before = purlRecord(draft, record.purl)
  const after = { ...before, open: null }
  if (record.disputes !== null) putPurl(draft, record.purl, after)
  else if (live !== undefined) putPurl(draft, record.purl, { ...after, live, attempts: [] })
  else if (failed) putPurl(draft, record.purl, { ...after, attempts: [...before.attempts, draft.at.timeSeconds] })
  else putPurl(draft, record.purl, after)
}
