/** Who belongs to the network, and what is voted on, out of the log's entries alone. Pure. `pyrsia members` shows it. */
import { type Entry, parseEntry } from '../../base/entries/entry.ts'
import { entryName } from '../../base/entries/entry-name.ts'
import { type Change, changeId } from '../../base/entries/transaction.ts'
import { AppError, isKind } from '../../base/errors.ts'
import type { MembersReport } from '../../cli/log/members-view.ts'
import { isPresent, type Members, voiceOf } from '../../consensus/draft/members.ts'
import { VOTING_SECONDS } from '../../consensus/rules/changes.ts'
import type { RawEntry } from '../../verify/explain/collect.ts'
import { createMembership } from '../../verify/explain/membership.ts'

/** A change that is voted on, or decided and not in force yet. */
export interface PendingChange {
  readonly id: string
  readonly change: Change
  /** Index in the log of the proposal. */
  readonly index: number
  readonly proposedSeconds: number
  /** Authorities that are for it, by keys that are still theirs. */
  readonly votes: readonly string[]
}

/** The members as of the end of the log. */
export interface MembersNow {
  readonly members: Members
  readonly pending: readonly PendingChange[]
  /** Entries that were read. */
  readonly size: number
}

/** Reads the whole log. @throws absent.entry if it names no members; untrusted.entry for a member entry that nobody could have made */
export async function readMembers(
  entries: AsyncIterable<RawEntry>,
  network: string,
  nowSeconds: number,
): Promise<MembersNow> {
  const membership = createMembership(network)
  const pending = new Map<string, Omit<PendingChange, 'votes'> & { readonly keys: string[] }>()
  let size = 0
  for await (const { index, bytes } of entries) {
    size = index + 1
    const entry = readable(bytes)
    if (entry?.kind !== 'member' && entry?.kind !== 'policy') continue
    if (entry.kind === 'member' && entry.step === 'vote') {
      const { body } = entry.tx
      const id = body.type === 'propose' ? changeId(body.change) : body.change
      if (body.type === 'propose') {
        pending.set(id, { id, change: body.change, index, proposedSeconds: entry.at.timeSeconds, keys: [] })
      }
      pending.get(id)?.keys.push(body.key)
      continue
    }
    const [problem] = membership.take({ index, name: entryName(bytes), entry })
    if (problem !== undefined) throw new AppError('untrusted.entry', `entry ${index} of the log: ${problem.problem}`)
    if ('votes' in entry && entry.votes !== null) pending.delete(changeId(entry.votes[0].body.change))
  }
  const now = membership.now()
  if (now === undefined || now.members.organisations.size === 0) {
    throw new AppError(
      'absent.entry',
      `the log ${network} names no members yet: pyrsia network show tells what its file says`,
    )
  }
  const { members } = now
  const open = [...pending.values()].filter((one) => one.proposedSeconds + VOTING_SECONDS > nowSeconds)
  const counted = open.map(({ keys, ...change }) => {
    return { ...change, votes: [...new Set(keys.flatMap((key) => voiceOf(members, key) ?? []))] }
  })
  return { members, pending: counted, size }
}

/** The same for people and programs. */
export function membersReport(network: string, { members, pending, size }: MembersNow): MembersReport {
  const organisations = [...members.organisations.values()].flatMap(({ name, joins, nodes }) => {
    const present = nodes.filter(isPresent)
    if (present.length === 0) return []
    const shown = present.map(({ node, index, roles, keys, builds }) => ({
      node,
      peer: keys.peer,
      roles,
      types: builds.map(({ type }) => type),
      sinceSize: index + 1,
    }))
    return [{ organisation: name, sinceSize: (joins.at(-1) ?? 0) + 1, nodes: shown }]
  })
  return {
    network,
    size,
    quorum: { k: members.quorum, of: members.authorities.size },
    organisations: organisations.sort((a, b) => (a.organisation < b.organisation ? -1 : 1)),
    pending: pending.map(({ id, change, index, votes }) => ({
      id,
      ...wordsOf(change),
      index,
      votes,
      decided: votes.length >= members.quorum,
    })),
  }
}

function wordsOf(change: Change): Pick<MembersReport['pending'][number], 'action' | 'organisation' | 'peer' | 'node'> {
  const nobody = { organisation: undefined, peer: undefined, node: undefined }
  switch (change.action) {
    case 'admit': {
      const { organisation, keys } = change.offer.body
      return { ...nobody, action: 'admit', organisation, peer: keys.peer }
    }
    case 'remove':
      return { ...nobody, action: 'remove', organisation: change.organisation, node: change.node }
    case 'rules':
      return { ...nobody, action: 'rules' }
  }
}

function readable(bytes: Uint8Array): Entry | undefined {
  try {
    return parseEntry(bytes)
  } catch (error) {
    if (isKind(error, 'usage')) return undefined
    throw error
  }
}
