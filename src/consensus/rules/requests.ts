/**
 * Asking for a package and doubting a verdict. One open request per purl, one verdict that holds, and three attempts in 30 days, each
 * only after the last one's failure was logged: whoever asks again to get other builders can do so twice. 2-trust.md, "Random
 * selection", 1; attack D8.
 */
import type { Json } from '../../base/crypto/canonical-json.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import type { DisputeBody, RequestBody, Transaction } from '../../base/entries/transaction.ts'
import { parsePurl } from '../../base/purl.ts'
import type { Draft, LoggedEntry } from '../draft/draft.ts'
import type { Sender } from '../draft/members.ts'
import { packPurl, unpackPurl } from '../draft/purl-record.ts'
import type { PurlRecord, RequestRecord } from '../draft/records.ts'
import type { Refusal } from '../draft/refusal.ts'
import { packRequest, unpackRequest } from '../draft/request-record.ts'
import { atHeight } from '../draft/schedule.ts'
import { takeLimit } from './limits.ts'

/** Attempts at one purl, and disputes of one, in `ATTEMPT_WINDOW_SECONDS`. */
export const ATTEMPTS_MAX = 3
/** 30 days. */
export const ATTEMPT_WINDOW_SECONDS = 2_592_000

const NOTHING_YET: PurlRecord = { open: null, live: null, attempts: [], disputes: [], revoked: false }

/** What is known of a purl. A verdict that has expired no longer holds, and old attempts no longer count. */
export function purlRecord(draft: Draft, purl: string): PurlRecord {
  const packed = draft.get<Json>(`purl/${purl}`)
  const found = packed === undefined ? NOTHING_YET : unpackPurl(packed)
  const now = draft.at.timeSeconds
  const recent = (seconds: number) => seconds > now - ATTEMPT_WINDOW_SECONDS
  const expired = found.live !== null && found.live.expiresSeconds !== null && found.live.expiresSeconds <= now
  return {
    ...found,
    live: expired ? null : found.live,
    attempts: found.attempts.filter(recent),
    disputes: found.disputes.filter(recent),
  }
}

/** Changes what is known of a purl. */
export function putPurl(draft: Draft, purl: string, record: PurlRecord): void {
  draft.put(`purl/${purl}`, packPurl(record))
}

/** Takes a request. */
export function takeRequest(draft: Draft, tx: Transaction<RequestBody>, sender: Sender): Refusal | undefined {
  const { purl } = tx.body
  if (!isCanonical(purl)) return 'purl'
  const record = purlRecord(draft, purl)
  if (record.revoked) return 'revoked'
  if (record.open !== null) return 'open'
  if (record.live !== null) return 'live'
  // Attempts are counted when they failed, so there is one only after a logged failure.
  if (record.attempts.length >= ATTEMPTS_MAX) return 'attempts'
  if (!takeLimit(draft, sender.organisation)) return 'limit'
  const attempt = record.attempts.length + 1
  const membershipRoot = draft.membershipRoot()
  const logged = draft.log({ kind: 'request', v: 1, at: draft.at, purl, attempt, membershipRoot, tx })
  open(draft, logged, { purl, attempt, membershipRoot, organisation: sender.organisation, disputes: null })
  putPurl(draft, purl, { ...record, open: logged.name })
  return undefined
}

/** Takes a dispute of the verdict that holds. */
export function takeDispute(draft: Draft, tx: Transaction<DisputeBody>, sender: Sender): Refusal | undefined {
  const { purl, verdictOf } = tx.body
  const record = purlRecord(draft, purl)
  if (record.live?.request !== verdictOf) return 'unknown'
  if (record.open !== null) return 'open'
  if (record.disputes.length >= ATTEMPTS_MAX) return 'attempts'
  if (!takeLimit(draft, sender.organisation)) return 'limit'
  const attempt = record.disputes.length + 1
  const membershipRoot = draft.membershipRoot()
  const about = { purl, verdictOf, step: 'opened', attempt, membershipRoot, tx } as const
  const logged = draft.log({ kind: 'dispute', v: 1, at: draft.at, ...about })
  open(draft, logged, { purl, attempt, membershipRoot, organisation: sender.organisation, disputes: verdictOf })
  const disputes = [...record.disputes, draft.at.timeSeconds]
  putPurl(draft, purl, { ...record, open: logged.name, disputes })
  return undefined
}

/** The record of a request. */
export function requestRecord(draft: Draft, name: Hex32): RequestRecord | undefined {
  const packed = draft.get<Json>(`request/${name}`)
  return packed === undefined ? undefined : unpackRequest(packed)
}

/** Changes the record of a request, and gives it back. */
export function putRequest(draft: Draft, name: Hex32, record: RequestRecord): RequestRecord {
  draft.put(`request/${name}`, packRequest(record))
  return record
}

type Asked = Pick<RequestRecord, 'purl' | 'attempt' | 'membershipRoot' | 'organisation' | 'disputes'>

function open(draft: Draft, { name, index }: LoggedEntry, asked: Asked): void {
  putRequest(draft, name, {
    ...asked,
    phase: 'fixing',
    index,
    heightBlock: draft.at.heightBlock,
    drawSeconds: 0,
    round: 0,
    redraws: 0,
    selection: null,
    builders: 0,
    quorum: 0,
    rebuilt: false,
    seats: [],
    standbys: [],
    deadline: null,
    faults: [],
  })
  atHeight(draft, draft.at.heightBlock + 1, `request/${name}`)
}

/** True if the text is a package URL, in its canonical form. */
export function isCanonical(purl: string): boolean {
  try {
    return parsePurl(purl) === purl
  } catch {
    return false
  }
}
