/**
 * The deciding core: who belongs to the network, who builds what, and when they agree. A pure function of transactions: no clock, no
 * randomness of its own, no floats, no locale. Engines (`consensus.ts`) order transactions into blocks and bring the time; the same
 * blocks give the same state, the same log entries and the same root on every machine. `DESIGN.md` tells how the rules hang together.
 */
import type { At } from '../base/entries/fields.ts'
import type { Offer } from '../base/entries/offer.ts'
import { NO_REVOCATIONS } from '../base/entries/revocation-list.ts'
import type { NetworkRules } from '../base/entries/rules.ts'
import { isSigned, type Transaction } from '../base/entries/transaction.ts'
import { AppError, assert } from '../base/errors.ts'
import {
  type Constants,
  createDraft,
  type Draft,
  type LoggedEntry,
  type Outputs,
  type State,
  stateRoot,
} from './draft/draft.ts'
import type { Sender } from './draft/members.ts'
import type { Refusal } from './draft/refusal.ts'
import { atHeight, hasPassed, isHeldUp, takeDue } from './draft/schedule.ts'
import { lookAtChange, takeProposal, takeVote } from './rules/changes.ts'
import { awaitCommits, awaitReveals, takeCommit } from './rules/commit.ts'
import { awaitBeacon, settleDraw, takeBeacon } from './rules/draw.ts'
import { isSoundOffer, withNode } from './rules/offers.ts'
import { requestRecord, takeDispute, takeRequest } from './rules/requests.ts'
import { takeReveal } from './rules/reveal.ts'
import { takeRevoke } from './rules/revoke.ts'

/** What a transaction came to: a new state in any case, log entries if it was taken, the reason if it was not. */
export interface Step {
  readonly state: State
  readonly outputs: Outputs
  readonly refusal: Refusal | undefined
}

/** What a whole block came to. */
export interface BlockStep {
  readonly state: State
  /** Everything that was logged: what was due, then what each transaction brought. */
  readonly entries: readonly LoggedEntry[]
  /** For each transaction what was logged because of it, and why it was not taken. */
  readonly steps: readonly { readonly entries: readonly LoggedEntry[]; readonly refusal: Refusal | undefined }[]
}

/** Whom a network begins with. All nodes of a network must be given the same, in the same order. */
export interface Genesis {
  readonly offers: readonly Offer[]
  readonly rules: NetworkRules
  readonly timeSeconds: number
}

/** The state machine of one network. */
export interface StateMachine {
  readonly constants: Constants
  /** The state of block 0, and the first entries of the log. @throws usage.network if an offer is not signed as it must be, or contradicts another */
  genesis(genesis: Genesis): Omit<Step, 'refusal'>
  /** What happens in a block before its transactions: draws are settled, deadlines pass, changes come into force. Heights follow one another, times never fall. */
  beginBlock(state: State, at: At): Omit<Step, 'refusal'>
  /** One transaction, in the block that `beginBlock` began. */
  step(state: State, tx: Transaction, at: At): Step
  /** `beginBlock` and a `step` for each transaction, at once: the same outcome, and the states between are never made. */
  block(state: State, at: At, transactions: readonly Transaction[]): BlockStep
  /** The root of a state, 32 bytes. */
  root(state: State): Uint8Array
}

/** The state machine of this network. */
export function createStateMachine(constants: Constants): StateMachine {
  return {
    constants,
    genesis: (genesis) => begin(constants, genesis),
    beginBlock: (state, at) => blockDraft(constants, state, at).finish(),
    step(state, tx, at) {
      assert(at.heightBlock === state.at.heightBlock, 'wanted a block that was begun')
      const draft = createDraft(constants, state, at)
      const refusal = takeOne(draft, tx)
      return { ...draft.finish(), refusal }
    },
    block(before, at, transactions) {
      const draft = blockDraft(constants, before, at)
      const steps = transactions.map((tx) => {
        const logged = draft.logged().length
        const refusal = takeOne(draft, tx)
        return { refusal, entries: draft.logged().slice(logged) }
      })
      const { state, outputs } = draft.finish()
      return { state, entries: outputs.entries, steps }
    },
    root: (state) => stateRoot(constants, state),
  }
}

/** The draft of a block in which what was due has happened. */
function blockDraft(constants: Constants, state: State, at: At): Draft {
  assert(at.heightBlock === state.at.heightBlock + 1, 'wanted the block after the last one')
  assert(at.timeSeconds >= state.at.timeSeconds, 'wanted a time that does not fall')
  const draft = createDraft(constants, state, at)
  for (const due of takeDue(draft)) lookAt(draft, due)
  return draft
}

