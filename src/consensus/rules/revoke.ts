/** Withdrawing a package: f + 1 authorities, of which one at least is honest, put it on the list, whose hash goes into a `head` entry. */
import { withRevoked } from '../../base/entries/revocation-list.ts'
import type { RevokeBody, Transaction } from '../../base/entries/transaction.ts'
import { type Draft, hashOf } from '../draft/draft.ts'
import type { Sender } from '../draft/members.ts'
import type { RevocationRecord } from '../draft/records.ts'
import type { Refusal } from '../draft/refusal.ts'
import { isCanonical, purlRecord, putPurl } from './requests.ts'

/** Takes a vote for a revocation. Votes for the same package and files are counted together, whatever their reasons. */
export function takeRevoke(draft: Draft, tx: Transaction<RevokeBody>, { organisation }: Sender): Refusal | undefined {
  const { purl, digests, reason } = tx.body
  if (!isCanonical(purl)) return 'purl'
  const members = draft.members()
  const key = `revocation/${hashOf([purl, digests])}`
  const before = draft.get<RevocationRecord>(key) ?? { votes: [], effective: false }
  if (before.effective) return 'revoked'
  if (before.votes.some((vote) => vote.organisation === organisation)) return 'repeated'
  const logged = draft.log({ kind: 'revocation', v: 1, at: draft.at, step: 'vote', organisation, tx })
  const votes = [...before.votes, { organisation, index: logged.index }]
  const counted = votes.filter((vote) => members.authorities.has(vote.organisation))
  const effective = counted.length >= members.oneHonest
  draft.put(key, { votes, effective } satisfies RevocationRecord)
  if (!effective) return undefined
  const { count, hash } = draft.scalars().revocations
  const item = { purl, digests, reason, votes: counted.map(({ index }) => index), place: count }
  draft.log({ kind: 'revocation', v: 1, at: draft.at, step: 'effective', ...item })
  const revocations = { count: count + 1, hash: withRevoked(hash, { purl, digests }) }
  draft.setScalars({ revocations })
  draft.log({ kind: 'head', v: 1, at: draft.at, revocations })
  if (digests.length === 0) putPurl(draft, purl, { ...purlRecord(draft, purl), live: null, revoked: true })
  return undefined
}
