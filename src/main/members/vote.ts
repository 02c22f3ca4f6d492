/** Votes for letting a node in or taking one out, with the consensus key of the data directory, through the node that runs there. */
import type { Json } from '../../base/crypto/canonical-json.ts'
import type { Signer } from '../../base/crypto/ed25519.ts'
import {
  type Change,
  changeId,
  type ProposeBody,
  signTransaction,
  type Transaction,
  type VoteBody,
} from '../../base/entries/transaction.ts'
import { AppError } from '../../base/errors.ts'
import type { NodeApi } from '../../cli/context.ts'
import type { VoteReport, VoteRequest } from '../../cli/log/members-view.ts'
import { isPresent } from '../../consensus/draft/members.ts'
import { readPart } from '../ceremony/merge.ts'
import type { MembersNow, PendingChange } from './read-members.ts'

/** What a vote stands on. */
export interface VoteDependencies {
  /** The log's origin. */
  readonly network: string
  readonly now: MembersNow
  /** The consensus key of this directory. */
  readonly signer: Signer
  readonly node: Pick<NodeApi, 'change'>
  readonly nowMs: number
}

/** What a key has to jump over if its sequence was used up ahead of time, in milliseconds. As the node itself does. */
const JUMPS_MS = [0, 3_600_000, 2_592_000_000]

/** Why the network takes no vote, in words. */
const REASONS: Readonly<Record<string, string>> = {
  key: 'the consensus key of this directory is no key of an authority',
  open: 'this organisation has a proposal open already: it can have one at a time',
  repeated: 'this organisation has voted for it already',
  late: 'it is decided',
  unknown: 'nothing of the kind is voted on any more',
  change:
    'it does not fit the members: the offer is not signed as it must be, names a key that is used, or nobody would be left',
}

/** Votes. @throws usage.part, usage.config, absent.entry, denied.network, and what the node answers */
export async function vote(request: VoteRequest, deps: VoteDependencies): Promise<VoteReport> {
  const { now, signer } = deps
  const wanted = await changeWanted(request, deps)
  const id = changeId(wanted)
  const pending = now.pending.find((one) => one.id === id)
  const voter = now.members.senders.get(Buffer.from(signer.publicKey).toString('hex'))?.organisation
  if (voter === undefined) throw denied('key')
  const organisation = wanted.action === 'admit' ? wanted.offer.body.organisation : organisationOf(wanted)
  const entries = await send(wanted, id, pending === undefined, deps)
  const { quorum, authorities } = now.members
  return {
    action: request.action,
    organisation,
    change: id,
    proposed: pending === undefined,
    votes: [...new Set([...(pending?.votes ?? []), voter])],
    quorum: { k: quorum, of: authorities.size },
    entries,
  }
}

/** The change that is meant: one that is voted on already if there is one, so that votes come together. */
async function changeWanted(request: VoteRequest, { network, now, nowMs }: VoteDependencies): Promise<Change> {
  if (request.action === 'remove') return removal(request, now, Math.floor(nowMs / 1000))
  const { offer: file, peer } = request
  if (file !== undefined) {
    const { offer } = await readPart(file)
    const { network: offered, organisation, keys } = offer.body
    if (offered !== network) {
      throw new AppError('usage.part', `wanted an offer of ${organisation} to ${network}, found one to ${offered}`)
    }
    if (peer !== undefined && keys.peer !== peer) {
      throw new AppError('usage.part', `wanted the offer of the peer ${peer}, found that of ${keys.peer ?? 'none'}`)
    }
    return { action: 'admit', offer }
  }
  if (peer === undefined) throw new AppError('usage.config', 'wanted --offer FILE or --peer PEER_ID, found neither')
  const proposed = now.pending.find(({ change }) => isOfferOf(change, peer))
  if (proposed !== undefined) return proposed.change
  throw new AppError('absent.entry', `nobody has proposed the peer ${peer} yet: name its offer with --offer FILE`)
}

function removal(
  { organisation, node: named }: Extract<VoteRequest, { action: 'remove' }>,
  { members, pending }: MembersNow,
  serial: number,
): Change {
  const present = members.organisations.get(organisation)?.nodes.filter(isPresent) ?? []
  if (present.length === 0) throw new AppError('absent.entry', `the network has no member ${organisation}`)
  const node = named === undefined ? undefined : present.find((one) => one.node === named || one.keys.peer === named)
  if (named !== undefined && node === undefined) {
    throw new AppError('absent.entry', `${organisation} has no node ${named}`)
  }
  const same = ({ change }: PendingChange) =>
    change.action === 'remove' && change.organisation === organisation && change.node === node?.node
  const proposed = pending.find(same)?.change
  return proposed ?? { action: 'remove', organisation, ...(node === undefined ? {} : { node: node.node }), serial }
}

async function send(change: Change, id: string, proposes: boolean, deps: VoteDependencies): Promise<number[]> {
  let refusal: string | undefined
  for (const jumpMs of JUMPS_MS) {
    const sequence = deps.nowMs + 1 + jumpMs
    const { network, signer, node } = deps
    const transaction: Transaction = proposes
      ? signTransaction<ProposeBody>({ type: 'propose', network, sequence, change }, signer)
      : signTransaction<VoteBody>({ type: 'vote', network, sequence, change: id }, signer)
    const ordered = await node.change<{ readonly refusal?: string; readonly entries: readonly { index: number }[] }>(
      'POST',
      '/api/transactions',
      { body: { transaction: transaction as unknown as Json } },
    )
    refusal = ordered.refusal
    if (refusal === undefined) return ordered.entries.map(({ index }) => index)
    if (refusal !== 'sequence') break
  }
  throw denied(refusal ?? 'sequence')
}

function denied(refusal: string): AppError {
  const why = REASONS[refusal] ?? `the network answers: ${refusal}`
  return new AppError('denied.network', `the vote was not taken: ${why}`, { data: { refusal } })
}

function organisationOf(change: Change): string {
  return change.action === 'remove' ? change.organisation : ''
}

function isOfferOf(change: Change, peer: string): boolean {
  return change.action === 'admit' && change.offer.body.keys.peer === peer
}
