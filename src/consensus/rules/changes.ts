/**
 * Changes of members and rules: proposed by an authority, decided by the quorum of those that are authorities then, in force some blocks
 * later. One decided change at a time: the next one is decided by the members that this one leaves. 2-trust.md, "Parties and keys".
 */
import type { Votes } from '../../base/entries/entry.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import {
  type Change,
  changeId,
  encodeTransaction,
  type ProposeBody,
  type Transaction,
  type VoteBody,
} from '../../base/entries/transaction.ts'
import type { Draft } from '../draft/draft.ts'
import { isPresent, type Members, type Sender, voiceOf } from '../draft/members.ts'
import type { ChangeRecord } from '../draft/records.ts'
import type { Refusal } from '../draft/refusal.ts'
import { atDeadline, atHeight, deadlineIn, hasPassed, isHeldUp } from '../draft/schedule.ts'
import { isAcceptable, withNode, withoutNode } from './offers.ts'

/** How long votes for a change are taken. */
export const VOTING_SECONDS = 2_592_000
/** Bytes of a proposal: its entry holds the votes of all authorities too. */
export const PROPOSAL_BYTES_MAX = 20_480

/** Takes a proposal, which is its sender's vote as well. An organisation has one at a time. */
export function takeProposal(
  draft: Draft,
  tx: Transaction<ProposeBody>,
  { organisation }: Sender,
): Refusal | undefined {
  const { change } = tx.body
  const { changes } = draft.scalars()
  const id = changeId(change)
  if (draft.get<ChangeRecord>(`change/${id}`) !== undefined) return 'repeated'
  if (changes.some((open) => open.organisation === organisation)) return 'open'
  if (encodeTransaction(tx).byteLength > PROPOSAL_BYTES_MAX) return 'size'
  if (!isPossible(draft, change)) return 'change'
  const deadline = deadlineIn(draft, VOTING_SECONDS)
  draft.put(`change/${id}`, { change, votes: [], deadline } satisfies ChangeRecord)
  draft.setScalars({ changes: [...changes, { id, organisation }] })
  atDeadline(draft, deadline, `change/${id}`)
  addVote(draft, id, tx, organisation)
  return undefined
}

/** Takes a vote for a change that is open. */
export function takeVote(draft: Draft, tx: Transaction<VoteBody>, { organisation }: Sender): Refusal | undefined {
  const { change: id } = tx.body
  const record = draft.get<ChangeRecord>(`change/${id}`)
  if (record === undefined) return 'unknown'
  if (draft.scalars().approved === id) return 'late'
  if (voicesFor(draft.members(), record).has(organisation)) return 'repeated'
  addVote(draft, id, tx, organisation)
  return undefined
}

/** Looks at a change: puts it in force if it was decided, drops it if its time is over. */
export function lookAtChange(draft: Draft, id: Hex32): void {
  const record = draft.get<ChangeRecord>(`change/${id}`)
  if (record === undefined) return
  if (draft.scalars().approved !== id) {
    if (hasPassed(draft, record.deadline)) drop(draft, id)
    else if (isHeldUp(draft, record.deadline)) atHeight(draft, record.deadline.heightBlock, `change/${id}`)
    return
  }
  // Its own deadline may pass while it waits to come into force.
  if (draft.get<number>(`activation/${id}`) !== draft.at.heightBlock) return
  drop(draft, id)
  draft.remove(`activation/${id}`)
  draft.setScalars({ approved: null })
  putInForce(draft, record)
  decideNext(draft)
}

function addVote(
  draft: Draft,
  id: Hex32,
  tx: Transaction<ProposeBody> | Transaction<VoteBody>,
  organisation: string,
): void {
  const record = draft.get<ChangeRecord>(`change/${id}`)
  if (record === undefined) return
  const members = draft.members()
  // Votes of keys that were given up are worth nothing, and room in the entry that will hold the others.
  const kept = record.votes.filter((vote, at) => at === 0 || voiceOf(members, vote.tx.body.key) !== undefined)
  draft.put(`change/${id}`, { ...record, votes: [...kept, { organisation, tx }] } satisfies ChangeRecord)
  draft.log({ kind: 'member', v: 1, at: draft.at, step: 'vote', tx })
  decideNext(draft)
}

/** Decides the oldest change that has its quorum, unless one is decided and not in force yet. */
function decideNext(draft: Draft): void {
  for (const { id } of draft.scalars().changes) {
    if (draft.scalars().approved !== null) return
    const record = draft.get<ChangeRecord>(`change/${id}`)
    if (record === undefined || voicesFor(draft.members(), record).size < draft.members().quorum) continue
    if (!isPossible(draft, record.change)) {
      drop(draft, id)
      continue
    }
    const height = draft.at.heightBlock + draft.members().rules.activationBlocks
    draft.setScalars({ approved: id })
    draft.put(`activation/${id}`, height)
    atHeight(draft, height, `change/${id}`)
  }
}

/** Who is for it by a key that still speaks for an authority: nobody who verifies the `active` entry counts any other. */
function voicesFor(members: Members, { votes }: ChangeRecord): ReadonlySet<string> {
  return new Set(votes.flatMap(({ tx }) => voiceOf(members, tx.body.key) ?? []))
}

function drop(draft: Draft, id: Hex32): void {
  draft.remove(`change/${id}`)
  draft.setScalars({ changes: draft.scalars().changes.filter((open) => open.id !== id) })
}

function isPossible(draft: Draft, change: Change): boolean {
  const members = draft.members()
  switch (change.action) {
    case 'admit':
      return isAcceptable(draft.constants.network, change.offer, members) && leavesAuthority(members, change)
    case 'remove': {
      const { organisation, node } = change
      const present = members.organisations.get(organisation)?.nodes.filter(isPresent) ?? []
      return present.some((each) => node === undefined || each.node === node) && leavesAuthority(members, change)
    }
    case 'rules':
      return true
  }
}

/** Somebody must be left to decide. */
function leavesAuthority({ organisations }: Members, change: Change): boolean {
  if (change.action === 'admit' && change.offer.body.roles.includes('authority')) return true
  const goes = (organisation: string, node: string) => {
    if (change.action === 'admit') return change.offer.body.replaces === node
    return change.action === 'remove' && change.organisation === organisation && (change.node ?? node) === node
  }
  for (const { name, nodes } of organisations.values()) {
    if (nodes.some((each) => isPresent(each) && each.roles.includes('authority') && !goes(name, each.node))) return true
  }
  return false
}

function putInForce(draft: Draft, { change, votes }: ChangeRecord): void {
  const members = draft.members()
  const { timeSeconds } = draft.at
  const index = draft.scalars().entries
  // The first is the proposal even if who proposed is no authority any more: it says what was voted on.
  const given = votes.map(({ tx }) => tx) as unknown as Votes
  if (change.action === 'rules') {
    draft.log({ kind: 'policy', v: 1, at: draft.at, rules: change.rules, votes: given })
    draft.putMember('rules', { rules: change.rules, index })
    return
  }
  draft.log({ kind: 'member', v: 1, at: draft.at, step: 'active', votes: given })
  const name = change.action === 'admit' ? change.offer.body.organisation : change.organisation
  const before = members.organisations.get(name)
  const after =
    change.action === 'admit'
      ? withNode(before, change.offer.body, index, timeSeconds)
      : withoutNode(before, change.node, index, timeSeconds)
  if (after !== undefined) draft.putMember(`organisation/${name}`, after)
}