/** One transaction; why it was not taken, if it was not. */
function takeOne(draft: Draft, tx: Transaction): Refusal | undefined {
  const sender = senderOf(draft, tx)
  if (typeof sender === 'string') return sender
  const { key, sequence } = tx.body
  // It uses up its sequence even if it is refused: else anybody could bring it again when it suits them.
  draft.put(`sequence/${key}`, sequence)
  draft.mark()
  const refusal = take(draft, tx, sender)
  if (refusal !== undefined) draft.undo()
  return refusal
}

/** Who sent it, or why it does not count; the signature, which is dear, last. */
function senderOf(draft: Draft, tx: Transaction): Sender | Refusal {
  const { network, key, sequence } = tx.body
  if (network !== draft.constants.network) return 'network'
  const sender = draft.members().senders.get(key)
  if (sender === undefined || !mayUse(sender, tx)) return 'key'
  if (sequence <= (draft.get<number>(`sequence/${key}`) ?? -1)) return 'sequence'
  return isSigned(tx) ? sender : 'signature'
}

/** What builders say is signed with attestation keys; what authorities decide, with consensus keys. */
function mayUse({ use }: Sender, { body }: Transaction): boolean {
  if (body.type === 'commit' || body.type === 'reveal') return use === 'attestation'
  if (body.type === 'propose' || body.type === 'vote' || body.type === 'revoke') return use === 'consensus'
  return true
}

function take(draft: Draft, tx: Transaction, sender: Sender): Refusal | undefined {
  const { body } = tx
  switch (body.type) {
    case 'request':
      return takeRequest(draft, { ...tx, body }, sender)
    case 'beacon':
      return takeBeacon(draft, { ...tx, body })
    case 'commit':
      return takeCommit(draft, { ...tx, body }, sender)
    case 'reveal':
      return takeReveal(draft, { ...tx, body }, sender)
    case 'dispute':
      return takeDispute(draft, { ...tx, body }, sender)
    case 'propose':
      return takeProposal(draft, { ...tx, body }, sender)
    case 'vote':
      return takeVote(draft, { ...tx, body }, sender)
    case 'revoke':
      return takeRevoke(draft, { ...tx, body }, sender)
  }
}

function lookAt(draft: Draft, due: string): void {
  const [what = '', name = ''] = due.split('/')
  if (what === 'change') {
    lookAtChange(draft, name)
    return
  }
  const record = requestRecord(draft, name)
  if (record === undefined) return
  if (record.deadline !== null && isHeldUp(draft, record.deadline)) atHeight(draft, record.deadline.heightBlock, due)
  const { phase } = record
  if (phase === 'fixing') settleDraw(draft, name, record)
  else if (phase === 'drawing') awaitBeacon(draft, name, record)
  else if (phase === 'committing') awaitCommits(draft, name, record)
  else if (phase === 'revealing') awaitReveals(draft, name, record)
  else if (hasPassed(draft, record.deadline)) draft.remove(`request/${name}`)
}

function begin(constants: Constants, { offers, rules, timeSeconds }: Genesis): Omit<Step, 'refusal'> {
  const at = { heightBlock: 0, timeSeconds }
  const revocations = { count: 0, hash: NO_REVOCATIONS }
  const scalars = { entries: 0, heap: 0, heights: 0, rounds: [], changes: [], approved: null, revocations }
  const draft = createDraft(constants, { members: undefined, work: undefined, scalars, at }, at)
  const policy = draft.log({ kind: 'policy', v: 1, at, rules, votes: null })
  draft.putMember('rules', { rules, index: policy.index })
  for (const offer of offers) {
    const members = draft.members()
    const { organisation } = offer.body
    if (!isSoundOffer(constants.network, offer, members)) {
      throw new AppError(
        'usage.network',
        `wanted a founding offer that is signed and fits the others, found ${organisation}'s`,
      )
    }
    const { index } = draft.log({ kind: 'member', v: 1, at, step: 'genesis', network: constants.network, offer })
    draft.putMember(
      `organisation/${organisation}`,
      withNode(members.organisations.get(organisation), offer.body, index, timeSeconds),
    )
  }
  if (draft.members().authorities.size === 0) {
    throw new AppError('usage.network', 'wanted an authority among those who found a network, found none')
  }
  draft.log({ kind: 'head', v: 1, at, revocations })
  return draft.finish()
}
